"""Simulate accounts and months with known hazards, and draw the labels from these hazards.

Contains: the features, the labels and the truth. Out of scope: any assertion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from saas_platform.trained_models import features

FIRST = pd.Timestamp("2024-01-01")
_CHOICES = {
    "segment": ["smb", "mid", "enterprise"],
    "industry": ["retail", "software"],
    "country": ["DE", "FR", "US"],
    "acquisition_channel": ["organic", "paid_search"],
    "tier": ["team", "business"],
    "billing_interval": ["month", "year"],
    "promo_kind": ["none", "acquisition"],
}
_MEANS = {
    "tenure_months": 8,
    "employee_count": 40,
    "seats": 9,
    "mrr": 180,
    "active_users_7d": 4,
    "active_users_28d": 6,
    "events_30d": 90,
    "events_previous_30d": 90,
    "features_used_28d": 5,
    "tickets_90d": 1,
    "complaints_90d": 1,
    "failed_payments_60d": 1,
}


@dataclass(frozen=True)
class World:
    """`features` as in the mart, `truth` as in the simulator, and the `hazard` of each row of features."""

    features: pd.DataFrame
    truth: pd.DataFrame
    hazard: np.ndarray

    def months(self) -> list[pd.Timestamp]:
        return sorted(self.features["month"].unique())


def simulate(*, accounts: int = 250, months: int = 12, seed: int = 1, level: float = -3.0) -> World:
    """Simulate accounts that all pay in every month. The newest month has no label yet.

    The log-odds are `level`, raised by failed payments and lowered by the tier `team`.
    """
    rng = np.random.default_rng(seed)
    rows = accounts * months
    number = np.repeat(np.arange(months), accounts)
    frame = pd.DataFrame(
        {
            "account_id": np.tile(np.arange(1, accounts + 1), months),
            "month": [FIRST + pd.DateOffset(months=int(k)) for k in number],
            **{name: rng.choice(values, rows) for name, values in _CHOICES.items()},
            **{name: rng.poisson(mean, rows) for name, mean in _MEANS.items()},
            "days_since_last_login": np.where(
                rng.random(rows) < 0.1, np.nan, rng.integers(0, 90, rows)
            ),
            "discount_percent": rng.choice([0, 20], rows),
            "promo_discount_percent": rng.choice([0, 20], rows),
            "seats_change_90d": rng.integers(-3, 4, rows),
            "complaints_30d": rng.poisson(0.3, rows),
            "is_past_due": rng.random(rows) < 0.05,
            "months_to_renewal": rng.integers(1, 13, rows),
        }
    )
    odds = level + 1.5 * np.log1p(frame["failed_payments_60d"]) - 1.0 * (frame["tier"] == "team")
    hazard = (1 / (1 + np.exp(-odds))).to_numpy()
    # The observable hazard assumes that nobody can see the tier: it is the mean given the failed payments.
    failed = frame["failed_payments_60d"]
    observable = pd.Series(hazard).groupby(failed).transform("mean").to_numpy()
    label = pd.array(rng.random(rows) < hazard, dtype="boolean")
    label[number == months - 1] = pd.NA
    frame[features.LABEL] = label
    truth = pd.DataFrame(
        {
            "account_id": frame["account_id"],
            # A hazard acts in the month after that of the features.
            "month": [(m + pd.DateOffset(months=1)).date() for m in frame["month"]],
            "voluntary_hazard": 0.75 * hazard,
            "involuntary_hazard": 0.25 * hazard,
            "observable_voluntary_hazard": 0.75 * observable,
            "observable_involuntary_hazard": 0.25 * observable,
        }
    )
    return World(frame[features.COLUMNS], truth, hazard)
