"""The tiles on top of the page: eight figures of the last full month, each beside the month before.

Does not hold: SQL, HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from saas_platform.dashboard.data import Facts

Unit = Literal["money", "count", "percent"]

#: The box in which a tile's small line is drawn.
_WIDTH, _HEIGHT = 120.0, 28.0
_MONTHS_DRAWN = 13


@dataclass(frozen=True)
class Tile:
    """One figure, NULL where the mart has none, with what it was in the months before."""

    key: str
    label: str
    definition: str
    unit: Unit
    history: Sequence[float | None]
    #: Whether more of it is good news.
    rising_is_good: bool = True

    @property
    def value(self) -> float | None:
        return self.history[-1]

    @property
    def text(self) -> str:
        return "–" if self.value is None else _text(self.value, self.unit)

    @property
    def change(self) -> float | None:
        """Relative; for a ratio, the difference."""
        before = self.history[-2] if len(self.history) > 1 else None
        if self.value is None or before is None:
            return None
        if self.unit == "percent":
            return self.value - before
        return self.value / before - 1 if before else None

    @property
    def change_text(self) -> str:
        if self.change is None:
            return "nothing to compare with"
        sign = "+" if self.change >= 0 else "−"
        unit = "pp" if self.unit == "percent" else "%"
        return f"{sign}{abs(self.change) * 100:.1f} {unit}"

    @property
    def tone(self) -> Literal["good", "bad", "even"]:
        if self.change is None or abs(self.change) < 0.0005:
            return "even"
        return "good" if (self.change > 0) == self.rising_is_good else "bad"

    @property
    def path(self) -> str:
        """The last months as points of an SVG polyline; empty where there are too few."""
        recent = list(self.history[-_MONTHS_DRAWN:])
        known = [value for value in recent if value is not None]
        if len(known) < 2:
            return ""
        low, high = min(known), max(known)
        points = []
        for position, value in enumerate(recent):
            if value is not None:
                x = _WIDTH * position / (len(recent) - 1)
                y = _HEIGHT / 2 if high == low else _HEIGHT * (high - value) / (high - low)
                points.append(f"{x:.1f},{y + 2:.1f}")
        return " ".join(points)


def _text(value: float, unit: Unit) -> str:
    if unit == "percent":
        return f"{value * 100:.1f} %"
    # Eight digits would not fit.
    text = f"{value:,.0f}" if abs(value) < 1e7 else f"{value / 1e6:,.1f}M"
    return f"${text}" if unit == "money" else text


def tiles(facts: Facts) -> list[Tile]:
    """In the order of the page; there is a full month at least."""
    company, users = facts.tables["company_months"], facts.tables["user_months"]
    return [
        Tile(
            "mrr", "MRR", "at month end, net of discounts", "money", company.numbers("closing_mrr")
        ),
        Tile("arr", "ARR", "12 × MRR", "money", company.numbers("arr")),
        Tile(
            "paying_accounts",
            "Paying accounts",
            "MRR above 0 at month end",
            "count",
            company.numbers("paying_accounts"),
        ),
        Tile("arpa", "ARPA", "MRR / paying accounts", "money", company.numbers("arpa")),
        Tile(
            "nrr_12m",
            "NRR, 12 months",
            "their MRR now / payers’ MRR a year ago",
            "percent",
            company.numbers("nrr_12m"),
        ),
        Tile(
            "grr_12m",
            "GRR, 12 months",
            "the same without expansion",
            "percent",
            company.numbers("grr_12m"),
        ),
        Tile(
            "logo_churn",
            "Logo churn",
            "lost in the month / customers at its start",
            "percent",
            _logo_churn(facts),
            rising_is_good=False,
        ),
        Tile("mau", "MAU", "users active in the last 28 days", "count", users.numbers("mau")),
    ]


def _logo_churn(facts: Facts) -> list[float | None]:
    """Over all segments, by month."""
    table = facts.tables["churn_months"]
    totals = {month: [0.0, 0.0] for month in facts.months}
    for month, opening, churned in zip(
        table.columns["month"],
        table.numbers("opening_customers"),
        table.numbers("churned_customers"),
        strict=True,
    ):
        totals[str(month)][0] += opening or 0
        totals[str(month)][1] += churned or 0
    return [churned / opening if opening else None for opening, churned in totals.values()]
