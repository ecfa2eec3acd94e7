"""Compare every mart and analysis on DuckDB and BigQuery row by row, and test what dbt sends to BigQuery.

The raw tables of both engines are the platform's own mirrors of one source. BigQuery is an emulator here. The
code in `emulator/` corrects what it does differently from BigQuery, so nothing is skipped, and Google's own
analyzer reads each statement first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.cloud import bigquery

from saas_platform.cli.costs import query_costs
from saas_platform.dashboard.data import MODEL_QUERIES
from saas_platform.dbt_runner.analysis import analysis_sql
from saas_platform.dbt_runner.project import UNIT_TESTS_LEFT_OUT, options, refresh, run
from saas_platform.platform import Platform
from saas_platform.refresh.company_months import CompanyMonths
from saas_platform.refresh.mart_months import Rebuild, rebuild, record_marts
from saas_platform.schema import TABLES
from saas_platform.settings import Settings
from saas_platform.sync import sync
from saas_platform.warehouse.bigquery.tables import types_of
from saas_platform.warehouse.interface import Warehouse
from saas_platform_tests.marts.test_analyses import NAMES as ANALYSES
from saas_platform_tests.rows import by_hand

pytestmark = pytest.mark.slow

#: The tolerance for ratios. Money, counts, days and texts must be equal.
RELATIVE = 1e-9
MAXIMUM_BYTES = 5_000_000_000
#: The models that list only exceptions, and so may be empty.
EMPTY = {"int_backdated_rows", "int_subscription_drift"}
KINDS = {
    "integer": pa.types.is_integer,
    "decimal": pa.types.is_decimal,
    "float": pa.types.is_floating,
    "bool": pa.types.is_boolean,
    "text": pa.types.is_string,
    "day": pa.types.is_date,
    "timestamp": pa.types.is_timestamp,
}


@dataclass(frozen=True)
class Built:
    """The marts that were built in one warehouse, with dbt's manifest."""

    platform: Platform
    folder: Path
    manifest: dict[str, Any]
    analyses: dict[str, str]

    @property
    def warehouse(self) -> Warehouse:
        return self.platform.warehouse

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        return {
            node["name"]: node
            for node in self.manifest["nodes"].values()
            if node["resource_type"] == "model"
        }


def build(platform: Platform, folder: Path) -> Built:
    """Sync, and build all models."""
    build_touched(platform, folder)
    target, logs = folder / "target", folder / "logs"
    manifest = json.loads((target / "manifest.json").read_text())
    analyses = analysis_sql(platform.marts_target, platform.as_of, target, logs)
    return Built(platform, folder, manifest, analyses)


def build_touched(platform: Platform, folder: Path) -> Rebuild:
    """Sync, and rebuild what the sync touched. dbt's tests are left out, because another test runs them."""
    sync(platform.source, platform.warehouse, list(TABLES.values()))
    again = rebuild(platform)
    arguments = options(platform.as_of, folder / "target", folder / "logs")
    run(platform.marts_target.rebuilding(again.months), ["run", *arguments, *refresh(again.months)])
    record_marts(platform, again)
    return again


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of a small company, written to its source, whose last month is not over."""
    home = tmp_path_factory.mktemp("company")
    made = Settings(
        _env_file=None,
        home=home,
        accounts=150,
        start="2024-01",
        as_of="2025-03-15",
        source_url=f"sqlite:///{home / 'source.db'}",
    )
    platform = Platform(made)
    platform.owned_source.create_schema()
    company = CompanyMonths.of(platform)
    for month in company.all():
        company.write(month)
        platform.owned_source.apply(company.read(month))
    return made


@pytest.fixture(scope="module")
def on_duckdb(company: Settings, tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(Platform(company), tmp_path_factory.mktemp("duckdb"))


@pytest.fixture(scope="module")
def jobs() -> list[tuple[str, bigquery.QueryJobConfig]]:
    """Each statement that was sent to BigQuery, with its job's configuration."""
    return []


@pytest.fixture(scope="module")
def on_bigquery(
    company: Settings,
    bigquery_emulator: str,
    jobs: list[tuple[str, bigquery.QueryJobConfig]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Built]:
    url = f"bigquery://every-engine?location=EU&maximum_bytes_billed={MAXIMUM_BYTES}"
    send = bigquery.Client.query

    def watched(self: bigquery.Client, query: str, job_config: Any = None, **more: Any) -> Any:
        jobs.append((query, job_config))
        return send(self, query, job_config=job_config, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIGQUERY_EMULATOR_HOST", bigquery_emulator)
        patch.setattr(bigquery.Client, "query", watched)
        platform = Platform(company.model_copy(update={"warehouse_url": url}))
        yield build(platform, tmp_path_factory.mktemp("bigquery"))


def differences(one: pa.Table, other: pa.Table) -> list[str]:
    """Describe the differences between two tables, whatever the order of their rows."""
    shapes = [
        {f.name: next(k for k, is_kind in KINDS.items() if is_kind(f.type)) for f in table.schema}
        for table in (one, other)
    ]
    if list(shapes[0].items()) != list(shapes[1].items()):
        return [f"columns: {shapes[0]}, {shapes[1]}"]
    if one.num_rows != other.num_rows:
        return [f"rows: {one.num_rows}, {other.num_rows}"]
    # A ratio may differ in its last digits, so ratios come last in the sort key.
    names = sorted(shapes[0], key=lambda name: shapes[0][name] == "float")
    rows = [
        sorted((tuple(row[name] for name in names) for row in table.to_pylist()), key=_order)
        for table in (one, other)
    ]
    return [
        f"{name}: {mine!r}, {its!r} in {left}"
        for left, right in zip(*rows, strict=True)
        for name, mine, its in zip(names, left, right, strict=True)
        if not _same(mine, its)
    ]


def _order(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((value is not None, value if value is not None else 0) for value in row)


def _same(mine: Any, its: Any) -> bool:
    if isinstance(mine, float) and isinstance(its, float):
        return math.isclose(mine, its, rel_tol=RELATIVE)
    return bool(mine == its)


def test_a_difference_is_seen() -> None:
    one = pa.table(
        {"cents": [Decimal("1.10"), None], "rate": [0.5, 0.1], "day": [date(2025, 1, 1)] * 2}
    )
    assert differences(one, one.slice(1).take([0]).append_column("x", [[1]])) != []
    assert differences(one, one.take([1, 0])) == []
    assert differences(one, one.slice(1)) == ["rows: 2, 1"]
    cent = one.set_column(0, "cents", [[Decimal("1.11"), None]])
    assert differences(one, cent)[0].startswith("cents: Decimal('1.10'), Decimal('1.11')")
    rate = one.set_column(1, "rate", [[0.5, 0.1 + 1e-8]])
    assert differences(one, rate)[0].startswith("rate: 0.1, 0.10000001")
    assert differences(one, one.set_column(1, "rate", [[0.5, 0.1 + 1e-12]])) == []
    assert differences(one, one.set_column(1, "rate", [[0.5, None]])) != []


def test_every_model_is_the_same(on_duckdb: Built, on_bigquery: Built) -> None:
    assert set(on_bigquery.models) == set(on_duckdb.models)
    wrong = {}
    for name, model in on_duckdb.models.items():
        if model["fqn"][1] == "staging":
            continue  # These are views of raw, whose rows are proven. The models on top of them are compared.
        sql = f"SELECT * FROM marts.{name}"
        mine = on_duckdb.warehouse.query(sql)
        assert mine.num_rows or name in EMPTY, name
        if found := differences(mine, on_bigquery.warehouse.query(sql)):
            wrong[name] = found[:3]
    assert wrong == {}


def test_every_analysis_is_the_same(on_duckdb: Built, on_bigquery: Built) -> None:
    assert sorted(on_bigquery.analyses) == sorted(on_duckdb.analyses) == ANALYSES
    wrong = {}
    for name in ANALYSES:
        mine = on_duckdb.warehouse.query(on_duckdb.analyses[name])
        its = on_bigquery.warehouse.query(on_bigquery.analyses[name])
        if found := differences(mine, its):
            wrong[name] = found[:3]
    assert wrong == {}


def test_every_test_of_dbt_holds_on_bigquery(on_bigquery: Built) -> None:
    """Run all of them, on columns and on sums."""
    arguments = options(
        on_bigquery.platform.as_of, on_bigquery.folder / "tested", on_bigquery.folder
    )
    results = run(on_bigquery.platform.marts_target, ["test", *UNIT_TESTS_LEFT_OUT, *arguments])
    tests = {
        i for i, node in on_bigquery.manifest["nodes"].items() if node["resource_type"] == "test"
    }
    assert {result.node.unique_id for result in results} == tests
    assert {result.status for result in results} == {"pass"}


def test_the_cost_of_a_whole_run_is_estimated_query_by_query(
    on_bigquery: Built, jobs: list[tuple[str, bigquery.QueryJobConfig]]
) -> None:
    before = len(jobs)
    costs = query_costs(on_bigquery.platform)
    assert costs is not None
    assert all(config.dry_run for _, config in jobs[before:])
    assert all(config.maximum_bytes_billed is None for _, config in jobs[before:])
    assert {cost.purpose for cost in costs if cost.bytes is None} == set(MODEL_QUERIES)
    of: dict[str, set[str]] = {}
    for cost in costs:
        of.setdefault(cost.table, set()).add(cost.purpose)
    models = {f"marts/{name}": model for name, model in on_bigquery.models.items()}
    assert set(of) == {*models, *TABLES, "marts", "models/churn_features", "dashboards/page"}
    for name, model in models.items():
        is_view = model["config"]["materialized"] == "view"
        assert of[name] == ({"digest"} if is_view else {"all months", "digest"}), name
    assert of["users"] > {"contract", "digest of every slice"}
    assert of["marts"] > {"lifetimes_add_up", "backdated rows", "drift of subscriptions"}
    assert of["dashboards/page"] > {"cohorts", "rows of mrr_monthly"}


def test_every_fact_and_month_is_partitioned(
    on_bigquery: Built, jobs: list[tuple[str, bigquery.QueryJobConfig]]
) -> None:
    created = {
        name: sql
        for sql, _ in jobs
        for name in on_bigquery.models
        if f"create or replace table `every-engine`.`marts`.`{name}`" in sql
    }
    tables = {n: m for n, m in on_bigquery.models.items() if m["config"]["materialized"] != "view"}
    assert set(created) == set(tables)
    partitioned_by = {"month", "cohort_month", "usage_date", "date_day"}
    for name, model in tables.items():
        # A calendar is small and is always read completely.
        (column, *_) = [*(c for c in model["columns"] if c in partitioned_by), None]
        if column is None or name in ("dim_date", "int_months"):
            assert "partition by" not in created[name].partition("as (")[0], name
        else:
            assert "partition by date_trunc(" in created[name], name
        for clustered in model["config"].get("cluster_by", ()):
            assert clustered in model["columns"], name
        assert "('managed_by', 'saas-platform')" in created[name], name


def test_every_column_is_described_in_bigquery(on_bigquery: Built) -> None:
    client = on_bigquery.warehouse.target.client()  # type: ignore[attr-defined]
    for name in ("fct_invoices", "stg_usage_events", "report_churn"):
        found = client.get_table(f"every-engine.marts.{name}")
        assert found.description == on_bigquery.models[name]["description"]
        described = {column.name: column.description for column in found.schema}
        columns = on_bigquery.models[name]["columns"]
        assert described == {column: columns[column]["description"] for column in columns}


def test_types_are_those_that_the_ui_shows(on_bigquery: Built) -> None:
    """schema.yml states them. dbt compares those of marts and reports with the tables, but no others."""
    client = on_bigquery.warehouse.target.client()  # type: ignore[attr-defined]
    for name, model in on_bigquery.models.items():
        found = types_of(client.get_table(f"every-engine.marts.{name}").schema)
        assert {column: type_.partition("(")[0] for column, type_ in found.items()} == {
            column: on_bigquery.warehouse.name_of_type(declared["data_type"])
            for column, declared in model["columns"].items()
        }, name


def test_every_job_is_labelled_and_bounded(
    on_bigquery: Built, jobs: list[tuple[str, bigquery.QueryJobConfig]]
) -> None:
    from_dbt = [config for sql, config in jobs if '"layer": "marts"' in sql]
    assert len(from_dbt) > len(on_bigquery.models)
    for config in from_dbt:
        assert config.labels.items() >= {"managed_by": "saas-platform", "layer": "marts"}.items()
        assert config.maximum_bytes_billed == MAXIMUM_BYTES


def test_building_what_was_touched_is_the_same_as_building_all(
    company: Settings,
    on_duckdb: Built,
    on_bigquery: Built,
    jobs: list[tuple[str, bigquery.QueryJobConfig]],
    tmp_path: Path,
) -> None:
    """Compare an incremental build on BigQuery with a full refresh on DuckDB.

    This must be the last test of the file, because it changes the company.
    """
    with by_hand(Path(company.home) / "source.db", checked=False) as connection:
        for statement in (
            "DELETE FROM usage_events WHERE occurred_at >= '2025-02-20' AND occurred_at < '2025-02-24'",
            "DELETE FROM usage_events WHERE occurred_at >= '2025-03-01'",
            "UPDATE payments SET attempted_at = '2025-02-03 10:00:00.000000'"
            " WHERE payment_id = (SELECT max(payment_id) FROM payments)",
            "UPDATE invoices SET subtotal_cents = subtotal_cents + 100, total_cents = total_cents + 100"
            " WHERE invoice_id = (SELECT max(invoice_id) FROM invoices)",
        ):
            connection.execute(statement)
    jobs.clear()
    again = build_touched(on_bigquery.platform, on_bigquery.folder)
    assert again.months is not None, again.reason
    assert again.months["usage_events"] == "2025-02-01"
    (merge,) = (
        sql for sql, _ in jobs if "merge into `every-engine`.`marts`.`fct_usage_daily`" in sql
    )
    assert "date '2025-02-01'" in merge
    assert "date '2025-01-01'" not in merge

    sync(on_duckdb.platform.source, on_duckdb.warehouse, list(TABLES.values()))
    arguments = options(on_duckdb.platform.as_of, tmp_path / "target", tmp_path / "logs")
    run(on_duckdb.platform.marts_target, ["run", *arguments, *refresh(None)])
    wrong = {}
    for name in on_duckdb.models:
        sql = f"SELECT * FROM marts.{name}"
        if found := differences(on_duckdb.warehouse.query(sql), on_bigquery.warehouse.query(sql)):
            wrong[name] = found[:3]
    assert wrong == {}
