"""Tests extreme amounts: failed payments of 2^53 + 1 cents are exact to the cent and affect nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from saas_platform.dbt_runner import MartsTarget, build
from saas_platform_tests.marts.conftest import AS_OF, Marts, simulate
from saas_platform_tests.marts.raw import load

CENTS = 9_007_199_254_740_993

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def extreme(
    tmp_path_factory: pytest.TempPathFactory, dbt_paths: tuple[Path, Path]
) -> Iterator[Marts]:
    """The marts of `simulated`, except that each failed payment tried to move 90 trillion dollars."""
    tables = simulate(accounts=300)
    payments = tables["payments"]
    failed = pc.equal(payments["status"], "failed")
    amounts = pc.if_else(failed, pa.scalar(CENTS, pa.int64()), payments["amount_cents"])
    index = payments.schema.get_field_index("amount_cents")
    tables["payments"] = payments.set_column(index, payments.schema.field(index), amounts)
    path = tmp_path_factory.mktemp("extreme") / "warehouse.duckdb"
    load(path, tables)
    build(MartsTarget.duckdb(path), AS_OF, *dbt_paths)
    built = Marts.of(path)
    yield built
    built.close()


def test_failed_amounts_are_exact(extreme: Marts) -> None:
    found = extreme.row(
        "SELECT sum(failed_charges) AS n, sum(failed_amount) AS amount FROM billing_health"
    )
    assert found["n"] > 10
    assert found["amount"] == int(found["n"]) * Decimal(CENTS) / 100


@pytest.mark.parametrize(
    "mart", ["mrr_monthly", "revenue_monthly", "fct_mrr_movements", "account_months"]
)
def test_money_that_did_not_move_changes_no_revenue(
    extreme: Marts, simulated: Marts, mart: str
) -> None:
    assert extreme.rows(f"SELECT * FROM {mart} ORDER BY ALL") == simulated.rows(
        f"SELECT * FROM {mart} ORDER BY ALL"
    )
