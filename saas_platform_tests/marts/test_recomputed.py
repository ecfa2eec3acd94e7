"""The marts against the metrics computed once more (recomputed.py), to the cent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from saas_platform.clock import Month
from saas_platform.schema import TABLES
from saas_platform_tests.marts.compiled import Models
from saas_platform_tests.marts.conftest import AS_OF, Marts
from saas_platform_tests.marts.random_companies import companies
from saas_platform_tests.marts.raw import Story
from saas_platform_tests.marts.recomputed import CENT, Metrics


def _metrics(marts: Marts) -> Metrics:
    def raw(table: str) -> pd.DataFrame:
        columns = [column.name for column in TABLES[table].c]
        return pd.DataFrame(marts.rows(f"SELECT * FROM raw.{table}"), columns=columns)

    return Metrics(raw, AS_OF)


def _same(row: dict, expected: dict) -> None:
    """Money and counts are equal; a ratio, a float, is the same but for its last digits."""
    for name, value in expected.items():
        wanted = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
        assert row[name] == wanted, (name, row[name], value, row)


def _ledger(marts: Marts, metrics: Metrics) -> None:
    expected = Counter(
        (account.key, m.moment, m.kind, m.amount, m.churn_kind)
        for account in metrics.accounts
        for m in account.movements
    )
    rows = marts.rows(
        "SELECT account_id, occurred_at, movement, amount, churn_kind FROM fct_mrr_movements"
    )
    assert Counter(tuple(row.values()) for row in rows) == expected


def _month_ends(marts: Marts, metrics: Metrics) -> None:
    for row in marts.rows(
        "SELECT account_id, month, closing_mrr, closing_is_customer FROM account_months"
    ):
        expected = metrics.closing[Month.of(row["month"])][row["account_id"]]
        assert (row["closing_mrr"], row["closing_is_customer"]) == expected, row


def _by_month(mart: str) -> Callable[[Marts, Metrics], None]:
    recomputed = {
        "mrr_monthly": Metrics.mrr_month,
        "revenue_monthly": Metrics.revenue_month,
        "billing_health": Metrics.billing_month,
    }[mart]

    def check(marts: Marts, metrics: Metrics) -> None:
        rows = marts.rows(f"SELECT * FROM {mart}")
        assert {Month.of(row["month"]) for row in rows} == set(metrics.months)
        for row in rows:
            _same(row, recomputed(metrics, Month.of(row["month"])))

    return check


def _churn(marts: Marts, metrics: Metrics) -> None:
    for row in marts.rows("SELECT * FROM churn_monthly"):
        _same(row, metrics.churn_month(Month.of(row["month"]), row["segment"]))


def _cohorts(marts: Marts, metrics: Metrics) -> None:
    for row in marts.rows("SELECT * FROM cohort_retention"):
        k = row["months_since_first_paid"]
        _same(row, metrics.cohort(Month.of(row["cohort_month"]), row["segment"], k))


def _lifetime_value(marts: Marts, metrics: Metrics) -> None:
    rows = marts.rows("SELECT * FROM account_ltv")
    assert len(rows) == sum(account.first_paid is not None for account in metrics.accounts)
    months = {row["segment"]: metrics.expected_months(row["segment"]) for row in rows}
    for row in rows:
        expected = months[row["segment"]]
        assert row["expected_months"] == pytest.approx(expected)
        value = float(row["segment_arpa"]) * expected * 0.8
        assert float(row["segment_ltv_36m"]) == pytest.approx(value, abs=0.01)


CHECKS: dict[str, Callable[[Marts, Metrics], None]] = {
    "ledger": _ledger,
    "month_ends": _month_ends,
    "mrr": _by_month("mrr_monthly"),
    "churn": _churn,
    "cohorts": _cohorts,
    "lifetime_value": _lifetime_value,
    "revenue": _by_month("revenue_monthly"),
    "billing": _by_month("billing_health"),
}


@pytest.fixture(scope="module", params=["marts", "simulated"])
def built(request: pytest.FixtureRequest) -> tuple[Marts, Metrics]:
    marts = request.getfixturevalue(request.param)
    return marts, _metrics(marts)


@pytest.mark.parametrize("check", CHECKS)
def test_it_agrees(built: tuple[Marts, Metrics], check: str) -> None:
    CHECKS[check](*built)


@given(company=companies())
@settings(
    max_examples=8,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_random_companies_agree(models: Models, company: Story) -> None:
    marts = Marts(models.run(company.tables()))
    metrics = _metrics(marts)
    for check in CHECKS.values():
        check(marts, metrics)
    marts.close()


def test_the_own_lifetime_value_is_of_the_own_mrr(marts: Marts) -> None:
    for row in marts.rows("SELECT * FROM account_ltv WHERE mean_mrr IS NOT NULL"):
        value = Decimal(row["expected_months"]) * row["mean_mrr"] * Decimal("0.8")
        assert row["ltv_36m"] == value.quantize(CENT, ROUND_HALF_UP)


def test_active_users_agree(simulated: Marts) -> None:
    """Distinct users of the trailing days, counted day by day."""
    days: dict = defaultdict(set)
    for row in simulated.rows(
        "SELECT DISTINCT CAST(occurred_at AS DATE) AS day, user_id FROM raw.usage_events"
        " WHERE user_id IS NOT NULL"
    ):
        days[row["day"]].add(row["user_id"])
    for row in simulated.rows("SELECT date_day, dau, wau, mau FROM user_growth_daily"):
        for window, measure in ((1, "dau"), (7, "wau"), (28, "mau")):
            active = set().union(
                *(days[row["date_day"] - timedelta(days=back)] for back in range(window))
            )
            assert row[measure] == len(active), (row["date_day"], measure)
