"""Make a check of the load from SQLite let everything through, or its stream lose rows: nothing is proven then."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from saas_platform.source.sqlite import reading, snapshot
from saas_platform_tests.judge.loaded_lies import LoadedLie, check_found
from saas_platform_tests.judge.own import Own


def test_two_columns_that_are_read_as_each_other(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, a TEXT, b TEXT);"
        "INSERT INTO t0 VALUES (1, 'x', 'y'), (2, 'same', 'same')",
    )
    real = reading.readings

    def lied(*words: Any, **named: Any) -> Any:
        id_, a, b = real(*words, **named)
        return [
            id_,
            dataclasses.replace(a, channels=b.channels),
            dataclasses.replace(b, channels=a.channels),
        ]

    lying.setattr(snapshot, "readings", lied)
    check_found(made, [LoadedLie("text", "columns swapped", None)], lying)


@pytest.mark.parametrize("lost", [True, False], ids=["a row lost", "a row twice"])
def test_rows_that_do_not_arrive_once(
    tmp_path: Path, lying: pytest.MonkeyPatch, lost: bool
) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (a TEXT, b TEXT); INSERT INTO t0 VALUES ('x', 'y'), ('z', 'same')",
    )
    real = snapshot.SqliteSnapshot._rows

    def lied(*words: Any) -> Iterator[pa.RecordBatch]:
        for batch in real(*words):
            yield batch.slice(1) if lost else batch
            if not lost:
                yield batch.slice(0, 1)

    lying.setattr(snapshot.SqliteSnapshot, "_rows", lied)
    check_found(made, [LoadedLie("text", "rows", None)], lying)


def test_rows_that_the_stream_itself_loses(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    """Load and proof use the same stream. Rows that it loses show in SQLite's own count."""
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (a TEXT, b TEXT); INSERT INTO t0 VALUES ('x', 'y'), ('z', 'same')",
    )
    real = snapshot.stream

    def lied(*words: Any) -> Iterator[pa.RecordBatch]:
        for batch in real(*words):
            yield batch.slice(1)

    lying.setattr(snapshot, "stream", lied)
    (report,) = made.sync().values()
    assert not report.succeeded
    for level in ("counts", "digest", "rows"):
        (proof,) = made.verify(level).values()
        assert proof.verdict == "differs", level


#: A declaration, a misfit, and a plain value, by the check that lets the misfit through.
_MISFITS = {
    "float": ("REAL", "'NaN'", "0.5"),
    "wide": ("REAL", "9007199254740993", "0.5"),
    "text": ("TEXT", "x'41'", "'A'"),
    "time": ("DATETIME", "x'41'", "'2024-01-01 00:00:00'"),
    "bytes": ("BLOB", "'A'", "x'41'"),
}


@pytest.mark.few
@pytest.mark.parametrize("case", _MISFITS)
def test_a_misfit_that_is_let_through(tmp_path: Path, lying: pytest.MonkeyPatch, case: str) -> None:
    """The SQL that should fail returns NULL. The proof still sees the misfit."""
    declared, misfit, plain = _MISFITS[case]
    made = Own(
        tmp_path,
        f"CREATE TABLE t0 (id INTEGER PRIMARY KEY, v {declared}); INSERT INTO t0 VALUES (1, {plain})",
    )
    if case == "wide":  # a REAL column would convert it to a float
        made.path.unlink()
        made.execute("CREATE TABLE t0 (id INTEGER PRIMARY KEY, v); INSERT INTO t0 VALUES (1, 0.5)")
        made.declare()
    made.execute(f"INSERT INTO t0 VALUES (2, {misfit})")
    lying.setattr(reading, "_fails", lambda _: "NULL")
    check_not_proven(made)


@pytest.mark.parametrize("misfit", ["2", "-1", "256"])
def test_a_range_that_is_not_checked(
    tmp_path: Path, lying: pytest.MonkeyPatch, misfit: str
) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, v BOOLEAN); INSERT INTO t0 VALUES (1, 1), (3, 0)",
    )
    made.execute(f"INSERT INTO t0 VALUES (2, {misfit})")
    lying.setattr(reading, "_check_range", lambda *_: None)
    check_not_proven(made)


def test_a_text_whose_bytes_are_not_checked(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t0 VALUES (1, 'plain')",
    )
    made.execute("INSERT INTO t0 VALUES (2, CAST(x'61ff' AS TEXT))")
    lying.setattr(reading, "is_utf8", lambda _: True)

    def lied(_column: Any, values: pa.Array) -> pa.Array:
        texts = [bytes(v).decode(errors="replace") for v in values.cast(pa.binary()).to_pylist()]
        return pa.array(texts, pa.string())

    lying.setattr(reading, "_texts", lied)
    check_not_proven(made)


@pytest.mark.parametrize("kind", ["text", "any"])
def test_a_text_of_utf16_that_is_altered(
    tmp_path: Path, lying: pytest.MonkeyPatch, kind: str
) -> None:
    """SQLite gives half a surrogate pair to its functions and to the driver as another character."""
    made = Own(
        tmp_path,
        "PRAGMA encoding = 'UTF-16le';"
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t0 VALUES (1, 'plain')",
    )
    made.edit(lambda tables: tables["t0"]["columns"]["v"].update(type=kind))
    made.execute("INSERT INTO t0 VALUES (2, CAST(x'610000d8' AS TEXT))")
    lying.setattr(reading, "is_altered", lambda _: "FALSE")
    check_not_proven(made)


def test_a_decimal_by_the_slow_way(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    """Decimals with more digits than a float holds for certain are converted one by one."""
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, v DECIMAL(38,4)); INSERT INTO t0 VALUES (1, 0.5)",
    )
    made.edit(lambda tables: tables["t0"]["columns"]["v"].update(type="decimal(38, 4)"))
    made.execute("INSERT INTO t0 VALUES (2, 9223372036854775807), (3, 123456789012.4567)")
    real: Callable[[Any, int], int | None] = reading._exact
    lying.setattr(reading, "_exact", lambda *words: (real(*words) or 0) + 1)
    check_found(made, [LoadedLie("decimal(30, 2)", "last digit", None)], lying)


def test_a_wide_decimal_taken_for_a_narrow_one(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, v DECIMAL(18,0)); INSERT INTO t0 VALUES (1, 5)",
    )
    made.edit(lambda tables: tables["t0"]["columns"]["v"].update(type="decimal(18, 0)"))
    made.execute("INSERT INTO t0 VALUES (2, 900719925474099301)")
    lying.setattr(reading, "is_wide", lambda _: False)
    lying.setattr(reading, "_float_sql", lambda name: f"CAST({name} AS REAL)")
    check_not_proven(made)


def check_not_proven(made: Own) -> None:
    """Check that nothing is reported as equal, whether the load stops or the proof differs."""
    (report,) = made.sync().values()
    assert not report.succeeded, report
    for level in ("digest", "rows"):
        reports = made.verify(level)
        (proof,) = reports.values()
        assert not proven(proof), proof
        assert not made.faults_of_verify(reports)
    (repaired,) = made.repair().values()
    assert not repaired.succeeded


def proven(proof: Any) -> bool:
    return bool(proof.proven or proof.holds)
