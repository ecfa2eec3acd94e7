"""Read the data of the page from the marts, as one table of plain columns for each grain.

The SQL means the same on every engine: it uses columns, joins on keys, SUM and COUNT. Out of scope: the
definition of any metric (a chart only divides sums from a mart), and the appearance of the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from saas_platform.dashboard.errors import DashboardError
from saas_platform.warehouse.interface import MARTS, MODELS, Warehouse

#: The scalar values of JSON.
JsonValue = str | int | float | bool | None


@dataclass(frozen=True)
class PageTable:
    """A table of columns, all of the same length."""

    columns: Mapping[str, list[JsonValue]]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values())))

    def numbers(self, column: str) -> list[float | None]:
        """Return a column as numbers, with None for every value that is not a number."""
        return [
            float(value) if isinstance(value, int | float) else None
            for value in self.columns[column]
        ]


@dataclass(frozen=True)
class Facts:
    """All data that the page shows."""

    tables: Mapping[str, PageTable]
    #: The number of rows of each mart that was read.
    mart_rows: Mapping[str, int]
    #: The first days of the complete months as `YYYY-MM-DD`, in order.
    months: tuple[str, ...]


def _mrr_by(dimension: str) -> str:
    return f"""
        SELECT f.month, f.segment, f.{dimension}, SUM(f.mrr) AS mrr, COUNT(*) AS accounts
        FROM marts.account_month_features AS f
        JOIN marts.mrr_monthly AS m ON f.month = m.month
        WHERE m.is_complete
        GROUP BY f.month, f.segment, f.{dimension}
        ORDER BY f.month, f.segment, f.{dimension}
    """


#: Incomplete months are left out, because next to complete ones they would look like a decline.
QUERIES: Mapping[str, str] = {
    "company_months": """
        SELECT month, closing_mrr, arr, paying_accounts, arpa, nrr_12m, grr_12m
        FROM marts.mrr_monthly WHERE is_complete ORDER BY month
    """,
    "mrr_months": """
        SELECT
            a.month, d.segment,
            SUM(a.new_mrr) AS new_mrr,
            SUM(a.expansion_mrr) AS expansion_mrr,
            SUM(a.reactivation_mrr) AS reactivation_mrr,
            SUM(a.contraction_mrr) AS contraction_mrr,
            SUM(a.churn_mrr) AS churn_mrr,
            SUM(a.closing_mrr - a.opening_mrr) AS net_mrr,
            SUM(a.closing_mrr) AS closing_mrr,
            SUM(a.closing_list_mrr) AS closing_list_mrr,
            SUM(12 * a.closing_mrr) AS arr,
            COUNT(CASE WHEN a.closing_is_paying THEN 1 END) AS paying_accounts
        FROM marts.account_months AS a
        JOIN marts.dim_account AS d ON a.account_id = d.account_id
        JOIN marts.mrr_monthly AS m ON a.month = m.month
        WHERE m.is_complete
        GROUP BY a.month, d.segment
        ORDER BY a.month, d.segment
    """,
    "mrr_by_plan": _mrr_by("tier"),
    "mrr_by_channel": _mrr_by("acquisition_channel"),
    "mrr_by_country": _mrr_by("country"),
    "revenue_months": """
        SELECT month, recognised_revenue, net_revenue, cash_collected, refunds, discounts
        FROM marts.revenue_monthly WHERE is_complete ORDER BY month
    """,
    "cohorts": """
        SELECT
            cohort_month, segment, months_since_first_paid,
            observed_accounts, retained_accounts, observed_first_mrr, retained_mrr
        FROM marts.cohort_retention ORDER BY cohort_month, segment, months_since_first_paid
    """,
    "churn_months": """
        SELECT
            month, segment, opening_customers, churned_customers,
            voluntary_churned_customers, involuntary_churned_customers
        FROM marts.churn_monthly WHERE is_complete ORDER BY month, segment
    """,
    "user_days": """
        SELECT date_day, dau, wau, mau FROM marts.user_growth_daily ORDER BY date_day
    """,
    "user_months": """
        SELECT month, signups, matured_signups, activated_signups, mau, mean_dau, stickiness
        FROM marts.user_growth_monthly WHERE is_complete ORDER BY month
    """,
    "trials": """
        SELECT cohort_month, trial_with_card, trials, converted_trials, expired_trials
        FROM marts.trial_funnel ORDER BY cohort_month, trial_with_card
    """,
    "promos": """
        SELECT
            p.campaign, p.code, d.starts_at, p.kind, p.discount_percent,
            p.treated_accounts, p.holdout_accounts,
            p.treated_conversion_rate, p.holdout_conversion_rate,
            p.conversion_difference, p.conversion_difference_low, p.conversion_difference_high,
            p.treated_matured, p.holdout_matured,
            p.treated_retention_12m, p.holdout_retention_12m, p.retention_12m_difference,
            p.retention_12m_difference_low, p.retention_12m_difference_high,
            p.treated_net_revenue_per_account, p.holdout_net_revenue_per_account
        FROM marts.promo_performance AS p
        JOIN marts.dim_promo_code AS d ON p.promo_code_id = d.promo_code_id
        WHERE p.treated_accounts + p.holdout_accounts > 0
        ORDER BY d.starts_at, p.promo_code_id
    """,
    "billing_months": """
        SELECT
            month, attempted_charges, failed_charges, first_failures, recovered_failures,
            recovery_rate, billings, receivables, dso_days
        FROM marts.billing_health WHERE is_complete ORDER BY month
    """,
}

#: The marts that these queries read. The page shows their row counts.
MART_NAMES = (
    "account_month_features",
    "account_months",
    "billing_health",
    "churn_monthly",
    "cohort_retention",
    "dim_account",
    "dim_promo_code",
    "mrr_monthly",
    "promo_performance",
    "revenue_monthly",
    "trial_funnel",
    "user_growth_daily",
    "user_growth_monthly",
)

ROW_COUNTS: Mapping[str, str] = {
    name: f"SELECT COUNT(*) AS n FROM marts.{name}" for name in MART_NAMES
}

#: Read only if their tables exist. The models are trained after the marts are built, or not at all.
MODEL_QUERIES: Mapping[str, str] = {
    "churn_evaluation": "SELECT metric, value FROM models.churn_evaluation ORDER BY metric",
    "churn_calibration": """
        SELECT bin, predicted, observed, true_hazard, accounts
        FROM models.churn_calibration ORDER BY bin
    """,
}


def read(warehouse: Warehouse) -> Facts:
    """Read all data in one session. Raises DashboardError if a mart is missing."""
    with warehouse.session():
        missing = [name for name in MART_NAMES if not warehouse.table_exists(MARTS, name)]
        if missing:
            raise DashboardError(
                f"The dashboard needs marts that are not built yet ({', '.join(missing)}):"
                " run `saas-platform run` first."
            )
        queries = dict(QUERIES)
        if all(warehouse.table_exists(MODELS, name) for name in MODEL_QUERIES):
            queries |= MODEL_QUERIES
        tables = {name: _read(warehouse, sql) for name, sql in queries.items()}
        mart_rows = {
            name: warehouse.query(sql).column("n")[0].as_py() for name, sql in ROW_COUNTS.items()
        }
    months = tuple(str(month) for month in tables["company_months"].columns["month"])
    return Facts(tables, mart_rows, months)


def _read(warehouse: Warehouse, sql: str) -> PageTable:
    rows = warehouse.query(sql)
    return PageTable(
        {
            name: [_value(value) for value in rows.column(name).to_pylist()]
            for name in rows.column_names
        }
    )


def _value(value: Any) -> JsonValue:
    """Convert a value to JSON, which has no decimals, dates or NaN. Round floats to six digits."""
    match value:
        case Decimal():
            return float(value)
        case float():
            return float(f"{value:.6g}") if math.isfinite(value) else None
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case None | bool() | int() | str():
            return value
    raise TypeError(f"the page can't show a value of type {type(value).__name__}")
