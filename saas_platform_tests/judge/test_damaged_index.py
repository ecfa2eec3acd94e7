"""Test that a damaged index of the source, which lacks rows that the table has, costs no row and hides none.

SQLite answers a count from the smallest index. `PRAGMA integrity_check` reports such damage; a scan returns every row.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from saas_platform_tests.judge.own import Own


def empty_the_index(path: Path, name: str) -> None:
    """Let the index point at an empty tree."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"""
            CREATE TABLE other (x INTEGER PRIMARY KEY, v TEXT); CREATE INDEX empty ON other (v);
            PRAGMA writable_schema = ON;
            UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'empty')
            WHERE name = '{name}';
            DELETE FROM sqlite_master WHERE name IN ('empty', 'other');
            PRAGMA writable_schema = RESET;
            """
        )
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchall()
        assert any("missing from index" in message for (message,) in found)


TABLES = {
    "next to the table": "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, b TEXT); CREATE INDEX i ON t (v);",
    "over every column": "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, b TEXT); CREATE INDEX i ON t (v, b);",
    "without row ids": "CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT, b TEXT) WITHOUT ROWID; CREATE INDEX i ON t (v);",
    "of a table without a key": "CREATE TABLE t (k INTEGER, v TEXT, b TEXT); CREATE UNIQUE INDEX i ON t (v);",
}


@pytest.mark.parametrize("when", ["before the first load", "after it"])
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_row_is_lost(tmp_path: Path, table: str, when: str) -> None:
    rows = "INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y');"
    own = Own(tmp_path, table + rows)
    if when == "after it":
        assert own.judged() == []
    empty_the_index(own.path, "i")
    own.declare()
    reports = own.sync()
    assert reports["t"].succeeded, reports
    for level in ("counts", "digest", "rows"):
        assert own.verify(level)["t"].holds
    assert own.repair()["t"].rows_deleted == 0
    assert own.mirror(["t"])["t"].total() == 2


SLICED = "CREATE TABLE t (k INTEGER PRIMARY KEY, at DATE NOT NULL, ver INTEGER NOT NULL, v TEXT); CREATE INDEX i ON t (at);"


def test_an_index_that_lacks_rows_of_the_slices_to_read_stops_the_table(tmp_path: Path) -> None:
    """Slices are read with an index's help, and counted without."""
    own = Own(tmp_path, SLICED)
    own.fill(
        "INSERT INTO t VALUES (?, ?, ?, 'a')",
        [(n, f"2024-{n % 12 + 1:02d}-01", n) for n in range(1, 200)],
    )
    own.declare()
    own.edit(
        lambda tables: tables["t"].update(version="ver", slice={"column": "at", "grain": "month"})
    )
    assert own.judged() == []
    before = own.mirror()["t"]
    own.execute("UPDATE t SET v = 'b', ver = 1000 WHERE k = 5")
    empty_the_index(own.path, "i")
    report = own.sync()["t"]
    assert report.error is not None
    assert "an index led to" in report.error
    assert "REINDEX" in report.error
    assert own.mirror()["t"].total() == before.total(), "no row is deleted"
    assert not own.verify("counts")["t"].proven
    own.execute("REINDEX")
    assert own.judged() == []
