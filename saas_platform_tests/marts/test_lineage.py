"""Tests the lineage of columns that is read from the SQL of a build."""

from __future__ import annotations

from pathlib import Path

import pytest

from saas_platform.dbt_runner import PROJECT_DIR
from saas_platform.dbt_runner.lineage import ColumnSources, column_sources, raw_columns
from saas_platform.dbt_runner.lineage_page import lineage_page
from saas_platform.schema import TABLES
from saas_platform_tests.marts.conftest import Build


@pytest.fixture(scope="module")
def sources(hand_written_build: Build) -> ColumnSources:
    return column_sources(hand_written_build.models.manifest)


@pytest.mark.slow
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


def test_columns_lead_back_to_raw(sources: ColumnSources) -> None:
    known = {(name, column.name) for name, table in TABLES.items() for column in table.c}
    found = raw_columns(sources)
    assert {model: list(columns) for model, columns in found.items()} == {
        model: list(columns) for model, columns in sources.items()
    }
    assert set().union(*(led for columns in found.values() for led in columns.values())) <= known
    assert found["dim_plan"]["monthly_seat_price"] == {
        ("plans", "seat_price_cents"),
        ("plans", "billing_interval"),
    }
    # Through eight dbt models.
    assert ("subscription_changes", "unit_price_cents") in found["report_revenue"]["closing_mrr"]


@pytest.mark.slow
def test_the_page_is_up_to_date(hand_written_build: Build) -> None:
    page = Path(__file__).parents[2] / "docs" / "column-lineage.md"
    assert page.read_text() == lineage_page(hand_written_build.models.manifest), "run `make docs`"


def test_the_page_names_every_column_of_reports_and_marts(sources: ColumnSources) -> None:
    page = (Path(__file__).parents[2] / "docs" / "column-lineage.md").read_text()
    for layer in ("reports", "marts"):
        for path in (PROJECT_DIR / "models" / layer).glob("*.sql"):
            section = page.split(f"### {path.stem}\n")[1].split("\n#")[0]
            assert all(f"`{column}`" in section for column in sources[path.stem]), path.stem


def test_a_model_that_dbt_builds_fails_no_build() -> None:
    """A new model has no columns in a `schema.yml`, and sqlglot may know less SQL than the engine."""

    def model(name: str, sql: str, *columns: str) -> dict[str, object]:
        return {
            "resource_type": "model",
            "schema": "marts",
            "name": name,
            "columns": dict.fromkeys(columns),
            "compiled_code": sql,
        }

    models = [
        model("int_new", "select 1 as a, id from raw.plans"),
        model("reads_it", "select a, id as plan from marts.int_new", "plan", "not there"),
        model("strange", "select ((( from", "a"),
    ]
    found = column_sources(
        {
            "metadata": {"adapter_type": "duckdb"},
            "nodes": {str(model["name"]): model for model in models},
        }
    )
    assert found == {
        "int_new": {},
        "reads_it": {"plan": [("marts", "int_new", "id")]},
        "strange": {},
    }
    assert raw_columns(found)["reads_it"] == {"plan": set()}
