"""Tests the lineage of columns that is read from the SQL of a build."""

from __future__ import annotations

import pytest

from saas_platform.dbt_runner import PROJECT_DIR
from saas_platform.dbt_runner.lineage import ColumnSources, column_sources
from saas_platform.schema import TABLES
from saas_platform_tests.marts.conftest import Build


@pytest.fixture(scope="module")
def sources(hand_written_build: Build) -> ColumnSources:
    return column_sources(hand_written_build.models.manifest)


def test_columns_lead_to_their_sources(sources: ColumnSources) -> None:
    assert sources["stg_plans"]["seat_price"] == [("raw", "plans", "seat_price_cents")]
    assert sources["dim_account"]["mrr"] == [("marts", "int_mrr_steps", "mrr")]
    assert ("marts", "fct_payments", "net_amount") in sources["account_ltv"]["net_revenue"]
    assert sources["mrr_monthly"]["nrr"] == [
        ("marts", "account_months", f"{name}_mrr")
        for name in ("closing", "opening", "reactivation")
    ]


def test_every_source_is_an_existing_column(sources: ColumnSources) -> None:
    known = {("raw", name, column.name) for name, table in TABLES.items() for column in table.c}
    known |= {("marts", name, column) for name, columns in sources.items() for column in columns}
    led = {each for columns in sources.values() for found in columns.values() for each in found}
    assert led <= known


def test_only_counts_and_constants_have_no_source(sources: ColumnSources) -> None:
    found = [column for columns in sources.values() for column in columns.values()]
    assert len(sources) == len(list((PROJECT_DIR / "models").rglob("*.sql")))
    assert sum(not column for column in found) < 0.03 * len(found)
