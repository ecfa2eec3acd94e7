"""The features of the churn model, read from the marts.

A row contains what is known of a paying account at the end of a month, and the label `churned_next_month`, which is
missing if the next month is not over. Out of scope: how the model uses the features (churn.py).
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

KEY = ["account_id", "month"]
LABEL = "churned_next_month"

CATEGORIES = [
    "segment",
    "industry",
    "country",
    "acquisition_channel",
    "tier",
    "billing_interval",
    "promo_kind",
]
#: Heavy-tailed and never negative. The log-odds of churn relate to their logarithm.
COUNTS = [
    "tenure_months",
    "employee_count",
    "seats",
    "mrr",
    "active_users_7d",
    "active_users_28d",
    "events_30d",
    "events_previous_30d",
    "days_since_last_login",
    "features_used_28d",
    "tickets_90d",
    "complaints_90d",
    "failed_payments_60d",
]
NUMBERS = [
    "discount_percent",
    "promo_discount_percent",
    "seats_change_90d",
    "complaints_30d",
    "is_past_due",
    "months_to_renewal",
]
COLUMNS = [*KEY, *CATEGORIES, *COUNTS, *NUMBERS, LABEL]
#: The types of the columns that are not integers. The days since a login are floats, because they may be missing.
_TYPES = {
    "month": pa.timestamp("ns"),
    **dict.fromkeys(CATEGORIES, pa.string()),
    "mrr": pa.float64(),
    "days_since_last_login": pa.float64(),
    "is_past_due": pa.bool_(),
    LABEL: pa.bool_(),
}
#: The types of a frame's columns, whichever warehouse the rows come from.
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.int64())) for name in COLUMNS])
#: The mart that contains these columns, and the query that reads its rows.
MART = "account_month_features"
ROWS = f"SELECT {', '.join(COLUMNS)} FROM marts.{MART} ORDER BY account_id, month"


def frame(rows: pa.Table) -> pd.DataFrame:
    """Return the rows of the query as a frame; decimals become floats (they are features here, not money)."""
    found = rows.cast(SCHEMA).to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    return found.assign(is_past_due=found["is_past_due"].astype(bool))
