"""Test that SQLite writes the canonical texts for the proof, and misfits for values that do not fit."""

from __future__ import annotations

import random
import re
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from saas_platform.schema import canonical
from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.slices import Slicing
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


def table(kind: sa.types.TypeEngine[Any], columns: tuple[str, ...] = ("v",)) -> sa.Table:
    key = sa.Column("id", sa.BigInteger, primary_key=True)
    return sa.Table("t", sa.MetaData(), key, *(sa.Column(name, kind) for name in columns))


def texts(path: Path, declared: sa.Table, slices: list[str] | None = None) -> list[tuple[str, str]]:
    """Return the slice and the joined cells of each row, and check that the text of the row is the same.

    A number that is not a whole number, or not a flag, may stand in the text as it is, because no value that
    fits has the same text.
    """
    with SqliteDatabase(path).snapshot() as snapshot:
        rows = snapshot.row_texts(declared, slices).read_all()
        cells = snapshot.cells(declared, slices).read_all()
    rows.validate(full=True)
    cells.validate(full=True)
    assert rows.schema == canonical.ROW_TEXTS
    assert cells.schema == canonical.cells_schema(declared)
    joined = ["".join(list(row.values())[1:]) for row in cells.to_pylist()]
    numbers = isinstance(list(declared.columns)[-1].type, sa.Boolean | sa.Integer)
    for text, wanted in zip(rows["c1"].to_pylist(), joined, strict=True):
        odd = numbers and wanted.endswith("|?") and "'" not in wanted
        as_it_is = re.fullmatch(r"1?\d*\|\.(-?\d+|-?[\d.]*\.[\d.e+-]+|-?Inf)\|\.", text)
        assert text == wanted or (odd and as_it_is), (text, wanted)
    assert cells["c0"] == rows["c0"]
    return list(zip(rows["c0"].to_pylist(), joined, strict=True))


def looks_like_a_time(value: Any) -> bool:
    pattern = rb"[0-9]...-..-.. ..:..:..\......."
    return isinstance(value, bytes) and re.fullmatch(pattern, value, re.DOTALL) is not None


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(values, min_size=1, max_size=4),
    declared=st.sampled_from(DECLARED),
    kind=st.sampled_from(list(TYPES)),
)
@example(rows=[-(2**63), 1e300], declared="", kind="decimal(38, 10)")
@example(rows=[0.7, 0.1 + 0.2, 1e17, 90071992547409.91], declared="", kind="decimal(20, 2)")
@example(rows=["2024-02-29T10:11", "2024-02-29"], declared="", kind="time")
@example(rows=[Raw(INVALID), Raw(b"'\xc3")], declared="", kind="any")
@example(rows=[0.5, 5e-324, -0.0, float("inf")], declared="", kind="float")
def test_values_that_fit_are_canonical_and_others_are_misfits(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], declared: str, kind: str
) -> None:
    path = tmp_path_factory.mktemp("own") / "own.db"
    write(path, declared, rows)
    of_type = table(TYPES[kind])
    for (slice_id, text), (key, (stored_as, value)) in zip(
        texts(path, of_type), stored(path).items(), strict=True
    ):
        assert slice_id == "all"
        try:
            wanted = held(TYPES[kind], stored_as, value)
        except NoSuchValueError:
            assert text.startswith(f"{key}|.")
            misfit = text.endswith("|?")
            assert misfit or (kind == "time" and looks_like_a_time(value)), (value, text)
            continue
        if isinstance(TYPES[kind], AnyValue) and stored_as == "real":
            literal = text.removeprefix(f"{key}|.").removesuffix("|.")
            assert float(literal) == value
            assert re.search(r"[.e]", literal)
        else:
            assert text == canonical.row_text(of_type, {"id": key, "v": wanted})


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("text", Raw(INVALID), "X'4D63666C79FF7C'|?"),
        ("integer", Raw(INVALID), "X'4D63666C79FF7C'|?"),
        ("integer", "a|'b\0c", "'a||''b\0c'|?"),
        ("integer", b"|", "X'7C'|?"),
        ("flag", 2, "2|?"),
        ("any", "a|'b\0c", "'a||''b\0c'|."),
        ("any", "1", "'1'|."),
        ("any", 1, "1|."),
        ("any", Raw(INVALID), "X'4D63666C79FF7C'|?"),
        ("any", Raw(b"'\xc3'"), "X'27C327'|?"),
        (
            "time",
            Raw(b"2024-02-29 10:00:00.00000\xff"),
            "X'323032342D30322D32392031303A30303A30302E3030303030FF'|?",
        ),
        ("bytes", b"\0|", "007C|."),
        ("date", "2024-02-29T00:00", "'2024-02-29T00:00'|?"),
        ("date", b"2024-02-29", "X'323032342D30322D3239'|?"),
        ("time", "2024-02-29\0", "'2024-02-29\0'|?"),
        ("time", "2024-02-29 10:00\0 ", "'2024-02-29 10:00\0 '|?"),
        ("date", "2024-02-29\0", "'2024-02-29\0'|?"),
        ("time", "2024-02-29 24:00", "'2024-02-29 24:00'|?"),
        ("time", "0000-02-29 00:00", "'0000-02-29 00:00'|?"),
        ("decimal(10, 2)", -0.07, "-0.07|."),
        ("decimal(10, 2)", 1e8, "100000000.0|?"),
        ("decimal(10, 2)", 99999999.99, "99999999.99|."),
        ("decimal(20, 2)", -900719925474099301, "-900719925474099301.00|."),
        ("decimal(2, 2)", 0.5, "0.50|."),
        ("decimal(2, 2)", 1, "1|?"),
    ],
)
def test_cells(tmp_path: Path, kind: str, value: Any, cell: str) -> None:
    write(tmp_path / "own.db", "", [value])
    assert texts(tmp_path / "own.db", table(TYPES[kind])) == [("all", f"1|.{cell}")]


def test_slices(tmp_path: Path) -> None:
    days = ["2024-01-31 23:59:59", "2024-02-01", None, b"2024-02-02", 17, Raw(b"2024-0\xff")]
    write(tmp_path / "own.db", "", days)
    declared = table(sa.DateTime())
    declared.info["slice"] = Slicing("v", "month")
    found = texts(tmp_path / "own.db", declared)
    assert [slice_id for slice_id, _ in found] == [
        "2024-01",
        "2024-02",
        "none",
        "2024-02",
        "17",
        "2024-0\\xff",
    ]
    february = texts(tmp_path / "own.db", declared, ["2024-02"])
    assert ("2024-02", "2|.2024-02-01 00:00:00.000000|.") in february
    assert ("2024-01", "1|.2024-01-31 23:59:59.000000|.") not in february


@pytest.mark.few
@pytest.mark.parametrize("kind", [sa.String(), sa.Double(), sa.Numeric(20, 2), sa.DateTime()])
def test_as_many_columns_as_sqlite_allows(tmp_path: Path, kind: Any) -> None:
    names = tuple(f"c{place}" for place in range(1_999))
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(names)})")
        file.execute("INSERT INTO t (id, c7, c1998) VALUES (1, 'a|', 0.5)")
        file.commit()
    ((_, text),) = texts(tmp_path / "own.db", table(kind, names))
    assert text.startswith("1|." + "|-" * 7)
    assert text.count("|-") == 1_997


def doubles(count: int) -> list[float]:
    """Return floats of all magnitudes, including subnormals and the neighbours of powers of two."""
    chance = random.Random(7)
    found = [
        struct.unpack("<d", struct.pack("<Q", chance.getrandbits(64)))[0] for _ in range(count)
    ]
    found += [
        struct.unpack("<d", struct.pack("<Q", chance.getrandbits(52)))[0]
        for _ in range(count // 10)
    ]
    for power in range(-1074, 1024):
        bits = struct.unpack("<Q", struct.pack("<d", 2.0**power))[0]
        near = (bits - 1, bits, bits + 1)
        found += [struct.unpack("<d", struct.pack("<Q", each))[0] for each in near]
    found += [-1.7976931348623157e308, float("inf"), float("-inf"), 0.0, -0.0]
    return [each for each in found if each == each]


@pytest.mark.parametrize(
    "count", [20_000, pytest.param(300_000, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_bits_of_floats(tmp_path: Path, count: int) -> None:
    rows = doubles(count)
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        file.executemany("INSERT INTO t (v) VALUES (?)", ((row,) for row in rows))
        file.commit()
    place = 0
    with SqliteDatabase(tmp_path / "own.db").snapshot() as snapshot:
        for batch in snapshot.cells(table(sa.Double())):
            found = [int(cell.removesuffix("|.")) for cell in batch["c2"].to_pylist()]
            wanted = [
                struct.unpack("<q", struct.pack("<d", row + 0.0))[0]
                for row in rows[place : place + len(found)]
            ]
            assert found == wanted
            place += len(found)
    assert place == len(rows)


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_literals_of_floats_read_as_the_same_floats(tmp_path: Path, count: int) -> None:
    rows = doubles(count)
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        file.executemany("INSERT INTO t (v) VALUES (?)", ((row,) for row in rows))
        file.commit()
    with SqliteDatabase(tmp_path / "own.db").snapshot() as snapshot:
        cells = snapshot.cells(table(AnyValue())).read_all()["c2"].to_pylist()
        loaded = snapshot.rows(table(AnyValue())).read_all()["v"].to_pylist()
    assert [cell.removesuffix("|.") for cell in cells] == loaded
    assert [float(text) for text in loaded] == rows


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_decimals_are_the_same_as_loaded(tmp_path: Path, count: int) -> None:
    """Test decimals with all numbers of digits, whether or not floats distinguish neighbouring decimals."""
    chance = random.Random(11)
    numbers = (
        chance.randint(-(10 ** chance.randint(1, 17)), 10 ** chance.randint(1, 17))
        / 10 ** chance.randint(0, 12)
        for _ in range(count)
    )
    rows = [number for number in numbers if is_decimal(number)]
    assert len(rows) > count / 2
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        file.executemany("INSERT INTO t (v) VALUES (?)", ((row,) for row in rows))
        file.commit()
    declared = table(sa.Numeric(38, 12))
    with SqliteDatabase(tmp_path / "own.db").snapshot() as snapshot:
        cells = snapshot.cells(declared).read_all()["c2"].to_pylist()
        loaded = snapshot.rows(declared).read_all()["v"].to_pylist()
    assert [cell.removesuffix("|.") for cell in cells] == [f"{value:f}" for value in loaded]
    assert [float(value) for value in loaded] == rows


def is_decimal(number: float) -> bool:
    try:
        held(sa.Numeric(38, 12), "real", number)
    except NoSuchValueError:
        return False
    return True


def test_all_cents(tmp_path: Path) -> None:
    write(tmp_path / "own.db", "NUMERIC(10,2)", [cent / 100 for cent in range(100_000)])
    found = texts(tmp_path / "own.db", table(sa.Numeric(10, 2)))
    wanted = [f"{cent + 1}|.{cent // 100}.{cent % 100:02}|." for cent in range(100_000)]
    assert [text for _, text in found] == wanted


def test_times_in_utf_16(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("PRAGMA encoding = 'UTF-16le'")
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        file.execute("INSERT INTO t VALUES (1, '2024-02-29'), (2, '2024-02-29T10:11')")
        file.commit()
    times = texts(tmp_path / "own.db", table(sa.DateTime()))
    assert [text for _, text in times] == [
        "1|.2024-02-29 00:00:00.000000|.",
        "2|.2024-02-29 10:11:00.000000|.",
    ]
    dates = texts(tmp_path / "own.db", table(sa.Date()))
    assert [text for _, text in dates] == ["1|.2024-02-29|.", "2|.'2024-02-29T10:11'|?"]


def test_text_in_utf_16(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "own.db")) as file:
        file.execute("PRAGMA encoding = 'UTF-16be'")
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        file.execute("INSERT INTO t VALUES (1, 'ä|€😀')")
        file.commit()
    assert texts(tmp_path / "own.db", table(sa.String())) == [("all", "1|.ä||€😀|.")]
