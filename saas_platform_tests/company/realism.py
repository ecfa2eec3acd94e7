"""The properties of a realistic company with their targets, for `test_realism.py` and the benchmark.

Contains: the list. Out of scope: the measures (measures.py). A target without a published figure is labelled
a judgement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saas_platform_tests.company.measures import World


@dataclass(frozen=True)
class Property:
    """A property with its target range. `source` is the published figure behind the target."""

    name: str
    low: float
    high: float
    measure: Callable[[World], float]
    source: str = "judgement"

    def holds(self, measured: float) -> bool:
        """Return whether low <= measured <= high."""
        return self.low <= measured <= self.high


_SEGMENTS = ("smb", "mid_market", "enterprise")
_CHURN = {"smb": (0.03, 0.05), "mid_market": (0.015, 0.025), "enterprise": (0.005, 0.010)}
_MANY = float("inf")


def _churn(segment: str) -> Callable[[World], float]:
    return lambda world: world.churn_by_segment()[segment]


def _yearly(segment: str) -> Callable[[World], float]:
    return lambda world: world.yearly_share()[segment]


def _skewness(what: str) -> Callable[[World], float]:
    return lambda world: world.log_skewness(what)


PROPERTIES = (
    *(
        Property(
            f"Monthly logo churn, {name}", *_CHURN[name], _churn(name), "Recurly: 3.27 % overall"
        )
        for name in _SEGMENTS
    ),
    Property(
        "Hazard of months 1-3 / months 12+",
        2.0,
        _MANY,
        World.early_to_late_hazard,
        "Buffer: 27 % alive at 12, 47 % of those who reached 3",
    ),
    Property(
        "R2 of a shifted-beta-geometric curve",
        0.98,
        1.0,
        World.beta_geometric_r2,
        "Fader & Hardie: 1000, 631, 468, 382, 326",
    ),
    Property("NRR of a year", 0.98, 1.08, lambda w: w.retention()[0], "ChurnZero: median 102 %"),
    Property(
        "GRR of a year", 0.85, 0.93, lambda w: w.retention()[1], "KBCM 2024: quartiles 82, 91, 95 %"
    ),
    Property(
        "New share of the gained MRR",
        0.55,
        0.65,
        lambda w: w.gained_from()["new"],
        "ChartMogul 2023: 57.9 %",
    ),
    Property(
        "Expansion share of the gained MRR",
        0.25,
        0.35,
        lambda w: w.gained_from()["expansion"],
        "ChartMogul 2023: 32.3 %",
    ),
    Property(
        "Trial to paid without a card",
        0.04,
        0.15,
        lambda w: w.conversion()[False],
        "median 8 %, two humps",
    ),
    Property(
        "Trial to paid with a card", 0.25, 0.60, lambda w: w.conversion()[True], "the second hump"
    ),
    Property("Card declines / charges", 0.05, 0.14, World.decline_rate, "Recurly"),
    Property(
        "Invoices recovered in dunning", 0.45, 0.60, World.recovery_rate, "Recurly: median 47.6 %"
    ),
    Property("Recoveries on days 2-12", 0.5, 1.0, World.recovered_early, "Recurly"),
    Property("Involuntary share of churn", 0.20, 0.35, World.involuntary_share, "Recurly: 26 %"),
    *(
        Property(f"Annual plans, {name}", 0.20, 0.50, _yearly(name), "ProfitWell, 941 firms")
        for name in _SEGMENTS
    ),
    Property(
        "Churn on annual / on monthly plans",
        0.0,
        0.99,
        World.yearly_to_monthly_churn,
        "ProfitWell: churn falls with the annual share",
    ),
    Property(
        "Hazard after a deep code / without",
        1.5,
        2.0,
        World.deep_code_ratio,
        "above 25 % off: churned twice as often",
    ),
    Property("Hazard under a loyalty code / without", 0.0, 0.99, World.loyalty_ratio),
    Property("Campaigns whose holdout is not random", 0, 0, World.holdouts_off),
    Property(
        "Fall of usage in the 60 days before churn",
        0.30,
        1.0,
        World.usage_fall,
        "Buffer: users of features 7 % canceled, others 35 %",
    ),
    Property("DAU / MAU", 0.10, 0.25, World.stickiness, "mean 13 %, median 9.3 %"),
    Property("Fall of usage on weekend days", 0.60, 0.80, World.weekend_fall),
    Property(
        "Signups, first / second half-year",
        1.05,
        1.5,
        lambda w: w.season()[0],
        "Buffer's decomposition",
    ),
    Property(
        "Signups, July and August / mean", 0.6, 0.95, lambda w: w.season()[1], "Buffer: summer dip"
    ),
    Property("Summer dip of usage", 0.03, 0.4, World.summer_dip_of_usage, "Buffer: summer dip"),
    *(
        Property(f"Skewness of log {what}", -0.75, 0.75, _skewness(what), "log-normal: 0")
        for what in ("seats", "mrr", "usage")
    ),
    Property("MRR share of the top tenth of accounts", 0.40, 0.60, World.top_tenth_of_mrr),
    Property("Odds ratio of churn for each complaint", 1.1, 1.3, World.complaint_odds),
    Property("Rows that precede their cause", 0, 0, World.early_rows),
)
