"""Test that a damaged index of the source, which lacks rows that the table has, costs no row and hides none.

SQLite answers a count from the smallest index. `PRAGMA integrity_check` reports such damage; a scan returns every row.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from saas_platform.schema import TABLES
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite import SqliteSource
from saas_platform_tests.judge.own import Own
from saas_platform_tests.rows import populate


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


INDEXED = {
    "next to the table": "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, b TEXT); CREATE INDEX i ON t (v);",
    "over every column": "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, b TEXT); CREATE INDEX i ON t (v, b);",
    "without row ids": "CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT, b TEXT) WITHOUT ROWID; CREATE INDEX i ON t (v);",
    "of a table without a key": "CREATE TABLE t (k INTEGER, v TEXT, b TEXT); CREATE UNIQUE INDEX i ON t (v);",
}


@pytest.mark.few
@pytest.mark.parametrize("when", ["before the first load", "after it"])
@pytest.mark.parametrize("table", INDEXED.values(), ids=INDEXED)
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


KEYS = {"with row ids": "", "without row ids": " WITHOUT ROWID"}


@pytest.mark.few
@pytest.mark.parametrize("kind", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("damage", ["empty", "stale"])
def test_slices_are_read_and_counted_in_the_table(tmp_path: Path, kind: str, damage: str) -> None:
    """A stale entry of the index has another month than the table, so that not even the number of rows differs."""
    own = Own(
        tmp_path,
        f"CREATE TABLE t (k TEXT PRIMARY KEY, at DATE NOT NULL, ver INTEGER NOT NULL, v TEXT){kind};"
        "CREATE INDEX i ON t (at);",
    )
    own.fill(
        "INSERT INTO t VALUES (?, ?, ?, 'a')",
        [(f"k{n}", f"2024-{n % 12 + 1:02d}-01", n) for n in range(1, 200)],
    )
    own.declare()
    own.edit(
        lambda tables: tables["t"].update(version="ver", slice={"column": "at", "grain": "month"})
    )
    assert own.judged() == []
    own.execute("UPDATE t SET v = 'b', ver = 1000 WHERE k = 'k5'; DELETE FROM t WHERE k = 'k7'")
    if damage == "empty":
        empty_the_index(own.path, "i")
    else:
        make_an_entry_stale(own.path)
    report = own.sync()["t"]
    assert report.succeeded, report
    assert own.mirror()["t"] == own.expected()["t"].rows
    for level in ("digest", "rows"):
        assert own.verify(level)["t"].proven
    assert own.repair()["t"].rows_written == 0


def make_an_entry_stale(path: Path) -> None:
    """Move a row to another month while the index is hidden from SQLite."""
    with closing(sqlite3.connect(path)) as connection:
        (index,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'i'").fetchone()
        connection.executescript(
            "CREATE TABLE hidden AS SELECT * FROM sqlite_master WHERE name = 'i';"
            "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'i';"
            "PRAGMA writable_schema = RESET;"
        )
        connection.execute("UPDATE t SET at = '2024-11-20', ver = 2000 WHERE k = 'k9'")
        connection.commit()
        connection.executescript(
            "PRAGMA writable_schema = ON;"
            "INSERT INTO sqlite_master SELECT * FROM hidden;"
            "PRAGMA writable_schema = RESET;"
        )
        assert index
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE hidden")
        connection.commit()
        found = connection.execute("PRAGMA integrity_check").fetchall()
        assert any("missing from index i" in message for (message,) in found), found


def test_a_damaged_index_of_the_companys_own_source_stops_the_table(tmp_path: Path) -> None:
    """The platform's own file is large, and its slices are read with the help of its indexes."""
    source = SqliteSource(tmp_path / "source.db")
    source.create_schema()
    populate(source.path, 5)
    events = TABLES["usage_events"]
    with closing(sqlite3.connect(source.path)) as connection:
        names = connection.execute(
            "SELECT i.name FROM pragma_index_list('usage_events') i, pragma_index_info(i.name) c"
            " WHERE c.seqno = 0 AND c.name = 'occurred_at'"
        ).fetchall()
    ((index,),) = names
    empty_the_index(source.path, index)
    with source.snapshot() as snapshot:
        counts = snapshot.slice_counts(events)
        assert sum(counts.values()) == 5
        with pytest.raises(
            SourceError, match=r"an index led to 0: the index is damaged\..*REINDEX"
        ):
            snapshot.rows(events, slices=[next(iter(counts))]).read_all()
