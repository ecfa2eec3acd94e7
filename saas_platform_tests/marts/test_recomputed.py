"""Compare the marts with the metrics that recomputed*.py compute a second time, to the cent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from saas_platform.clock import Month
from saas_platform.schema import TABLES
from saas_platform_tests.drawing import examples
from saas_platform_tests.marts.compiled import Models
from saas_platform_tests.marts.conftest import AS_OF, Marts
from saas_platform_tests.marts.random_companies import companies
from saas_platform_tests.marts.raw import RawCompany
from saas_platform_tests.marts.recomputed import TICK, Metrics, to_the_cent
from saas_platform_tests.marts.recomputed_growth import Growth


def _metrics(marts: Marts) -> Metrics:
    def raw(table: str) -> pd.DataFrame:
        columns = [column.name for column in TABLES[table].c]
        return pd.DataFrame(marts.rows(f"SELECT * FROM raw.{table}"), columns=columns)

    return Metrics(raw, AS_OF)


def _same(row: dict, expected: dict) -> None:
    """Assert that money and counts are equal, and that ratios (floats) differ only in the last digits."""
    for name, value in expected.items():
        wanted = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
        assert row[name] == wanted, (name, row[name], value, row)


def _ledger(marts: Marts, metrics: Metrics) -> None:
    expected = Counter(
        (account.key, m.timestamp, m.kind, m.amount, m.churn_kind)
        for account in metrics.accounts
        for m in account.movements
    )
    rows = marts.rows(
        "SELECT account_id, occurred_at, movement, amount, churn_kind FROM fct_mrr_movements"
    )
    assert Counter(tuple(row.values()) for row in rows) == expected


def _month_ends(marts: Marts, metrics: Metrics) -> None:
    accounts = {account.key: account for account in metrics.accounts}
    for row in marts.rows(
        "SELECT account_id, month, closing_mrr, closing_list_mrr, closing_is_customer"
        " FROM account_months"
    ):
        month, account = Month.of(row["month"]), accounts[row["account_id"]]
        expected = metrics.closing[month][account.key]
        assert (row["closing_mrr"], row["closing_is_customer"]) == expected, row
        assert row["closing_list_mrr"] == account.list_mrr(month.end - TICK), row


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
    segments = {row["segment"] for row in rows}
    months = {segment: metrics.expected_months(segment) for segment in segments}
    arpas = {segment: metrics.segment_arpa(segment) for segment in segments}
    for row in rows:
        expected, arpa = months[row["segment"]], arpas[row["segment"]]
        assert row["expected_months"] == pytest.approx(expected)
        assert row["segment_arpa"] == arpa
        value = None if arpa is None else pytest.approx(float(arpa) * expected * 0.8, abs=0.01)
        found = row["segment_ltv_36m"]
        assert (None if found is None else float(found)) == value


def _users(marts: Marts, metrics: Metrics) -> None:
    growth = Growth(metrics)
    for row in marts.rows("SELECT * FROM user_growth_daily"):
        _same(row, growth.day(row["date_day"]))
    for row in marts.rows("SELECT * FROM user_growth_monthly"):
        _same(row, growth.month(Month.of(row["month"])))


def _trials(marts: Marts, metrics: Metrics) -> None:
    cohorts = Growth(metrics).trials()
    rows = marts.rows("SELECT * FROM trial_funnel")
    assert len(rows) == len(cohorts)
    for row in rows:
        _same(row, cohorts[Month.of(row["cohort_month"]), row["trial_with_card"]])


def _promotions(marts: Marts, metrics: Metrics) -> None:
    """Compare promotions. Only the ends of the interval of money are rounded to the cent."""
    growth = Growth(metrics)
    for row in marts.rows("SELECT * FROM promo_performance"):
        expected = growth.promotion(row)
        for end in ("low", "high"):
            exact = expected.pop(f"net_revenue_difference_{end}")
            found = row[f"net_revenue_difference_{end}"]
            assert (found is None) == (exact is None), row
            assert exact is None or float(found) == pytest.approx(exact, abs=0.005001), row
        _same(row, expected)


CHECKS: dict[str, Callable[[Marts, Metrics], None]] = {
    "ledger": _ledger,
    "month_ends": _month_ends,
    "mrr": _by_month("mrr_monthly"),
    "churn": _churn,
    "cohorts": _cohorts,
    "lifetime_value": _lifetime_value,
    "revenue": _by_month("revenue_monthly"),
    "billing": _by_month("billing_health"),
    "users": _users,
    "trials": _trials,
    "promotions": _promotions,
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
    max_examples=examples(4),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_random_companies_agree(models: Models, company: RawCompany) -> None:
    marts = Marts(models.run(company.tables()))
    metrics = _metrics(marts)
    for check in CHECKS.values():
        check(marts, metrics)
    marts.close()


def test_an_accounts_lifetime_value_uses_its_own_mrr(marts: Marts) -> None:
    for row in marts.rows("SELECT * FROM account_ltv WHERE mean_mrr IS NOT NULL"):
        value = Decimal(row["expected_months"]) * row["mean_mrr"] * Decimal("0.8")
        assert row["ltv_36m"] == to_the_cent(value)
