"""Test that the SQLite reader returns exactly what is stored, or an error that names the row."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.slices import Slicing
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform_tests.source.sqlite_values import (
    DECLARED,
    INVALID,
    TYPES,
    NoSuchValueError,
    Raw,
    held,
    stored,
    values,
    write,
)

#: The number of rows in the driver's first batches.
BATCH = 16_384


def table(kind: sa.types.TypeEngine[Any], **options: Any) -> sa.Table:
    return sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "INTEGER"}),
        sa.Column("v", kind, info={"declared": ""}, **options),
    )


def read(path: Path, declared: sa.Table) -> dict[int, Any]:
    with SqliteDatabase(path).snapshot() as snapshot:
        rows = snapshot.rows(declared).read_all()
    return dict(zip(rows["id"].to_pylist(), rows["v"].to_pylist(), strict=True))


def same(kind: sa.types.TypeEngine[Any], wanted: Any, found: Any) -> bool:
    if isinstance(kind, AnyValue) and wanted is not None and wanted.startswith("<"):
        # SQLite chooses the digits of a float. Its value must be exact, and it must not look like a whole
        # number.
        return float(found) == float(wanted[1:-1]) and bool(re.search(r"[.e]", found))
    return bool(wanted == found) and type(wanted) is type(found)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(values, min_size=1, max_size=4),
    declared=st.sampled_from(DECLARED),
    kind=st.sampled_from(list(TYPES)),
)
@example(rows=[-(2**63), 1e300], declared="", kind="decimal(38, 10)")
@example(rows=[5, 900719925474099301], declared="NUMERIC(10,2)", kind="decimal(18, 0)")
@example(rows=[1.5, 2**53 + 1], declared="", kind="float")
@example(rows=[2**53 + 1, 2.0], declared="", kind="integer")
@example(rows=[0, 1, 2], declared="BOOLEAN", kind="flag")
@example(rows=["a", 1], declared="", kind="text")
@example(rows=["a", b"a"], declared="", kind="text")
@example(rows=[b"a", "a"], declared="", kind="bytes")
@example(rows=["a", Raw(INVALID)], declared="TEXT", kind="text")
def test_exact_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], declared: str, kind: str
) -> None:
    path = tmp_path_factory.mktemp("own") / "own.db"
    write(path, declared, rows)
    wanted, wrong = {}, {}
    for key, (stored_as, value) in stored(path).items():
        try:
            wanted[key] = held(TYPES[kind], stored_as, value)
        except NoSuchValueError:
            wrong[key] = value
    if wrong:
        with pytest.raises(SourceError) as caught:
            read(path, table(TYPES[kind]))
        sentence = str(caught.value)
        assert sentence.startswith("t.v of the source holds ")
        assert any(f"in the row with id {key}, which is not" in sentence for key in wrong), sentence
    else:
        found = read(path, table(TYPES[kind]))
        assert found.keys() == wanted.keys()
        assert all(same(TYPES[kind], wanted[key], found[key]) for key in wanted), (wanted, found)


GOOD: dict[str, Any] = {
    "integer": 9007199254740993,
    "flag": 1,
    "float": 0.1234567890123,
    "decimal(10, 2)": 15.86,
    "decimal(20, 2)": 15.86,
    "text": "x",
    "time": "2024-01-01 10:00:00",
    "date": "2024-01-01",
    "bytes": b"x",
}
#: A type, a value that does not fit it, and the value as the error shows it.
WRONG: list[tuple[str, Any, str]] = [
    ("integer", 2.0, "2.0"),
    ("integer", "0x1F", "'0x1F'"),
    ("integer", b"7", "X'37'"),
    ("flag", 2, "2"),
    ("flag", 0.5, "0.5"),
    ("flag", "true", "'true'"),
    ("float", "NaN", "'NaN'"),
    ("float", b"1", "X'31'"),
    ("float", 2**53 + 1, "9007199254740993"),
    ("decimal(10, 2)", 0.995, "0.995"),
    ("decimal(10, 2)", 10**8, "100000000"),
    ("decimal(10, 2)", "12", "'12'"),
    ("decimal(20, 2)", 10**18, "1000000000000000000"),
    ("decimal(20, 2)", "12", "'12'"),
    ("text", 1, "1"),
    ("text", 0.1, "0.1"),
    ("text", b"x", "X'78'"),
    ("text", Raw(INVALID), r"'Mcfly\xff|'"),
    ("time", "2024-01-01 24:00", "'2024-01-01 24:00'"),
    ("time", "0000-01-01", "'0000-01-01'"),
    ("time", 1, "1"),
    ("date", "2023-02-29", "'2023-02-29'"),
    ("bytes", "x", "'x'"),
    ("bytes", 1, "1"),
]


@pytest.mark.few
@pytest.mark.parametrize("place", [1, 2, BATCH, BATCH + 1, 2 * BATCH + 5])
@pytest.mark.parametrize(("kind", "value", "shown"), WRONG, ids=lambda each: repr(each)[:20])
def test_a_misfit_is_named_wherever_it_is(
    tmp_path: Path, kind: str, value: Any, shown: str, place: int
) -> None:
    path = tmp_path / "own.db"
    rows = [GOOD[kind]] * (2 * BATCH + 5)
    rows[place - 1] = value
    write(path, "", rows)
    with pytest.raises(SourceError) as caught:
        read(path, table(TYPES[kind]))
    start = f"t.v of the source holds {shown} in the row with id {place}, which is not "
    assert str(caught.value).startswith(start.replace("\\", "\\")), str(caught.value)
    # No type of a column can hold a text that is not UTF-8.
    remedy = (
        "move the column from the columns of t in tables.yaml to its `skip:`"
        if isinstance(value, Raw)
        else "declare another type for the column in tables.yaml, which `saas-platform doctor --discover` proposes"
    )
    assert f"correct it in the source, or {remedy}, then" in str(caught.value)


def test_a_null_in_a_not_null_column_is_named(tmp_path: Path) -> None:
    write(tmp_path / "own.db", "", [1.5, None])
    for kind in ("float", "decimal(20, 2)", "text", "any"):
        with pytest.raises(SourceError, match=r"t\.v of the source holds (NULL|1\.5)") as caught:
            read(tmp_path / "own.db", table(TYPES[kind], nullable=False))
        assert "in the row with id" in str(caught.value)


@pytest.mark.parametrize("declared", ["NUMERIC(10,2)", ""])
def test_all_cents_are_exact(tmp_path: Path, declared: str) -> None:
    cents = range(100_000)
    write(tmp_path / "own.db", declared, [cent / 100 for cent in cents])
    for kind in ("decimal(10, 2)", "decimal(20, 2)", "decimal(38, 10)"):
        found = read(tmp_path / "own.db", table(TYPES[kind]))
        assert all(found[cent + 1] == Decimal(cent) / 100 for cent in cents)


@pytest.mark.parametrize("wide", [999, 1_001])
def test_as_many_columns_as_sqlite_allows(tmp_path: Path, wide: int) -> None:
    """Test the limit: a wide decimal takes two expressions, and SQLite allows 2,000."""
    names = [f"c{place}" for place in range(1_999)]
    kinds = [sa.Numeric(20, 2) if place < wide else sa.String() for place in range(1_999)]
    declared = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True),
        *(sa.Column(name, kind) for name, kind in zip(names, kinds, strict=True)),
    )
    row = [
        (90071992547409931 if place % 2 else 15.86) if place < wide else f"x|{place}"
        for place in range(1_999)
    ]
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(names)})")
        file.execute(f"INSERT INTO t VALUES (1{', ?' * 1_999})", row)
        file.commit()
    with SqliteDatabase(tmp_path / "own.db").snapshot() as snapshot:
        (found,) = snapshot.rows(declared).read_all().to_pylist()
    wanted = [Decimal(str(value)) if not isinstance(value, str) else value for value in row]
    assert [found[name] for name in names] == wanted


def test_text_in_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA encoding = 'UTF-16le'")
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        file.execute("INSERT INTO t VALUES (1, 'ä|€😀'), (2, '2024-01-01T10:00')")
        file.commit()
    assert read(path, table(sa.String())) == {1: "ä|€😀", 2: "2024-01-01T10:00"}
    with pytest.raises(
        SourceError, match=r"holds 'ä\|€😀' in the row with id 1, which is not a time"
    ):
        read(path, table(sa.DateTime()))


def test_personal_data_is_masked(tmp_path: Path) -> None:
    write(tmp_path / "own.db", "", [1, "canary"])
    declared = table(sa.BigInteger())
    declared.c.v.info["pii"] = "name"
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "own.db", declared)
    assert "canary" not in str(caught.value)
    assert "in the row with id 2" in str(caught.value)


def test_a_batch_has_a_bounded_size(tmp_path: Path) -> None:
    write(tmp_path / "own.db", "", [1.5] * (BATCH * 2))
    with SqliteDatabase(tmp_path / "own.db").snapshot() as snapshot:
        sizes = [batch.num_rows for batch in snapshot.rows(table(sa.Double()))]
        assert max(sizes) <= BATCH
        assert sum(sizes) == 2 * BATCH
        schema = snapshot.rows(table(sa.Double())).schema
        assert schema == pa.schema(
            [pa.field("id", pa.int64(), nullable=False), ("v", pa.float64())]
        )


def test_rows_without_a_version_are_always_read(tmp_path: Path) -> None:
    write(tmp_path / "own.db", "INTEGER", [10, None, 7])
    declared = table(sa.BigInteger())
    declared.c.v.info["row_version"] = True
    with SqliteDatabase(tmp_path / "own.db").snapshot() as snapshot:
        found = snapshot.rows(declared, above=10).read_all()
        assert found["id"].to_pylist() == [2]
        assert snapshot.highest_version(declared) == 10
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("UPDATE t SET v = 'x' WHERE id = 1")
        file.commit()
    with (
        SqliteDatabase(tmp_path / "own.db").snapshot() as snapshot,
        pytest.raises(SourceError, match=r"t\.v of the source holds 'x' in the row with id 1"),
    ):
        snapshot.highest_version(declared)


@pytest.mark.parametrize("index", ["CREATE INDEX i ON t (v)", "SELECT 1"])
def test_a_row_without_a_timestamp_belongs_to_a_slice_too(tmp_path: Path, index: str) -> None:
    """Test that such a slice is counted and read by its id, and that the error then names the row."""
    path = tmp_path / "own.db"
    days = ["2024-01-31 10:00:00", "2024-02-29 10:00:00"]
    odd = [b"2024-02-28", 17, None, "x'y", "2024-13-01"]
    write(path, "", [*days, *odd])
    with closing(sqlite3.connect(path)) as file:
        file.execute(index)
        file.commit()
    declared = table(sa.DateTime(), nullable=False)
    declared.info["slice"] = Slicing("v", "month")
    with SqliteDatabase(path).snapshot() as snapshot:
        assert snapshot.slice_counts(declared) == {
            **{"2024-01": 1, "2024-02": 2, "17": 1, "x'y": 1, "2024-13": 1},
            **{"none": 1},
        }
        assert snapshot.rows(declared, slices=["2024-01"]).read_all().num_rows == 1
        assert snapshot.rows(declared, slices=[]).read_all().num_rows == 0
        for slice_id, key in (("2024-02", 3), ("17", 4), ("none", 5), ("x'y", 6), ("2024-13", 7)):
            with pytest.raises(SourceError, match=f"in the row with id {key}"):
                snapshot.rows(declared, slices=[slice_id, "2024-01"]).read_all()


def test_a_corrupt_table_does_not_stop_the_others(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    filler = ", ".join("('" + "x" * 500 + "')" for _ in range(200))
    with closing(sqlite3.connect(path)) as file:
        for name in "abc":
            file.execute(f"CREATE TABLE {name} (v TEXT)")
            file.execute(f"INSERT INTO {name} VALUES {filler}")
        file.commit()
        (root,) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'b'").fetchone()
        (size,) = file.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as damaged:
        damaged.seek((root - 1) * size)
        damaged.write(b"\xff" * 200)
    a, b, c = (sa.Table(name, sa.MetaData(), sa.Column("v", sa.String)) for name in "abc")
    with SqliteDatabase(path).snapshot() as snapshot:
        for read in (snapshot.slice_counts, drained(snapshot.rows), drained(snapshot.row_texts)):
            assert read(a)
            with pytest.raises(SourceError, match=r"^b of the source can't be read.*is corrupt"):
                read(b)
            assert read(c)


def drained(read: Callable[[sa.Table], pa.RecordBatchReader]) -> Callable[[sa.Table], int]:
    return lambda table: read(table).read_all().num_rows
