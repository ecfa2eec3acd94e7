"""Tests of names that a warehouse can't hold: they stop their own table before it is queried."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import sqlalchemy as sa

from saas_platform.cli.doctor import examine
from saas_platform.platform import Platform
from saas_platform.schema.declared import as_yaml
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import probe, repair, sample, sync, verify
from saas_platform.warehouse.bigquery import tables as bigquery_tables
from saas_platform.warehouse.interface import SYNC_ID, Warehouse
from saas_platform.warehouse.naming import clash
from saas_platform_tests.sync.own_databases import TRADING_HOUSE, make


def named(table: str, *columns: str) -> sa.Table:
    return sa.Table(table, sa.MetaData(), *(sa.Column(each, sa.Integer) for each in columns))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (named("t", "a", "_b", "c9", "select", "table_x"), None),
        (
            named("Order Details", "a"),
            "the name of the table 'Order Details' contains characters other than",
        ),
        (named("t", "prénom"), "the name of the column 'prénom' contains characters other than"),
        (named("t", "a`b"), "the name of the column 'a`b' contains characters other than"),
        (named("t", "a\n"), r"the name of the column 'a\n' contains characters other than"),
        (named("t", "9a"), "begins with a digit"),
        (named("t", "a" * 301), "more than 300 characters"),
        (
            named("t", "_Partition_day"),
            "_Partition_day begins with a prefix that BigQuery reserves",
        ),
        (named("t", "_SYNC_GONE"), "its column _SYNC_GONE from the platform's _sync_gone: "),
        (named("t", "a", "A"), "does not distinguish its column A from a: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bigquery_supports_no_name_that_it_can_not_hold(
    table: sa.Table, expected: str | None
) -> None:
    unsupported_reason = bigquery_tables.unsupported_reason(table)
    if expected is None:
        assert unsupported_reason is None
    else:
        assert unsupported_reason is not None
        assert expected in unsupported_reason
        assert unsupported_reason.endswith(
            ": give it another name in tables.yaml, with this one as `source:`, or leave it out."
        )


def test_no_engine_takes_two_names_for_one() -> None:
    assert clash(named("_Sync_Log", "a"), SYNC_ID) == (
        "_Sync_Log can't be mirrored, as raw._sync_log is a log of the platform: give it another name in"
        " tables.yaml, with this one as `source:`, or leave it out."
    )
    assert clash(named("t", "_Sync_ID"), SYNC_ID) is not None
    assert clash(named("t", "ü", "Ü", "straße", "strasse"), SYNC_ID) is None


#: Tables whose names, or whose columns' names, BigQuery can't hold. They have blanks in them.
REFUSED = {"Customers", "Order Details"}


def test_a_table_that_can_not_be_named_stops_alone(
    any_warehouse: Warehouse, tmp_path: Path
) -> None:
    source = SqliteDatabase(make(tmp_path / "theirs.db", TRADING_HOUSE))
    tables = source.discover().tables
    names = {table.name for table in tables}
    refused = REFUSED if any_warehouse.engine == "bigquery" else set()
    synced = {report.table: report for report in sync(source, any_warehouse, tables)}
    assert {name for name, report in synced.items() if report.error} == refused
    assert {name for name, report in synced.items() if report.succeeded} == names - refused
    assert {r.table for r in verify(source, any_warehouse, tables) if r.problems} == refused
    assert {r.table for r in repair(source, any_warehouse, tables) if r.error} == refused
    assert {r.table for r in sample(source, any_warehouse, tables) if r.problems} == refused
    stale = {r.table for r in probe(source, any_warehouse, tables) if "can't be" in str(r.reason)}
    assert stale == refused
    costs = any_warehouse.query_costs(tables)
    assert costs is None or {each.table for each in costs} == names - refused


def test_the_doctor_names_every_such_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = make(tmp_path / "theirs.db", TRADING_HOUSE)
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("SAAS_WAREHOUSE_URL", "bigquery://acme")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    platform = Platform.load()
    platform.home.create()
    platform.home.tables.write_text(as_yaml(SqliteDatabase(path).discover().tables))
    # The doctor reports them before it asks the warehouse. The test takes no more findings than these,
    # because the warehouse comes next, and it does not answer.
    tables = (each for each in examine(platform) if each.name == "tables")
    found = list(itertools.islice(tables, len(REFUSED)))
    assert [each.ok for each in found] == [False] * len(REFUSED)
    for name, each in zip(
        sorted(REFUSED), sorted(found, key=lambda each: each.detail), strict=True
    ):
        assert name in each.detail
