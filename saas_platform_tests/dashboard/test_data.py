"""Tests what is read from the marts: the SQL is portable, values suit JSON, and parts add up."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import sqlglot
from sqlglot import expressions as exp

from saas_platform.dashboard.charts import Chart
from saas_platform.dashboard.data import (
    MART_NAMES,
    MODEL_QUERIES,
    QUERIES,
    Facts,
    _value,
    read,
)
from saas_platform.dashboard.errors import DashboardError
from saas_platform.dashboard.sections import MODELS_SECTION, SECTIONS
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.dashboard.conftest import Changed

CHARTS = [chart for section in (*SECTIONS, MODELS_SECTION) for chart in section.charts]


@pytest.fixture(scope="module")
def complete(complete_file: Path) -> Facts:
    return read(DuckdbWarehouse(complete_file))


@pytest.mark.parametrize("name", [*QUERIES, *MODEL_QUERIES])
def test_a_query_means_the_same_to_every_engine(name: str) -> None:
    sql = {**QUERIES, **MODEL_QUERIES}[name]
    query = sqlglot.parse_one(sql, dialect="duckdb")
    other = sqlglot.parse_one(sql, dialect="bigquery")
    assert isinstance(query, exp.Select)
    assert isinstance(other, exp.Select)
    assert query.args["order"] is not None
    # Engines differ in where NULL sorts, and nothing on the page depends on it.
    assert query.order_by(append=False) == other.order_by(append=False)
    assert {type(call) for call in query.find_all(exp.Func)} <= {
        exp.Sum,
        exp.Count,
        exp.Case,
        exp.If,
    }


def test_every_mart_that_is_read_is_counted() -> None:
    read_from = {
        table.name
        for sql in QUERIES.values()
        for table in sqlglot.parse_one(sql, dialect="duckdb").find_all(exp.Table)
    }
    assert read_from == set(MART_NAMES)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.id)
def test_a_chart_names_columns_that_its_table_has(chart: Chart, complete: Facts) -> None:
    columns = set(complete.tables[chart.table].columns)
    named = {
        value
        for key in ("x", "by", "column", "per", "difference", "treated", "holdout")
        if (value := getattr(chart, key, None))
    }
    for series in getattr(chart, "series", ()):
        named |= {series.column} | ({series.per} if series.per else set())
    assert named <= columns


def test_segments_add_up_to_the_company(warehouse: DuckdbWarehouse) -> None:
    tables = read(warehouse).tables
    for table, column in (
        ("mrr_months", "closing_mrr"),
        ("mrr_by_plan", "mrr"),
        ("mrr_by_channel", "mrr"),
        ("mrr_by_country", "mrr"),
    ):
        totals: dict[object, float] = {}
        found = tables[table]
        for month, value in zip(found.columns["month"], found.numbers(column), strict=True):
            totals[month] = totals.get(month, 0.0) + (value or 0.0)
        company = tables["company_months"]
        expected = dict(zip(company.columns["month"], company.numbers("closing_mrr"), strict=True))
        assert totals == pytest.approx(expected, abs=0.005)


def test_a_running_month_is_left_out(changed: Changed) -> None:
    facts = read(
        changed("UPDATE marts.mrr_monthly SET is_complete = FALSE WHERE month = DATE '2025-12-01'")
    )
    assert facts.months[-1] == "2025-11-01"
    assert max(map(str, facts.tables["mrr_by_plan"].columns["month"])) == "2025-11-01"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("12.30"), 12.3),
        (float("nan"), None),
        (float("inf"), None),
        (1 / 3, 0.333333),
        (date(2025, 2, 1), "2025-02-01"),
        (datetime(2025, 2, 1, 8), "2025-02-01"),
        (None, None),
        (True, True),
        (7, 7),
        ("", ""),
    ],
)
def test_a_value_becomes_what_json_has(value: object, expected: object) -> None:
    assert _value(value) == expected
    assert type(_value(value)) is type(expected)


def test_marts_that_are_missing_are_named(changed: Changed) -> None:
    with pytest.raises(DashboardError, match=r"trial_funnel.*saas-platform run"):
        read(changed("DROP TABLE marts.trial_funnel"))
