"""Test that times which SQLite keeps apart, because it compares their texts, are never one time in the mirror."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saas_platform_tests.drawing import examples
from saas_platform_tests.judge.own import Own

#: How people write the same times.
SPELLINGS = [
    "2024-01-01", "2024-01-01 00:00", "2024-01-01 00:00:00", "2024-01-01T00:00:00", "2024-01-01 00:00:00.0",
    "2024-01-01 00:00:00.000000", "2024-01-01 00:00:01", "2024-01-02", "2024-01-02T00:00",
]  # fmt: skip
TABLES = {
    "a key": "CREATE TABLE t (at DATETIME PRIMARY KEY, n INTEGER)",
    "a key without row ids": "CREATE TABLE t (at TIMESTAMP PRIMARY KEY, n INTEGER) WITHOUT ROWID",
    "part of a key": "CREATE TABLE t (at DATETIME, n INTEGER, PRIMARY KEY (n, at))",
    "a unique rule": "CREATE TABLE t (n INTEGER, at DATETIME UNIQUE)",
    "a unique index": "CREATE TABLE t (n INTEGER PRIMARY KEY, at DATETIME); CREATE UNIQUE INDEX i ON t (at)",
}


@pytest.mark.few
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@settings(
    max_examples=examples(4),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(spelt=st.lists(st.sampled_from(SPELLINGS), min_size=1, unique=True), numbers=st.data())
def test_what_discovery_declares_keeps_every_row(
    tmp_path_factory: pytest.TempPathFactory, table: str, spelt: list[str], numbers: Any
) -> None:
    own = Own(tmp_path_factory.mktemp("own"), table)
    number = st.integers(0, 1) if "(n, at)" in table else None
    rows = [
        (text, place if number is None else numbers.draw(number))
        for place, text in enumerate(spelt)
    ]
    own.fill("INSERT INTO t (at, n) VALUES (?, ?)", rows)
    own.declare()
    assert own.judged() == []
    assert own.mirror()["t"].total() == len(rows)
    own.execute("UPDATE t SET n = n + 10")
    assert own.judged() == []


def in_kind(own: Own) -> str:
    (table,) = own.tables()
    return str(table.columns["at"].type)


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (["2024-01-01", "2024-01-02 00:00:00"], "DATETIME"),
        (["2024-01-01", "2024-01-01 00:00:00"], "VARCHAR"),
        (["2024-01-01T00:00:00", "2024-01-01 00:00:00"], "VARCHAR"),
    ],
)
def test_only_times_that_would_become_one_are_declared_as_texts(
    tmp_path: Path, rows: list[str], kind: str
) -> None:
    own = Own(tmp_path, TABLES["a key"])
    own.fill("INSERT INTO t (at) VALUES (?)", [(row,) for row in rows])
    notes = own.declare().notes
    assert in_kind(own) == kind
    said = [note for note in notes if "writes a time in several ways" in note]
    assert len(said) == (kind == "VARCHAR")


def test_a_second_spelling_that_comes_later_stops_the_table_with_a_remedy(tmp_path: Path) -> None:
    own = Own(tmp_path, TABLES["a key"])
    own.fill("INSERT INTO t (at) VALUES (?)", [("2024-01-01",)])
    own.declare()
    assert own.judged() == []
    own.fill("INSERT INTO t (at) VALUES (?)", [("2024-01-01 00:00:00",)])
    assert own.judged() == []
    error = own.sync()["t"].error or ""
    assert "its key is not unique" in error
    own.edit(lambda tables: tables["t"]["columns"]["at"].update(type="text"))
    assert own.judged() == []
    assert own.mirror()["t"].total() == 2


def test_a_reference_between_different_types_is_told(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE t (at DATETIME PRIMARY KEY NOT NULL);"
        "INSERT INTO t VALUES ('2024-01-01'), ('2024-01-01 00:00:00');"
        "CREATE TABLE u (id INTEGER PRIMARY KEY, at DATETIME REFERENCES t);"
        "INSERT INTO u VALUES (1, '2024-01-01')",
    )
    assert (
        "u references t by at, but discovery proposes different types for the two sides, so that this reference"
        " is not checked."
    ) in own.discovery.notes


def test_one_sync_repairs_what_its_own_repair_displaces(tmp_path: Path) -> None:
    """Rows were moved, inserted, deleted and re-keyed without a rising version, so that counts match by chance."""
    own = Own(
        tmp_path,
        "CREATE TABLE t (k INTEGER PRIMARY KEY, ver INTEGER, at DATE NOT NULL, s TEXT);"
        "INSERT INTO t VALUES (1, 99, '2024-03-01', 'b'), (2, 98, '2024-01-01', 'b'), (3, 97, '2024-01-01', 'a'),"
        " (4, 96, '2024-03-01', 'b'), (5, 200, '2024-01-01', 'b'), (6, 94, '2024-02-01', 'a'),"
        " (7, 93, '2024-01-01', 'b'), (8, 200, '2024-02-01', 'a'), (9, 91, '2024-02-01', 'b'),"
        " (10, 90, '2024-04-01', 'b')",
        lambda tables: tables["t"].update(version="ver", slice={"column": "at", "grain": "month"}),
    )
    assert own.judged() == []
    own.execute(
        "INSERT INTO t VALUES (14, 89, '2024-02-01', 'a'); UPDATE t SET at = '2024-04-01' WHERE k = 8;"
        "DELETE FROM t WHERE k = 7; UPDATE OR REPLACE t SET k = 10, ver = 87 WHERE k = 3"
    )
    report = own.sync()["t"]
    assert report.succeeded, report
    assert own.mirror()["t"] == own.expected()["t"].rows
