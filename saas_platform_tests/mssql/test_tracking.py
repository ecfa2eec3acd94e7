"""Deletes from Change Tracking: with either driver, a key equals the key in the mirror."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import catalogue_types, queries, sql, tracking
from saas_platform_tests.mssql.stub import ABLE, DATABASE, Server, snapshot_of

UUID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"


def table_of(declared: str, **info: Any) -> sa.Table:
    return sa.Table(
        "orders",
        sa.MetaData(),
        sa.Column(
            "id",
            catalogue_types.portable(declared, in_key=True),
            primary_key=True,
            info={"declared": declared, **info},
        ),
        sa.Column("v", sa.BigInteger, info={"declared": "rowversion", "row_version": True}),
    )


def server_of(key: Any, name: str = "id") -> Server:
    return Server(
        {
            **DATABASE,
            **ABLE,
            "sys.change_tracking_databases": (1,),
            "MIN_VALID_VERSION": (5,),
            "is_primary_key = 1": (name,),
            "SYS_CHANGE_OPERATION": [(key,)],
        }
    )


#: The type of a key, what a driver returns for the expression that reads it, and the key in the mirror.
KEYS: list[tuple[str, Any, Any]] = [
    ("uniqueidentifier", UUID, UUID),
    # mssql-python returns this if the server does not convert the type.
    ("uniqueidentifier", uuid.UUID(UUID), UUID),
    (
        "datetimeoffset(7)",
        "2024-01-01 00:00:00.1234567 +02:00",
        "2024-01-01 00:00:00.1234567 +02:00",
    ),
    ("time(7)", "01:02:03.1234567", "01:02:03.1234567"),
    ("rowversion", 2001, 2001),
    (
        "datetime",
        dt.datetime(2024, 1, 1, 0, 0, 0, 997_000),
        dt.datetime(2024, 1, 1, 0, 0, 0, 997_000),
    ),
    ("datetime2(7)", "2024-01-01 00:00:00.1234567", "2024-01-01 00:00:00.1234567"),
    ("money", Decimal("1.2345"), Decimal("1.2345")),
    ("decimal(10, 2)", Decimal("1.10"), Decimal("1.10")),
    ("varbinary(8)", b"\x00\xff", b"\x00\xff"),
    ("date", dt.date(2024, 1, 1), dt.date(2024, 1, 1)),
    ("float", 0.1, 0.1),
    ("real", 0.10000000149011612, 0.10000000149011612),
    ("hierarchyid", "/1/2/", "/1/2/"),
    ("sql_variant", "N'a'", "N'a'"),
    ("int", 7, 7),
]


@pytest.mark.parametrize(("declared", "given", "key"), KEYS)
def test_a_deleted_key_is_the_one_that_the_mirror_holds(
    monkeypatch: pytest.MonkeyPatch, declared: str, given: Any, key: Any
) -> None:
    table = table_of(declared)
    with snapshot_of(server_of(given), monkeypatch) as snapshot:
        found = snapshot.tombstones(table, above=10)
    assert found is not None
    assert found.to_pylist() == [{"id": key}]
    # Keys are read by the same expression as rows.
    query = tracking.deletes_query(table, "[dbo].[orders]", oldest=5, above=10)
    read = sql.value(table.c.id).replace("[id]", "d.[id]")
    assert query.startswith(f"SELECT {read} FROM CHANGETABLE(CHANGES [dbo].[orders], 5) AS d")
    assert f"SELECT {sql.value(table.c.id)} AS c0," in queries.rows_query(table, "dbo")


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ("datetimeoffset(7)", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        ("time(7)", dt.time(1, 2, 3)),
        ("rowversion", b"\0\0\0\0\0\0\7\xd1"),
        ("int", "7"),
    ],
)
def test_a_key_of_another_type_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, declared: str, given: Any
) -> None:
    with (
        snapshot_of(server_of(given), monkeypatch) as snapshot,
        pytest.raises(SourceError, match=r"^orders\.id of the source holds "),
    ):
        snapshot.tombstones(table_of(declared), above=10)


def test_a_key_that_is_no_utf_16_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Strict(Server):
        def fetchall(self) -> list[Any]:
            if "SYS_CHANGE_OPERATION" in self.statements[-1]:
                b"\x3d\xd8".decode("utf-16-le")
            return super().fetchall()

    with (
        snapshot_of(Strict(server_of(None).answers), monkeypatch) as snapshot,
        pytest.raises(
            SourceError, match=r"^orders of the source holds a text that its driver can't"
        ),
    ):
        snapshot.tombstones(table_of("nvarchar(9)"), above=10)


def test_no_deletes_are_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    server = server_of(None)
    server.answers["SYS_CHANGE_OPERATION"] = []
    with snapshot_of(server, monkeypatch) as snapshot:
        found = snapshot.tombstones(table_of("uniqueidentifier"), above=10)
    assert found is not None
    assert found.to_pylist() == []
    assert found.schema.names == ["id"]


def test_a_renamed_key_is_asked_for_by_its_name_in_the_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = server_of(7, name="Order ID")
    with snapshot_of(server, monkeypatch) as snapshot:
        found = snapshot.tombstones(table_of("int", source_name="Order ID"), above=10)
    assert found is not None
    assert found.to_pylist() == [{"id": 7}]
    asked = next(each for each in server.statements if "SYS_CHANGE_OPERATION" in each)
    assert "t.[Order ID] = c.[Order ID]" in asked
    assert "[id]" not in asked
    plain = asked.replace("CHANGETABLE(CHANGES [sales].[orders], 5)", "[changes]")
    assert sqlglot.parse_one(plain, dialect="tsql").key == "select"


PAIRS = sa.Table(
    "orders",
    sa.MetaData(),
    sa.Column("a", sa.BigInteger, info={"declared": "int"}),
    sa.Column("b", sa.String, info={"declared": "nvarchar(9)", "source_name": "Part"}),
    sa.Column("v", sa.BigInteger, info={"declared": "rowversion", "row_version": True}),
    sa.PrimaryKeyConstraint("a", "b"),
)


@pytest.mark.parametrize("order", [["a", "Part"], ["Part", "a"]])
def test_each_value_of_a_key_of_several_columns_lands_in_its_own(
    monkeypatch: pytest.MonkeyPatch, order: list[str]
) -> None:
    """The catalogue lists columns in the order of the key, a declaration in that of the table."""
    server = server_of(None)
    server.answers["is_primary_key = 1"] = [(name,) for name in order]
    server.answers["SYS_CHANGE_OPERATION"] = [(1, "x"), (2, "y")]
    with snapshot_of(server, monkeypatch) as snapshot:
        found = snapshot.tombstones(PAIRS, above=10)
    assert found is not None
    assert found.to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    asked = next(each for each in server.statements if "SYS_CHANGE_OPERATION" in each)
    assert asked.startswith("SELECT d.[a], d.[Part] FROM CHANGETABLE")
    assert "t.[a] = c.[a] AND t.[Part] = c.[Part]" in asked


@pytest.mark.parametrize("key", [["a"], ["a", "Part", "c"], ["a", "b"]])
def test_another_key_than_the_declared_one_has_no_tracked_deletes(
    monkeypatch: pytest.MonkeyPatch, key: list[str]
) -> None:
    server = server_of(None)
    server.answers["is_primary_key = 1"] = [(name,) for name in key]
    with snapshot_of(server, monkeypatch) as snapshot:
        assert snapshot.tombstones(PAIRS, above=10) is None
