"""Values from a driver become the declared type exactly, or stop the table with a message.

The types are those that pyodbc and mssql-python were observed to return.
"""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from saas_platform.schema import TABLES
from saas_platform.schema.any_value import AnyValue
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import catalogue_types, streaming
from saas_platform_tests.mssql.stub import ABLE, DATABASE, ArrowServer, Server, arrow, snapshot_of

KEY = "6F9619FF-8B86-D011-B42D-00C04FC964FF"


def table_of(kind: Any, declared: str = "", *, pii: str | None = None) -> sa.Table:
    info = {"declared": declared, **({"pii": pii} if pii else {})}
    return sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
        sa.Column("v", kind, info=info),
    )


class Rows:
    """A stub of a cursor of pyodbc."""

    def __init__(self, values: list[Any], first: int = 1) -> None:
        self._rows: list[tuple[Any, Any]] = [*enumerate(values, first)]

    def execute(self, _: str) -> None:
        pass

    def fetchmany(self, size: int) -> list[Any]:
        found, self._rows = self._rows[:size], self._rows[size:]
        return found


class Batches:
    """A stub of a cursor of mssql-python."""

    def __init__(self, values: pa.Array) -> None:
        self._batch = pa.record_batch([pa.array(range(1, len(values) + 1)), values], ["a", "b"])

    def execute(self, _: str) -> None:
        pass

    def arrow_reader(self, _: int) -> Any:
        return nullcontext(iter([self._batch]))


def read(cursor: Any, table: sa.Table) -> list[Any]:
    found: list[Any] = []
    for batch in streaming.batches(cursor, table, "SELECT"):
        found += batch["v"].to_pylist()
    return found


EAST = timezone(timedelta(hours=2))
#: A type, values that it holds as pyodbc returns them, and one that it does not hold.
TAKEN: list[tuple[Any, list[Any], list[Any]]] = [
    (sa.BigInteger(), [2**63 - 1, -(2**63), 0], [1.5, 1.0, True, "7", b"7", 2**63, Decimal(1)]),
    (sa.Boolean(), [True, False], [1, 2, "true", 0.0]),
    (sa.Double(), [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308], [1, "1.5", Decimal("1.5")]),
    (
        sa.Numeric(10, 2),
        [Decimal("-0.01"), Decimal("99999999.99"), Decimal("1.1"), Decimal("1.100")],
        [Decimal("0.001"), Decimal("123456789.00"), 1.5, 1, "1.50", Decimal("NaN")],
    ),
    (
        sa.DateTime(),
        [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)],
        [date(2024, 1, 1), "2024-01-01", datetime(2024, 1, 1, tzinfo=UTC), clock(1, 2)],
    ),
    (sa.Date(), [date(1, 1, 1), date(9999, 12, 31)], [datetime(2024, 1, 1), "2024-01-01"]),
    (sa.String(), ["", "a ", "\U0001d11e", "\ufffd"], [1, b"a", "\ud83d", datetime(2024, 1, 1)]),
    (AnyValue(), ["1", "'1'"], [1, b"1", 0.5]),
    (sa.LargeBinary(), [b"", b"\x00\xff"], ["a", 1]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), TAKEN, ids=lambda each: repr(each)[:20])
def test_rows_are_held_against_the_declared_type(
    kind: Any, good: list[Any], bad: list[Any]
) -> None:
    table = table_of(kind, "x")
    assert read(Rows([*good, None]), table) == [*good, None]
    for value in bad:
        many = [*good, *good, value]
        with pytest.raises(SourceError, match=rf"t\.v of the source.*id {len(many)}, which is not"):
            read(Rows(many), table)


def test_a_value_beyond_the_first_batch_stops_the_table_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streaming, "_ROWS", 10)
    with pytest.raises(SourceError, match=r"holds '7' in the row with id 25, which is not a whole"):
        read(Rows([*range(24), "7"]), table_of(sa.BigInteger()))


def test_a_row_without_a_key_is_named_by_its_other_values() -> None:
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("code", sa.String, info={"declared": "varchar(9)"}),
        sa.Column("v", sa.BigInteger, info={"declared": "int"}),
    )
    rows = Rows([])
    rows._rows = [("a", 1), ("b", "x")]
    with pytest.raises(SourceError, match=r"t\.v of the source holds 'x' in the row with code b,"):
        read(rows, table)


#: A declared type, and the rows fetched at a time of a table with a key and a column of the type.
WIDTHS = {
    **dict.fromkeys(("int", "bit", "datetime2(7)", "decimal(38, 0)", "uniqueidentifier"), 65_536),
    **dict.fromkeys(("nvarchar(255)", "varchar(900)", "char(4)", "sysname"), 65_536),
    "nvarchar(4000)": 256 * 1024**2 // 8040,
    "sql_variant": 256 * 1024**2 // 16_040,
    **dict.fromkeys(("nvarchar(max)", "varchar(max)", "varbinary(max)", "text", "ntext"), 200),
    **dict.fromkeys(("image", "xml", "json", "geography", "geometry", "their_own_type"), 200),
}


@pytest.mark.parametrize("declared", WIDTHS)
def test_fewer_rows_are_fetched_at_a_time_where_they_may_be_long(
    monkeypatch: pytest.MonkeyPatch, declared: str
) -> None:
    """A batch of 20,000 photos of two megabytes would be too large."""
    asked: list[int] = []

    class Fetching(Server):
        def fetchmany(self, size: int) -> list[Any]:
            asked.append(size)
            return super().fetchmany(size)

    class Streaming(ArrowServer):
        def arrow_reader(self, size: int) -> Any:
            asked.append(size)
            return nullcontext(iter([]))

    table = table_of(catalogue_types.portable(declared), declared)
    for able in ({}, ABLE):
        with snapshot_of(Fetching({**DATABASE, **able}), monkeypatch) as snapshot:
            snapshot.rows(table).read_all()
            snapshot.cells(table).read_all()
            snapshot.row_texts(table).read_all()
    with snapshot_of(Streaming(DATABASE), monkeypatch) as snapshot:
        snapshot.rows(table).read_all()
    assert asked == [WIDTHS[declared]] * 7


def test_the_companys_own_tables_are_read_at_full_speed() -> None:
    assert {streaming.rows_at_a_time(table) for table in TABLES.values()} == {65_536}


def test_a_bytearray_and_a_view_of_memory_are_bytes() -> None:
    assert read(Rows([bytearray(b"a"), memoryview(b"b")]), table_of(sa.LargeBinary())) == [
        b"a",
        b"b",
    ]


def test_a_native_uuid_is_written_as_t_sql_does() -> None:
    """mssql-python returns UUIDs (`native_uuid`), whose `str` is in lower case."""
    assert read(Rows([uuid.UUID(KEY), None, "x"]), table_of(sa.String())) == [KEY, None, "x"]


def test_personal_data_is_in_no_message() -> None:
    with pytest.raises(SourceError, match=r"t\.v of the source holds a value in the row") as raised:
        read(Rows([b"a@b.example"]), table_of(sa.String(), "nvarchar(9)", pii="email"))
    assert "a@b" not in str(raised.value)


@pytest.mark.parametrize("cursor", [Rows([1, None]), Batches(pa.array([1, None]))])
def test_a_null_where_none_may_be_names_its_row(cursor: Any) -> None:
    table = table_of(sa.BigInteger())
    table.c.v.nullable = False
    with pytest.raises(
        SourceError, match=r"t\.v .* holds NULL in the row with id 2, declared as NO"
    ):
        read(cursor, table)


def _decimals(values: list[str | None], precision: int, scale: int) -> pa.Array:
    made = [None if each is None else Decimal(each) for each in values]
    return pa.array(made, pa.decimal128(precision, scale))


#: A declared type, what mssql-python's Arrow batches may contain, and the result; None if the table stops.
ARRIVES: list[tuple[Any, pa.Array, list[Any] | None]] = [
    (sa.BigInteger(), pa.array([255, None], pa.uint8()), [255, None]),
    (sa.BigInteger(), pa.array([-32768], pa.int16()), [-32768]),
    (sa.BigInteger(), pa.array([2**63], pa.uint64()), None),
    (sa.BigInteger(), pa.array([1.0]), None),
    (sa.BigInteger(), pa.array(["0x1F"]), None),
    (sa.Boolean(), pa.array([True, None]), [True, None]),
    (sa.Boolean(), pa.array([1, 0]), None),
    (sa.Double(), pa.array([0.1], pa.float32()), [0.10000000149011612]),
    (sa.Double(), pa.array([2**53 + 1]), None),
    (sa.Numeric(10, 2), _decimals(["1.10", None], 38, 4), [Decimal("1.10"), None]),
    (sa.Numeric(10, 2), _decimals(["1.1", None], 5, 1), [Decimal("1.10"), None]),
    (sa.Numeric(10, 2), _decimals(["1.105"], 38, 3), None),
    (sa.Numeric(3, 2), _decimals(["10.00"], 10, 2), None),
    (sa.Numeric(10, 2), pa.array([0.35]), None),
    (sa.Numeric(10, 2), pa.array(["0.35"]), None),
    (
        sa.DateTime(),
        pa.array([1_001_000], pa.timestamp("ns")),
        [datetime(1970, 1, 1, 0, 0, 0, 1001)],
    ),
    (sa.DateTime(), pa.array([1_001_100], pa.timestamp("ns")), None),
    (sa.DateTime(), pa.array([1], pa.timestamp("us", "UTC")), None),
    (sa.DateTime(), pa.array([date(2024, 1, 1)]), None),
    (sa.Date(), pa.array([date(2024, 1, 1), None]), [date(2024, 1, 1), None]),
    (sa.Date(), pa.array([datetime(2024, 1, 1, 12)]), None),
    (sa.String(), pa.array(["a", None], pa.large_string()), ["a", None]),
    (sa.String(), pa.array([b"a"]), None),
    (sa.String(), pa.array([1]), None),
    (sa.LargeBinary(), pa.array([b"\xff"], pa.large_binary()), [b"\xff"]),
    (sa.LargeBinary(), pa.array([b"ab"], pa.binary(2)), [b"ab"]),
    (sa.LargeBinary(), pa.array(["a"]), None),
    (sa.LargeBinary(), pa.nulls(1), [None]),
    (sa.Boolean(), pa.nulls(2, pa.int8()), [None, None]),
]


@pytest.mark.parametrize(("kind", "values", "found"), ARRIVES, ids=lambda each: repr(each)[:30])
def test_arrow_batches_are_held_against_the_declared_type(
    kind: Any, values: pa.Array, found: list[Any] | None
) -> None:
    table = table_of(kind, "x")
    if found is not None:
        assert read(Batches(values), table) == found
        return
    with pytest.raises(
        SourceError, match=r"t\.v of the source holds .* in the row with id 1, which"
    ):
        read(Batches(values), table)


@given(st.lists(st.floats(width=32) | st.none(), min_size=1))
def test_a_real_is_the_same_double_by_both_drivers(values: list[float | None]) -> None:
    table = table_of(sa.Double(), "real")
    by_rows = read(Rows(list(values)), table)
    by_arrow = read(Batches(pa.array(values, pa.float32())), table)
    assert list(map(repr, by_rows)) == list(map(repr, by_arrow)) == list(map(repr, values))


@given(st.lists(st.decimals(-10, 10, places=3)))
def test_a_decimal_is_exact_or_stops(values: list[Decimal]) -> None:
    table = table_of(sa.Numeric(5, 2), "decimal(5, 2)")
    exact = all(value == round(value, 2) for value in values)
    for cursor in (Rows(list(values)), Batches(pa.array(values, pa.decimal128(38, 3)))):
        if exact:
            assert read(cursor, table) == values
        else:
            with pytest.raises(SourceError, match="which is not a decimal of at most 5 digits, 2"):
                read(cursor, table)


TEXT = table_of(sa.String(), "nvarchar(9)")
_BROKEN = r"t\.v of the source holds half of a surrogate pair in the row with id 7, which is not a character"


class Strict(Server):
    """A stub of pyodbc, which decodes UTF-16 and raises an error for half of a pair."""

    def fetchmany(self, size: int) -> list[Any]:
        if "FROM [sales].[t]" in self.statements[-1]:
            b"\x3d\xd8".decode("utf-16-le")
        return super().fetchmany(size)


def test_half_a_surrogate_pair_stops_the_load_by_pyodbc(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Strict({**DATABASE, **ABLE, "SELECT TOP 1 [id] AS c0": (7,)})
    with snapshot_of(server, monkeypatch) as snapshot, pytest.raises(SourceError, match=_BROKEN):
        snapshot.rows(TEXT).read_all()


def test_where_the_server_can_not_look_for_it_the_table_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Strict(DATABASE)
    with (
        snapshot_of(server, monkeypatch) as snapshot,
        pytest.raises(
            SourceError, match=r"^t of the source holds a text that its driver can't dec"
        ),
    ):
        snapshot.rows(TEXT).read_all()


@pytest.mark.parametrize(("found", "stops"), [((7,), True), (None, False)])
def test_a_replacement_of_mssql_pythons_is_looked_into(
    monkeypatch: pytest.MonkeyPatch, found: Any, stops: bool
) -> None:
    """The driver silently replaces half of a pair, but a text may also contain the replacement by right."""
    server = ArrowServer(
        {
            **DATABASE,
            **ABLE,
            "SELECT TOP 1 [id] AS c0": found,
            "FROM [sales].[t]": arrow(id=[7], v=["a\ufffd"]),
        }
    )
    with snapshot_of(server, monkeypatch) as snapshot:
        if stops:
            with pytest.raises(SourceError, match=_BROKEN):
                snapshot.rows(TEXT).read_all()
        else:
            assert snapshot.rows(TEXT).read_all().to_pylist() == [{"id": 7, "v": "a\ufffd"}]


def test_texts_without_a_replacement_cost_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ArrowServer({**DATABASE, **ABLE, "FROM [sales].[t]": arrow(id=[7], v=["a"])})
    with snapshot_of(server, monkeypatch) as snapshot:
        assert snapshot.rows(TEXT).read_all().num_rows == 1
    assert not any("SELECT TOP 1 [id]" in sql for sql in server.statements)


def test_a_key_as_text_keeps_all_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("at", sa.String, primary_key=True, info={"declared": "datetime2(7)"}),
    )
    server = Server({**DATABASE, "FROM [sales].[t]": [("2024-01-02 03:04:05.1234567",)]})
    with snapshot_of(server, monkeypatch) as snapshot:
        found = snapshot.rows(table).read_all()
    assert found["at"].to_pylist() == ["2024-01-02 03:04:05.1234567"]
    assert "SELECT CONVERT(NVARCHAR(27), [at], 121) AS c0 FROM [sales].[t]" in server.statements
