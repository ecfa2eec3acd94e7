"""An error of one table stops only that table, and its first cause is reported."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.schema.slices import Slicing, ranges
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import SyncError, check_tables, probe, repair, sample, sync, verify
from saas_platform.sync.apply import load_all
from saas_platform.sync.pair import TablePair
from saas_platform.warehouse.bounds import covering
from saas_platform.warehouse.duckdb import connection as duckdb_connection
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.interface import WarehouseUnusableError

SCRIPT = """
CREATE TABLE a_good (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE z_good (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO a_good VALUES (1, 'x'); INSERT INTO customers VALUES (1, 'x'); INSERT INTO z_good VALUES (1, 'x');
"""


class Shop:
    def __init__(self, folder: Path, sql: str = SCRIPT, edit: dict[str, str] | None = None) -> None:
        self.path = folder / "shop.db"
        self.write(sql)
        self.source = SqliteDatabase(self.path)
        text = as_yaml(self.source.discover())
        for old, new in (edit or {}).items():
            assert old in text
            text = text.replace(old, new)
        file = folder / "tables.yaml"
        file.write_text(text)
        self.tables = list(read_tables(file).values())
        self.warehouse = DuckdbWarehouse(folder / "warehouse.duckdb", wait_seconds=0.1)

    def write(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(sql)
            connection.commit()

    def mirror(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse.path)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    assert all(report.succeeded for report in sync(made.source, made.warehouse, made.tables))
    return made


def test_a_table_that_the_warehouse_refuses_ends_alone(shop: Shop) -> None:
    """A view has taken the place of a mirror, so nothing can be loaded into it."""
    shop.mirror("ALTER TABLE raw.customers RENAME TO hidden")
    shop.mirror("CREATE VIEW raw.customers AS SELECT id, name, 7 AS seven FROM raw.hidden")
    shop.write("INSERT INTO a_good VALUES (2, 'new'); INSERT INTO z_good VALUES (2, 'new')")
    for work in (sync, repair):
        reports = {
            report.table: report for report in work(shop.source, shop.warehouse, shop.tables)
        }
        assert reports["a_good"].succeeded
        assert reports["z_good"].succeeded
        error = reports["customers"].error
        assert error is not None
        assert "raw.customers of the warehouse is a view" in error
        assert "DROP VIEW" in error
        assert "\n" not in error
    assert shop.mirror("SELECT s FROM raw.z_good ORDER BY id") == [("x",), ("new",)]
    verdicts = "SELECT verdict, slices_total FROM raw._proof_log WHERE table_name = 'customers'"
    assert shop.mirror(f"{verdicts} ORDER BY proven_at DESC LIMIT 1") == [("differs", 0)]
    by_table = {report.table: report for report in verify(shop.source, shop.warehouse, shop.tables)}
    assert [by_table[name].verdict for name in ("a_good", "customers", "z_good")] == [
        "proven", "differs", "proven",
    ]  # fmt: skip


def test_texts_that_are_not_utf8_end_their_table_in_every_command(shop: Shop) -> None:
    shop.write("INSERT INTO customers VALUES (2, CAST(x'4d63666c79ff' AS TEXT))")
    shop.write("INSERT INTO z_good VALUES (2, 'new')")
    for work in (sync, repair):
        reports = {
            report.table: report for report in work(shop.source, shop.warehouse, shop.tables)
        }
        assert reports["z_good"].succeeded
        assert "customers.name" in (reports["customers"].error or "")
        assert "id 2" in (reports["customers"].error or "")
    for level in ("counts", "digest", "rows"):
        found = {
            r.table: r.verdict for r in verify(shop.source, shop.warehouse, shop.tables, level)
        }
        assert found["customers"] == "differs"
        assert found["z_good"] != "differs"
    assert {r.table: r.equal for r in sample(shop.source, shop.warehouse, shop.tables)}["z_good"]


def test_a_table_that_is_gone_is_known_before_and_ends_alone(shop: Shop) -> None:
    shop.write("DROP TABLE customers")
    assert list(check_tables(shop.source, shop.warehouse, shop.tables)) == ["customers"]
    reasons = {each.table: each.reason for each in probe(shop.source, shop.warehouse, shop.tables)}
    assert "customers" in (reasons["customers"] or "")
    assert [r.error is None for r in sync(shop.source, shop.warehouse, shop.tables)] == [
        True, False, True,
    ]  # fmt: skip


def test_a_warehouse_that_is_not_there_is_reported_once(shop: Shop) -> None:
    shop.warehouse.path.write_bytes(b"no database at all")
    for work in (sync, repair, verify, probe, sample):
        with pytest.raises(WarehouseUnusableError, match="damaged or not a DuckDB file"):
            work(shop.source, shop.warehouse, shop.tables)


def test_the_first_cause_of_a_failed_load_is_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clean-up fails too, in a transaction that the error has ended; its error must not be reported instead."""
    asked = duckdb_connection.Connection.run

    def fail(self: Any, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith('INSERT INTO "raw"."customers"'):
            return asked(self, "SELECT error('the first cause') FROM raw._sync_log")
        return asked(self, sql, parameters)

    monkeypatch.setattr(duckdb_connection.Connection, "run", fail)
    shop.mirror("DROP TABLE raw.customers")
    (report,) = sync(shop.source, shop.warehouse, [shop.tables[1]])
    assert "the first cause" in (report.error or "")


def test_too_little_memory_is_tried_again_with_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, limits = duckdb_connection.Connection.run, []

    def fail(self: Any, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith('INSERT INTO "raw"."customers"'):
            ((limit,),) = asked(self, "SELECT current_setting('memory_limit')")
            limits.append(limit)
            if len(limits) == 1:
                raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate")
        return asked(self, sql, parameters)

    monkeypatch.setattr(duckdb_connection.Connection, "run", fail)
    shop.mirror("DROP TABLE raw.customers")
    (report,) = sync(shop.source, shop.warehouse, [shop.tables[1]])
    assert report.succeeded
    assert limits[0] != limits[1]


# Different keys that become one in the mirror.

TIMES = """
CREATE TABLE at (t DATETIME PRIMARY KEY, v TEXT);
INSERT INTO at VALUES ('2024-01-01', 'day');
"""


def test_two_keys_of_one_time_stop_the_table(tmp_path: Path) -> None:
    shop = Shop(tmp_path, TIMES)
    assert sync(shop.source, shop.warehouse, shop.tables)[0].succeeded
    shop.write("INSERT INTO at VALUES ('2024-01-01 00:00:00', 'midnight')")
    (report,) = sync(shop.source, shop.warehouse, shop.tables)
    assert "more than one row with the key t 2024-01-01 00:00:00" in (report.error or "")
    assert "its key is not unique" in (report.error or "")
    assert shop.mirror("SELECT v FROM raw.at") == [("day",)]
    shop.mirror("DROP TABLE raw.at")
    (report,) = sync(shop.source, shop.warehouse, shop.tables)
    assert "its key is not unique" in (report.error or "")


def test_a_key_that_nothing_keeps_and_that_repeats_stops_the_table(tmp_path: Path) -> None:
    shop = Shop(
        tmp_path,
        "CREATE TABLE t (k INTEGER, v TEXT); INSERT INTO t VALUES (1, 'a'), (1, 'b'), (2, 'c')",
        {"key: []": "key: [k]\n    key_enforced: false"},
    )
    (report,) = sync(shop.source, shop.warehouse, shop.tables)
    assert "t has more than one row with the key k 1" in (report.error or "")
    shop.write("DELETE FROM t WHERE v = 'b'")
    assert sync(shop.source, shop.warehouse, shop.tables)[0].succeeded


# User's names that equal ours.

OURS = ("_copy", "_stays", "rowid", "copy", "stays", "c0", "c1", "s", "m", "r", "t", "k", "kind", "slice",
        "source", "mirror", "n", "total", "b", "key", "bucket", "copies", "stream", "text", "cells")  # fmt: skip


def test_no_name_of_a_column_clashes_with_one_of_ours(tmp_path: Path) -> None:
    columns = ", ".join(f'"{name}" TEXT' for name in OURS)
    values = ", ".join(f"'{name}'" for name in OURS)
    shop = Shop(
        tmp_path,
        f"CREATE TABLE x (id TEXT PRIMARY KEY, {columns}); INSERT INTO x VALUES ('1', {values})",
    )
    assert sync(shop.source, shop.warehouse, shop.tables)[0].succeeded
    shop.write("INSERT INTO x (id, rowid, _copy) VALUES ('0', '0', 'x'), ('2', '1', 'y')")
    assert sync(shop.source, shop.warehouse, shop.tables)[0].succeeded
    shop.mirror("UPDATE raw.x SET \"_stays\" = 'z', rowid = 0 WHERE id = '1'")
    (proof,) = verify(shop.source, shop.warehouse, shop.tables, "rows")
    assert proof.differences is not None
    assert set(proof.differences.columns) == {"_stays", "rowid"}
    assert repair(shop.source, shop.warehouse, shop.tables)[0].succeeded
    with closing(sqlite3.connect(shop.path)) as connection:
        wanted = connection.execute("SELECT * FROM x ORDER BY id").fetchall()
    assert shop.mirror("SELECT * EXCLUDE (_sync_id) FROM raw.x ORDER BY id") == wanted


# The word "proven".


def test_rows_without_a_version_are_always_read(tmp_path: Path) -> None:
    shop = Shop(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, ver INTEGER, s TEXT);"
        "INSERT INTO t VALUES (1, 10, 'a'), (2, NULL, 'b')",
        {"version: null": "version: ver"},
    )
    sync(shop.source, shop.warehouse, shop.tables)
    shop.write("UPDATE t SET s = 'new' WHERE id = 2")
    (report,) = sync(shop.source, shop.warehouse, shop.tables)
    assert report.proof is not None
    assert report.proof.verdict == "proven"
    assert shop.mirror("SELECT s FROM raw.t WHERE id = 2") == [("new",)]


def test_rows_that_were_counted_are_not_called_proven(tmp_path: Path) -> None:
    shop = Shop(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, ver INTEGER NOT NULL, s TEXT);"
        "INSERT INTO t VALUES (1, 10, 'a'), (2, 7, 'b')",
        {"version: null": "version: ver"},
    )
    (first,) = sync(shop.source, shop.warehouse, shop.tables)
    assert first.proof is not None
    assert first.proof.verdict == "proven"
    shop.write("UPDATE t SET s = 'new', ver = 10 WHERE id = 2")
    (report,) = sync(shop.source, shop.warehouse, shop.tables)
    assert report.proof is not None
    assert report.proof.verdict == "counted"
    assert report.succeeded
    (counted,) = verify(shop.source, shop.warehouse, shop.tables, "counts")
    assert counted.verdict == "counted"
    assert shop.mirror("SELECT verdict FROM raw._proof_log ORDER BY proven_at DESC LIMIT 1") == [
        ("counted",)
    ]
    (proof,) = verify(shop.source, shop.warehouse, shop.tables)
    assert proof.verdict == "differs"


# Limits of a warehouse.


def test_more_slices_than_partitions_are_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = ", ".join(f"({n}, '2024-01-{n:02} 00:00:00')" for n in range(1, 6))
    shop = Shop(
        tmp_path,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME NOT NULL); INSERT INTO t VALUES {days}",
        {"slice: null": "slice: {column: at, grain: day}"},
    )
    monkeypatch.setattr(DuckdbWarehouse, "most_slices", 4)
    sent: list[str] = []
    monkeypatch.setattr(DuckdbWarehouse, "load", lambda *_: sent.append("load"))
    (report,) = sync(shop.source, shop.warehouse, shop.tables)
    assert report.error is not None
    assert "t has 5 slices by the day of at" in report.error
    assert "slice it by month" in report.error
    assert sent == []
    with shop.source.snapshot() as snapshot, pytest.raises(SyncError):
        load_all(TablePair(snapshot, shop.warehouse, shop.tables[0]), "id", None)


@given(
    days=st.sets(st.dates(min_value=date(2000, 1, 1)), min_size=1, max_size=40),
    most=st.integers(1, 10),
)
def test_few_ranges_cover_any_slices(days: set[Any], most: int) -> None:
    spans = ranges(
        Slicing("at", "day"), [day.isoformat() for day in days if day.year < 9999] or ["2024-01-01"]
    )
    found = covering(spans, most)
    assert len(found) == min(most, len(spans))
    assert found == sorted(found)
    assert (found[0][0], found[-1][1]) == (spans[0][0], spans[-1][1])
    assert all(any(a <= first and after <= b for a, b in found) for first, after in spans)
    assert covering(spans, None) == spans


def test_a_report_is_ready_for_json(shop: Shop) -> None:
    shop.mirror("UPDATE raw.z_good SET s = 'a\x1b[31m\nb' WHERE id = 1")
    (report,) = verify(shop.source, shop.warehouse, [shop.tables[2]], "rows")
    document = json.loads(json.dumps(asdict(report), default=str))
    (row,) = document["differences"]["samples"]
    assert row["columns"] == [{"column": "s", "source": "x", "mirror": "a\x1b[31m\nb"}]
    assert row["key"] == {"id": 1}


def test_names_that_differ_only_by_case_share_no_mirror(tmp_path: Path) -> None:
    shops = {}
    for name in ("Orders", "orders", "Ünï", "ünï"):
        (tmp_path / name).mkdir()
        shops[name] = Shop(
            tmp_path / name,
            f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY); INSERT INTO "{name}" VALUES (7)',
        )
        shops[name].warehouse = shops["Orders"].warehouse
    found = {
        name: sync(shop.source, shop.warehouse, shop.tables)[0].error
        for name, shop in shops.items()
    }
    assert [name for name, error in found.items() if error is None] == ["Orders", "Ünï", "ünï"]
    assert "raw.Orders is the mirror of a table Orders" in (found["orders"] or "")
