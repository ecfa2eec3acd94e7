"""Test with a real TDS server that values of every type are read, and digested there, as they are stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.canonical import MISFIT_END, cell, digests
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import MssqlDatabase
from saas_platform.sync import sync
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.backends import MssqlBackend, mssql_address
from saas_platform_tests.digests.rows import FLOATS, TEXTS, TIMESTAMPS
from saas_platform_tests.mssql.server import detected, made, own_database, session
from saas_platform_tests.rows import row
from saas_platform_tests.source.test_apply import FIRST, batch, content

HOSTILE = [
    "",
    " ",
    "a ",
    "a\n",
    "A",
    "|",
    "||",
    "NULL",
    "é",
    "e\u0301",
    "\U0001d11e",
    "'",
    "%s",
    "?",
]


def hostile_rows() -> dict[str, list[dict[str, Any]]]:
    plans = [row(TABLES["plans"], n, name=name) for n, name in enumerate(HOSTILE, 1)]
    plans[0].update(
        seat_price_cents=2**63 - 1,
        created_at=datetime(1, 1, 1),
        updated_at=datetime(9999, 12, 31, 23, 59, 59, 999_999),
    )
    return {"plans": plans}


def test_hostile_values_come_back_as_they_went_and_are_digested_there(
    mssql: MssqlBackend, way: str
) -> None:
    rows = hostile_rows()
    changes = mssql.source.apply(batch(FIRST, rows))
    assert changes["plans"].written == len(HOSTILE)
    assert content(mssql.source)["plans"] == rows["plans"]
    with mssql.source.snapshot() as snapshot:
        read = snapshot.rows(TABLES["plans"]).read_all()
        there = snapshot.digests(TABLES["plans"])
    if there is None:
        pytest.skip("the server can't hash UTF-8")
    assert there == digests(TABLES["plans"], read.to_batches())


#: A declared type, its portable type, and values that engines tend to write differently.
EVERY_TYPE: dict[str, tuple[str, Any, list[Any]]] = {
    "whole": ("bigint", sa.BigInteger(), [2**63 - 1, -(2**63), 0]),
    "small": ("tinyint", sa.BigInteger(), [0, 255]),
    "flag": ("bit", sa.Boolean(), [True, False]),
    "ratio": ("float", sa.Double(), [f for f in FLOATS if f == 0 or 1e-300 < abs(f) < 1e300]),
    "single": ("real", sa.Double(), [0.1, -1.5]),
    "price": ("decimal(10, 2)", sa.Numeric(10, 2), [Decimal("-0.01"), Decimal("99999999.99")]),
    "wide": ("decimal(38, 0)", sa.Numeric(38, 0), [Decimal(10**38 - 1), Decimal(-1)]),
    "cash": ("money", sa.Numeric(19, 4), [Decimal("-0.0001"), Decimal("922337203685477.5807")]),
    "moment": ("datetime2(6)", sa.DateTime(), TIMESTAMPS),
    "finest": ("datetime2(7)", sa.DateTime(), TIMESTAMPS),
    "old": ("datetime", sa.DateTime(), [datetime(2024, 2, 29, 23, 59, 59, 997_000)]),
    "day": ("date", sa.Date(), [timestamp.date() for timestamp in TIMESTAMPS]),
    "text": ("nvarchar(40)", sa.String(), TEXTS),
    "long": ("nvarchar(max)", sa.String(), [*TEXTS, "é|" * 5_000]),
    "padded": ("char(4)", sa.String(), ["a", "a|"]),
    "wide padded": ("nchar(4)", sa.String(), ["a", "\U0001d11e"]),
    "small cash": ("smallmoney", sa.Numeric(10, 4), [Decimal("-0.0001"), Decimal("214748.3647")]),
    "wider": ("decimal(8, 2)", sa.Numeric(12, 4), [Decimal("-0.0100"), Decimal("999999.9900")]),
    "minute": ("smalldatetime", sa.DateTime(), [datetime(2024, 2, 29, 23, 59)]),
    "second": ("datetime2(0)", sa.DateTime(), [datetime(2024, 2, 29, 23, 59, 59)]),
    "milli": ("datetime2(3)", sa.DateTime(), [datetime(2024, 2, 29, 23, 59, 59, 120_000)]),
    "unique": ("uniqueidentifier", sa.String(), ["6F9619FF-8B86-D011-B42D-00C04FC964FF"]),
    "as text": ("int", sa.String(), ["-2147483648", "7"]),
    "flag as text": ("bit", sa.String(), ["1", "0"]),
    "flag as number": ("bit", sa.BigInteger(), [1, 0]),
    "price as text": ("decimal(10, 2)", sa.String(), ["-0.01", "1.10"]),
    "old text": ("text", sa.String(), ["", "a", "a|", "'"]),
    "old wide text": ("ntext", sa.String(), TEXTS),
    "old raw": ("image", sa.LargeBinary(), [b"\x00", b"\xff\x00", b"|."]),
    "raw": ("varbinary(max)", sa.LargeBinary(), [b"", b"\x00", b"\xff\x00", b"|."]),
}


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_every_type_is_digested_there_as_it_is_read(
    mssql: MssqlBackend, way: str, kind: str
) -> None:
    declared, portable, values = EVERY_TYPE[kind]
    name = "dbo.saas_platform_types"
    drop = f"IF OBJECT_ID('{name}', 'U') IS NOT NULL DROP TABLE {name}"
    table = sa.Table(
        "saas_platform_types",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
        sa.Column("v", portable, info={"declared": declared}),
    )
    try:
        mssql.run(drop, f"CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY, v {declared} NULL)")
        with session(mssql) as cursor:
            for n, value in enumerate([*values, None]):
                written, given = f"CONVERT({declared}, ?)", [value]
                if value is None:
                    written, given = "NULL", []
                elif isinstance(value, datetime):
                    # Some servers round a parameter of that type to the second.
                    digits = "milliseconds" if declared == "datetime" else "microseconds"
                    written, given = f"'{value.isoformat('T', digits)}'", []
                cursor.execute(f"INSERT INTO {name} (id, v) VALUES ({n}, {written})", *given)
        with MssqlDatabase(replace(mssql_address(), schema="dbo")).snapshot() as snapshot:
            read = snapshot.rows(table).read_all().sort_by("id")
            texts = snapshot.row_texts(table).read_all()["c1"].to_pylist()
            cells = snapshot.cells(table).read_all().to_pylist()
            there = snapshot.digests(table)
        # The texts equal those of the loaded values, though they are made in another way.
        wanted = {tuple(cell(c, each[c.name]) for c in table.columns) for each in read.to_pylist()}
        assert {(each["c1"], each["c2"]) for each in cells} == wanted
        assert {each["c0"] for each in cells} == {"all"}
        assert sorted(texts) == sorted(map("".join, wanted))
        found = read["v"].to_pylist()
        if kind == "padded":
            assert found == ["a   ", "a|  ", None]
        elif kind == "wide padded":
            assert [each and each.rstrip() for each in found] == [*values, None]
        elif kind == "single":
            assert [f and round(f, 6) for f in found] == [0.1, -1.5, None]
        else:
            assert found == [*values, None]
        if there is None:
            pytest.skip(f"the server can't hash {declared}")
        assert there == digests(table, read.to_batches())
    finally:
        mssql.run(drop)


#: A declared type, and a literal of it whose text has the most digits.
ONLY_TEXT = {
    "datetimeoffset(7)": "'2024-02-29T23:59:59.1234567+02:00'",
    "time(7)": "'23:59:59.1234567'",
    "xml": "N'<a b=\"1\">|é</a>'",
    "hierarchyid": "'/1/2.1/'",
    "datetime2(7)": "'2024-02-29T23:59:59.1234567'",
    "date": "'2024-02-29'",
}


@pytest.mark.parametrize("declared", ONLY_TEXT)
def test_what_travels_as_text_is_proven_by_another_one(
    mssql: MssqlBackend, way: str, declared: str
) -> None:
    name = "saas_platform_texts"
    table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
        sa.Column("v", sa.String, info={"declared": declared}),
    )
    with made(mssql, name, f"id INT NOT NULL PRIMARY KEY, v {declared} NULL") as full:
        mssql.run(f"INSERT INTO {full} VALUES (1, {ONLY_TEXT[declared]}), (2, NULL)")
        with own_database().snapshot() as snapshot:
            read = snapshot.rows(table).read_all().sort_by("id").to_pylist()
            cells = {
                each["c1"]: each["c2"] for each in snapshot.cells(table).read_all().to_pylist()
            }
        assert read[0]["v"]
        assert cells == {"1|.": cell(table.c.v, read[0]["v"]), "2|.": "|-"}


#: The value of a sql_variant as an expression, and its literal.
VARIANTS = {
    "CAST(1 AS INT)": "1",
    "CAST('1' AS VARCHAR(5))": "'1'",
    "CAST(N'it''s |' AS NVARCHAR(9))": "N'it''s |'",
    "CAST(1.50 AS DECIMAL(5, 2))": "1.50",
    "CAST(1 AS BIT)": "bit 1",
    "CAST('2024-02-29T10:11:12.1234567' AS DATETIME2(7))": "datetime2 '2024-02-29 10:11:12.1234567'",
    "CAST('2024-02-29' AS DATE)": "date '2024-02-29'",
    "CAST(0x0102 AS VARBINARY(4))": "0x0102",
    "CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS UNIQUEIDENTIFIER)": (
        "uniqueidentifier '6F9619FF-8B86-D011-B42D-00C04FC964FF'"
    ),
    "CAST(0.1 + 0.2 AS FLOAT)": "3.0000000000000004e-001",
}


@pytest.mark.parametrize("expression", VARIANTS)
def test_a_variant_is_the_literal_of_its_base_type(
    mssql: MssqlBackend, way: str, expression: str
) -> None:
    name = "saas_platform_variants"
    table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
        sa.Column("v", AnyValue(), info={"declared": "sql_variant"}),
    )
    able = detected(mssql)
    if expression.startswith("CAST(0x") and "hex_text" not in able.abilities:
        pytest.skip("the server writes no bytes as text")
    if ("FLOAT" in expression or "DATETIME2(7)" in expression) and able.floor is None:
        pytest.skip("the server keeps fewer digits")
    with made(mssql, name, "id INT NOT NULL PRIMARY KEY, v SQL_VARIANT NULL") as full:
        mssql.run(f"INSERT INTO {full} SELECT 1, {expression}")
        with own_database().snapshot() as snapshot:
            (read,) = snapshot.rows(table).read_all().to_pylist()
            (proven,) = snapshot.cells(table).read_all().to_pylist()
        if "FLOAT" in expression:
            # Decimal literals are added as decimals, so that the result is 0.3 with all digits.
            assert float(read["v"]) == 0.3
            assert len(read["v"]) > 20
        else:
            assert read["v"] == VARIANTS[expression]
        assert proven["c2"] == cell(table.c.v, read["v"])


def test_half_a_surrogate_pair_stops_the_table_and_is_a_misfit(
    mssql: MssqlBackend, way: str
) -> None:
    if "half_pairs" not in detected(mssql).abilities:
        pytest.skip("no text of the server has half of a pair")
    name = "saas_platform_halves"
    table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
        sa.Column("v", sa.String, info={"declared": "nvarchar(9)"}),
    )
    with made(mssql, name, "id INT NOT NULL PRIMARY KEY, v NVARCHAR(9) NULL") as full:
        mssql.run(
            f"INSERT INTO {full} VALUES (1, N'\U0001d11e'), (2, N'a' + CONVERT(NVARCHAR(1), 0x3DD8))",
        )
        with own_database().snapshot() as snapshot:
            with pytest.raises(SourceError, match="half of a surrogate pair in the row with id 2"):
                snapshot.rows(table).read_all()
            cells = {
                each["c1"]: each["c2"] for each in snapshot.cells(table).read_all().to_pylist()
            }
        assert cells["1|."] == "\U0001d11e|."
        assert cells["2|."].endswith(MISFIT_END)


def test_half_a_pair_in_an_ntext_is_a_misfit(mssql: MssqlBackend, way: str) -> None:
    if "half_pairs" not in detected(mssql).abilities:
        pytest.skip("no text of the server has half of a pair")
    name = "saas_platform_halves"
    table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
        sa.Column("v", sa.String, info={"declared": "ntext"}),
    )
    with made(mssql, name, "id INT NOT NULL PRIMARY KEY, v NTEXT NULL") as full:
        mssql.run(f"INSERT INTO {full} VALUES (1, N'a' + CONVERT(NVARCHAR(1), 0x3DD8))")
        with own_database().snapshot() as snapshot:
            (found,) = snapshot.cells(table).read_all().to_pylist()
    assert found["c2"].endswith(MISFIT_END)


def test_two_keys_that_differ_in_tenths_of_microseconds_stop_a_table_that_cuts_them(
    mssql: MssqlBackend, warehouse: DuckdbWarehouse, way: str
) -> None:
    name = "saas_platform_moments"
    with made(mssql, name, "at DATETIME2(7) NOT NULL PRIMARY KEY") as full:
        (table,) = (t for t in own_database().discover().tables if t.name == name)
        assert isinstance(table.c.at.type, sa.String)
        mssql.run(f"INSERT INTO {full} VALUES ('2024-01-01T00:00:00.1234561')")
        try:
            mssql.run(f"INSERT INTO {full} VALUES ('2024-01-01T00:00:00.1234562')")
        except SourceError:
            pytest.skip("the server keeps six digits")
        with own_database().snapshot() as snapshot:
            assert len(set(snapshot.rows(table).read_all()["at"].to_pylist())) == 2
        cut = sa.Table(
            name,
            sa.MetaData(),
            sa.Column("at", sa.DateTime, primary_key=True, info={"declared": "datetime2(7)"}),
        )
        (report,) = sync(own_database(), warehouse, [cut])
        assert "more than one row with the key" in str(report.error)
