"""Tests that each analysis runs on the marts and that its sums equal theirs."""

from __future__ import annotations

import pytest

from saas_platform.dbt_runner import PROJECT_DIR
from saas_platform_tests.marts.conftest import Build, Marts

NAMES = sorted(path.stem for path in (PROJECT_DIR / "analyses").glob("*.sql"))


@pytest.mark.parametrize("name", NAMES)
def test_it_runs(simulated: Marts, hand_written_build: Build, name: str) -> None:
    rows = simulated.rows(hand_written_build.analyses[name])
    assert rows
    assert any(any(value not in (None, 0) for value in row.values()) for row in rows)


@pytest.mark.parametrize("dimension", ["channel", "country", "language"])
def test_a_breakdown_adds_up(simulated: Marts, hand_written_build: Build, dimension: str) -> None:
    rows = simulated.rows(hand_written_build.analyses[f"company_by_{dimension}"])
    whole = simulated.row("SELECT count(*) AS signups, sum(mrr) AS mrr FROM dim_account")
    paid = simulated.row("SELECT sum(net_revenue) AS net_revenue FROM account_ltv")
    for column, total in {**whole, **paid}.items():
        assert sum(row[column] for row in rows) == total, column


def test_reasons_add_up(simulated: Marts, hand_written_build: Build) -> None:
    rows = simulated.rows(hand_written_build.analyses["cancellation_reasons"])
    assert sum(row["share_of_cancellations"] for row in rows) == pytest.approx(1)
    ended = simulated.row("SELECT count(*) AS n FROM stg_subscriptions WHERE status = 'canceled'")
    assert sum(row["subscriptions"] for row in rows) == ended["n"]


def test_growth_accounting_closes(simulated: Marts, hand_written_build: Build) -> None:
    kinds = ("new", "expansion", "contraction", "churn", "reactivation")
    rows = simulated.rows(hand_written_build.analyses["growth_accounting"])
    for row in rows:
        moved = sum(row[f"{kind}_mrr"] for kind in kinds)
        assert row["opening_mrr"] + moved == row["closing_mrr"]


def test_a_triangle_starts_at_its_first_month(simulated: Marts, hand_written_build: Build) -> None:
    rows = simulated.rows(hand_written_build.analyses["cohort_triangle_revenue"])
    assert all(row["month_0"] in (1, None) for row in rows)
    assert rows[-1]["month_23"] is None
