"""Tests with a real TDS server, beyond those of all sources; skipped unless SAAS_TEST_MSSQL_URL names one.

A test of a feature that the server lacks is skipped with the name of the feature.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES, Slice
from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.canonical import MISFIT_END, cell, digests
from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source import applying
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import (
    MssqlDatabase,
    bulk_load,
    connection,
    features,
    protection,
    special,
)
from saas_platform.source.mssql import source as mssql_source
from saas_platform.sync import sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.digests.rows import FLOATS, MOMENTS, TEXTS
from saas_platform_tests.places import MssqlPlace, mssql_address
from saas_platform_tests.rows import row
from saas_platform_tests.source.test_apply import FIRST, batch, content, every_table

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


@pytest.fixture(params=["as installed", "pyodbc alone"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the test with mssql-python, if it is installed, and without it."""
    if request.param == "pyodbc alone":
        monkeypatch.setattr(connection, "mssql_python", lambda: None)
        monkeypatch.setattr(bulk_load, "mssql_python", lambda: None)
    return str(request.param)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    return DuckdbWarehouse(tmp_path / "warehouse.duckdb")


@contextmanager
def session(place: MssqlPlace) -> Iterator[Any]:
    with connection.connect(place.address) as cursor:
        yield cursor


def looked(place: MssqlPlace) -> features.Features:
    with session(place) as cursor:
        return features.look(cursor)


def hostile_rows() -> dict[str, list[dict[str, Any]]]:
    plans = [row(TABLES["plans"], n, name=name) for n, name in enumerate(HOSTILE, 1)]
    plans[0].update(
        seat_price_cents=2**63 - 1,
        created_at=datetime(1, 1, 1),
        updated_at=datetime(9999, 12, 31, 23, 59, 59, 999_999),
    )
    return {"plans": plans}


def test_hostile_values_come_back_as_they_went_and_are_digested_there(
    mssql: MssqlPlace, way: str
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
    "moment": ("datetime2(6)", sa.DateTime(), MOMENTS),
    "finest": ("datetime2(7)", sa.DateTime(), MOMENTS),
    "old": ("datetime", sa.DateTime(), [datetime(2024, 2, 29, 23, 59, 59, 997_000)]),
    "day": ("date", sa.Date(), [moment.date() for moment in MOMENTS]),
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
def test_every_type_is_digested_there_as_it_is_read(mssql: MssqlPlace, way: str, kind: str) -> None:
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


@contextmanager
def made(place: MssqlPlace, name: str, columns: str) -> Iterator[str]:
    """Create a table of the user's own; skip the test if the server has no such column."""
    full = f"dbo.{name}"
    drop = f"IF OBJECT_ID('{full}', 'U') IS NOT NULL DROP TABLE {full}"
    try:
        place.run(drop, f"CREATE TABLE {full} ({columns})")
    except SourceError as error:
        pytest.skip(f"the server makes no such table ({error})")
    try:
        yield full
    finally:
        place.run(drop)


def own_database() -> MssqlDatabase:
    return MssqlDatabase(replace(mssql_address(), schema="dbo"))


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
    mssql: MssqlPlace, way: str, declared: str
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
    mssql: MssqlPlace, way: str, expression: str
) -> None:
    name = "saas_platform_variants"
    table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
        sa.Column("v", AnyValue(), info={"declared": "sql_variant"}),
    )
    able = looked(mssql)
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


def test_half_a_surrogate_pair_stops_the_table_and_is_a_misfit(mssql: MssqlPlace, way: str) -> None:
    if "half_pairs" not in looked(mssql).abilities:
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


def test_half_a_pair_in_an_ntext_is_a_misfit(mssql: MssqlPlace, way: str) -> None:
    if "half_pairs" not in looked(mssql).abilities:
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


def test_the_widest_table_is_read_and_proven(
    mssql: MssqlPlace, warehouse: DuckdbWarehouse, way: str
) -> None:
    name = "saas_platform_widest"
    columns = ", ".join(f"c{n} NVARCHAR(3) NULL" for n in range(1, 1024))
    with made(mssql, name, f"id INT NOT NULL PRIMARY KEY, {columns}") as full:
        mssql.run(f"INSERT INTO {full} (id, c1, c1023) VALUES (1, N'a', N'|'), (2, NULL, N'b')")
        (table,) = (t for t in own_database().discover().tables if t.name == name)
        assert len(table.columns) == 1024
        (report,) = sync(own_database(), warehouse, [table])
        assert (report.error, report.proof and report.proof.proven) == (None, True)
        (proof,) = verify(own_database(), warehouse, [table], "rows")
        assert proof.proven, proof.problems


def test_the_last_month_of_a_smalldatetime_is_read_by_its_slice(
    mssql: MssqlPlace, way: str
) -> None:
    name = "saas_platform_last"
    with made(mssql, name, "id INT NOT NULL PRIMARY KEY, at SMALLDATETIME NOT NULL") as full:
        mssql.run(
            f"INSERT INTO {full} VALUES (1, '2079-06-06T23:59:00'), (2, '1900-01-01T00:00:00')"
        )
        (table,) = (t for t in own_database().discover().tables if t.name == name)
        table.info["slice"] = Slice("at", "month")
        with own_database().snapshot() as snapshot:
            assert snapshot.slice_counts(table) == {"1900-01": 1, "2079-06": 1}
            for slice_, key in (("2079-06", 1), ("1900-01", 2)):
                read = snapshot.rows(table, slices=[slice_]).read_all()
                assert read["id"].to_pylist() == [key]


def test_many_slices_that_do_not_touch_are_read(mssql: MssqlPlace, way: str) -> None:
    name = "saas_platform_days"
    with made(mssql, name, "id INT NOT NULL PRIMARY KEY, at DATE NOT NULL") as full:
        mssql.run(f"INSERT INTO {full} VALUES (1, '1900-01-01'), (2, '1900-01-02')")
        (table,) = (t for t in own_database().discover().tables if t.name == name)
        table.info["slice"] = Slice("at", "day")
        days = [(date(1900, 1, 1) + timedelta(days=2 * n)).isoformat() for n in range(12_000)]
        with own_database().snapshot() as snapshot:
            assert snapshot.rows(table, slices=days).read_all()["id"].to_pylist() == [1]


#: The SQL for a special table, and the beginning of the note on it; None if there is no note.
SPECIAL = {
    "id INT NOT NULL PRIMARY KEY NONCLUSTERED) WITH (MEMORY_OPTIMIZED = ON": (
        "is a memory-optimised table"
    ),
    "id INT NOT NULL PRIMARY KEY) AS NODE --": None,
    "id INT NOT NULL PRIMARY KEY, v AS CONVERT(NVARCHAR(30), GETDATE())": (
        ".v is computed and not deterministic"
    ),
    "id INT NOT NULL PRIMARY KEY, n INT NULL, v AS CONVERT(NVARCHAR(9), 1 / n)": (
        "has a column whose values raise an error"
    ),
}


@pytest.mark.parametrize("columns", SPECIAL)
def test_special_tables_are_noted_or_read(mssql: MssqlPlace, way: str, columns: str) -> None:
    name, expected = "saas_platform_special", SPECIAL[columns]
    with made(mssql, name, columns) as full:
        if " n INT" in columns:
            mssql.run(f"INSERT INTO {full} (id, n) VALUES (1, 0)")
        elif "MEMORY" not in columns:
            mssql.run(f"INSERT INTO {full} (id) VALUES (1)")
        found = own_database().discover()
        notes = [note for note in found.notes if note.startswith(name)]
        if expected is None:
            (table,) = (t for t in found.tables if t.name == name)
            assert not any(column.name.startswith("graph_id") for column in table.columns)
            with own_database().snapshot() as snapshot:
                assert snapshot.rows(table).read_all().num_rows == 1
        else:
            assert len(notes) == 1
            assert expected in notes[0]


def test_tracked_deletes_of_a_key_in_another_order_than_its_columns(mssql: MssqlPlace) -> None:
    if not looked(mssql).change_tracking:
        pytest.skip("the database has no Change Tracking")
    name = "saas_platform_tracked_pair"
    columns = "a INT NOT NULL, b INT NOT NULL, version ROWVERSION, PRIMARY KEY (b, a)"
    with made(mssql, name, columns) as full:
        mssql.run(f"ALTER TABLE {full} ENABLE CHANGE_TRACKING")
        mssql.run(
            f"INSERT INTO {full} (a, b) VALUES (1, 2), (3, 4)", f"DELETE FROM {full} WHERE a = 1"
        )
        (table,) = (t for t in own_database().discover().tables if t.name == name)
        with own_database().snapshot() as snapshot:
            found = snapshot.tombstones(table, above=0)
    assert found is not None
    assert found.to_pylist() == [{"a": 1, "b": 2}]


def test_a_schema_in_capitals_is_the_catalogues(mssql: MssqlPlace) -> None:
    with session(mssql) as cursor:
        if connection.scalar(cursor, "SELECT SCHEMA_ID('DBO')") is None:
            pytest.skip("the server tells capitals from small letters")
    with made(mssql, "saas_platform_spelt", "id INT NOT NULL PRIMARY KEY"):
        source = MssqlDatabase(replace(mssql_address(), schema="DBO,dbo"))
        found = [t for t in source.discover().tables if t.name.endswith("saas_platform_spelt")]
        assert [(t.name, t.info.get("source_schema")) for t in found] == [
            ("saas_platform_spelt", None)
        ]


def test_columns_named_like_aliases_do_not_clash(
    mssql: MssqlPlace, warehouse: DuckdbWarehouse, way: str
) -> None:
    names = ("_slice_id", "slice", "n", "total", "c0", "c1", "r", "key_value")
    columns = ", ".join(f"[{name}] INT NULL" for name in names)
    name = "saas_platform_aliases"
    with made(mssql, name, f"id INT NOT NULL PRIMARY KEY, {columns}") as full:
        mssql.run(f"INSERT INTO {full} (id, _slice_id, slice, n) VALUES (1, 2, 3, 4), (2, 3, 4, 5)")
        found = {table.name: table for table in own_database().discover().tables}
        with own_database().snapshot() as snapshot:
            assert snapshot.slice_counts(found[name]) == {"all": 2}
            assert snapshot.rows(found[name]).read_all().num_rows == 2
            assert snapshot.row_texts(found[name]).read_all().num_rows == 2
            digest = snapshot.digests(found[name])
        assert digest is None or digest["all"].rows == 2


def test_tables_of_several_schemas_are_found_and_read_in_one_run(
    mssql: MssqlPlace, way: str
) -> None:
    schema = "saas_platform_tests_other"
    mine, theirs = "dbo.saas_platform_twin", f"{schema}.saas_platform_twin"
    drop = [f"IF OBJECT_ID('{name}', 'U') IS NOT NULL DROP TABLE {name}" for name in (mine, theirs)]
    mssql.run(*drop)
    with session(mssql) as cursor:
        if connection.scalar(cursor, f"SELECT SCHEMA_ID('{schema}')") is None:
            cursor.execute(f"CREATE SCHEMA {schema}")
    try:
        for full, value in ((mine, 1), (theirs, 2)):
            mssql.run(f"CREATE TABLE {full} (id INT NOT NULL PRIMARY KEY)")
            mssql.run(f"INSERT INTO {full} VALUES ({value})")
        source = MssqlDatabase(replace(mssql_address(), schema=f"dbo,{schema}"))
        found = {table.name: table for table in source.discover().tables}
        with source.snapshot() as snapshot:
            read = {
                name: snapshot.rows(found[name]).read_all()["id"].to_pylist()
                for name in ("saas_platform_twin", f"{schema}__saas_platform_twin")
            }
        assert list(read.values()) == [[1], [2]]
    finally:
        mssql.run(*drop, f"DROP SCHEMA {schema}")


def test_a_users_table_with_a_name_of_the_platforms_is_discovered(mssql: MssqlPlace) -> None:
    with made(mssql, "_staged_saas_platform", "id INT NOT NULL PRIMARY KEY"):
        found = [table.name for table in own_database().discover().tables]
    assert "_staged_saas_platform" in found


def test_a_missing_schema_and_a_missing_table_are_distinguished(
    mssql: MssqlPlace, way: str
) -> None:
    table = sa.Table(
        "saas_platform_nowhere",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
    )
    with own_database().snapshot() as snapshot:
        assert snapshot.columns(table) == []
        with pytest.raises(SourceError, match=r"^saas_platform_nowhere can't be read, because "):
            snapshot.rows(table).read_all()
        # The other tables are still read.
        assert snapshot.columns(sa.Table("spt_none", sa.MetaData())) == []
    nowhere = MssqlDatabase(replace(mssql_address(), schema="saas_platform_nothing"))
    with (
        nowhere.snapshot() as snapshot,
        pytest.raises(SourceError, match="has no schema saas_platform_nothing: name another by"),
    ):
        snapshot.columns(table)
    with pytest.raises(SourceError, match="has no schema saas_platform_nothing: name another by"):
        nowhere.discover()


def test_two_keys_that_differ_in_tenths_of_microseconds_stop_a_table_that_cuts_them(
    mssql: MssqlPlace, warehouse: DuckdbWarehouse, way: str
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


def test_a_mask_that_the_login_sees_through_keeps_nothing_back(mssql: MssqlPlace) -> None:
    name = "saas_platform_masked"
    columns = "id INT NOT NULL PRIMARY KEY, v NVARCHAR(9) MASKED WITH (FUNCTION = 'default()') NULL"
    with made(mssql, name, columns):
        found = own_database().discover()
        (table,) = (t for t in found.tables if t.name == name)
        with own_database().snapshot() as snapshot:
            assert snapshot.rows(table).read_all().num_rows == 0
        assert not [note for note in found.notes if name in note]


def test_the_queries_about_protection_are_answered(mssql: MssqlPlace) -> None:
    if not (looked(mssql).floor or "").endswith("MIN_ACTIVE_ROWVERSION())"):
        pytest.skip("the server is none of Microsoft's")
    asked = (
        *(protection.MASKED, protection.COMPUTED, protection.SOURCES, protection.ENCRYPTED),
        *(protection.POLICIES, special.CHANGING, special.IN_MEMORY, special.EXTERNAL),
    )
    with session(mssql) as cursor:
        for query in asked:
            assert features.rows(cursor, query) is not None, query
        for query in (protection.SEES_DEFINITIONS, special.HAS_INTERNAL, features.NEEDED):
            assert features.answer(cursor, query) is not None, query


def test_a_column_that_is_computed_from_a_masked_one_is_masked(mssql: MssqlPlace) -> None:
    name, user = "saas_platform_masked", "saas_platform_masked_reader"
    columns = (
        "id INT NOT NULL PRIMARY KEY, v NVARCHAR(9) MASKED WITH (FUNCTION = 'default()') NULL,"
        " w AS UPPER(v), x AS id + 1"
    )
    drop = f"IF USER_ID('{user}') IS NOT NULL DROP USER {user}"
    with made(mssql, name, columns) as full, session(mssql) as cursor:
        number = connection.scalar(cursor, f"SELECT OBJECT_ID('{full}')")

        def seen() -> dict[str, str]:
            """Return what the user sees, in a separate session."""
            with session(mssql) as theirs:
                theirs.execute(f"EXECUTE AS USER = '{user}'")
                found = protection.look(lambda sql: features.rows(theirs, sql))
                theirs.execute("REVERT")
            return found.columns(number)

        mssql.run(drop, f"CREATE USER {user} WITHOUT LOGIN", f"GRANT SELECT ON {full} TO {user}")
        try:
            assert {*seen()} == {"v", "w", "x"}, "what they are computed from is not shown"
            mssql.run(
                f"GRANT VIEW DEFINITION TO {user}",
                f"GRANT SELECT ON sys.sql_expression_dependencies TO {user}",
            )
            assert {*seen()} == {"v", "w"}
            mssql.run(f"GRANT UNMASK TO {user}")
            assert seen() == {}
        finally:
            mssql.run(drop)


def test_a_change_of_case_or_of_a_trailing_blank_is_a_change(mssql: MssqlPlace) -> None:
    plan = row(TABLES["plans"], 1, name="Team")
    mssql.source.apply(batch(FIRST, {"plans": [plan]}))
    for name in ("team", "team ", "team  "):
        changes = mssql.source.apply(batch(FIRST, {"plans": [{**plan, "name": name}]}))
        assert changes["plans"].written == 1
        assert content(mssql.source)["plans"][0]["name"] == name


def test_constraints_are_trusted_after_a_load(mssql: MssqlPlace, way: str) -> None:
    mssql.source.apply(batch(FIRST, every_table(3)))
    with session(mssql) as cursor:
        for catalogue in ("sys.foreign_keys", "sys.check_constraints"):
            all_of, trusted = cursor.execute(
                f"SELECT COUNT(*), SUM(CASE WHEN is_not_trusted = 0 AND is_disabled = 0 THEN 1 END)"
                f" FROM {catalogue} WHERE schema_id = SCHEMA_ID('{mssql.address.schema}')"
            ).fetchone()
            assert all_of == trusted > 0


def test_comments_are_kept(mssql: MssqlPlace) -> None:
    with session(mssql) as cursor:
        found = connection.scalar(
            cursor,
            "SELECT CONVERT(NVARCHAR(400), value) FROM fn_listextendedproperty('MS_Description',"
            f" 'schema', '{mssql.address.schema}', 'table', 'plans', 'column', 'plan_id')",
        )
    assert found == "Surrogate key"


def test_a_transaction_that_is_open_is_not_skipped(mssql: MssqlPlace) -> None:
    """The later transaction commits first; a watermark at its version would lose the earlier one."""
    if looked(mssql).floor is None:
        pytest.skip("the server does not tell its first open row version")
    plans = TABLES["plans"]
    mssql.source.apply(batch(FIRST, {"plans": [row(plans, n) for n in (1, 2, 3)]}))
    change = f"UPDATE {mssql.named('plans')} SET name = 'changed' WHERE plan_id = "
    with session(mssql) as early:
        early.execute("BEGIN TRANSACTION")
        early.execute(f"{change}1")
        mssql.run(f"{change}2")
        with mssql.source.snapshot() as snapshot:
            ceiling = snapshot.ceiling(plans)
        early.execute("COMMIT TRANSACTION")
    with mssql.source.snapshot() as snapshot:
        after = snapshot.rows(plans, above=ceiling).read_all()
        assert snapshot.ceiling(plans) >= ceiling
    assert {1, 2} <= set(after["plan_id"].to_pylist())


def test_a_broken_connection_is_opened_again(
    mssql: MssqlPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[int] = []
    write = applying._write

    def writing(writer: Any, table: sa.Table, month: Any) -> tuple[int, int]:
        if table.name == "invoices" and not cut:
            cut.append(connection.scalar(writer._cursor, "SELECT @@SPID"))
            with session(mssql) as other:
                other.execute(f"KILL {cut[0]}")
        return write(writer, table, month)

    monkeypatch.setattr(applying, "_write", writing)
    rows = every_table(2)
    mssql.source.apply(batch(FIRST, rows))
    assert cut
    assert content(mssql.source) == rows


_KILLED = """
import pickle, sys, time
from pathlib import Path
from saas_platform.source import applying

def halt(*_):
    print("here", flush=True)
    time.sleep(60)

source, batch = pickle.loads(Path(sys.argv[1]).read_bytes())
write = applying._write
applying._write = lambda w, t, m: halt() if t.name == "invoices" else write(w, t, m)
source.apply(batch)
"""


def test_a_killed_month_is_as_before(mssql: MssqlPlace, tmp_path: Path) -> None:
    pickled = tmp_path / "batch"
    rows = every_table(2)
    pickled.write_bytes(pickle.dumps((mssql.source, batch(FIRST, rows))))
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(pickled)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.kill()
    assert content(mssql.source) == {name: [] for name in TABLES}
    assert mssql.source.applied_months() == {}
    # Rows that are left in staging tables do no harm.
    mssql.source.apply(batch(FIRST, rows))
    assert content(mssql.source) == rows


def test_two_writers_wait_for_each_other(
    mssql: MssqlPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mssql_source, "LOCK_MILLISECONDS", 100)
    with (
        session(mssql) as cursor,
        mssql.source._alone(cursor),  # type: ignore[attr-defined]
        pytest.raises(SourceError, match="is being written by another run"),
    ):
        mssql.source.apply(batch(FIRST))


def test_the_company_is_mirrored_and_proven(
    mssql: MssqlPlace, warehouse: DuckdbWarehouse, way: str
) -> None:
    source = mssql.source
    rows = every_table(3)
    rows["usage_events"] = [row(TABLES["usage_events"], n, user_id=n) for n in (1, 2, 3)]
    source.apply(batch(FIRST, rows))
    first = sync(source, warehouse, TABLES.values())
    assert [(r.error, r.proof and r.proof.proven) for r in first] == [(None, True)] * len(TABLES)
    assert all(report.mode is None for report in sync(source, warehouse, TABLES.values()))

    source.apply(batch(FIRST.next(), erased=[2]))
    mssql.run(f"UPDATE {mssql.named('plans')} SET name = 'é ' WHERE plan_id = 3")
    mssql.delete("support_tickets", 1)
    second = {r.table: r for r in sync(source, warehouse, TABLES.values())}
    changed = {name: r.mode for name, r in second.items() if r.rows_written or r.rows_deleted}
    wanted = ("plans", "users", "usage_events", "support_tickets")
    assert changed == dict.fromkeys(wanted, "incremental")
    assert second["users"].rows_deleted == 1
    # The delete has a tombstone, so that no slice is compared.
    assert second["support_tickets"].slices_compared == 0
    for level in ("digest", "rows"):
        assert all(r.proven for r in verify(source, warehouse, TABLES.values(), level))


THEIRS = """
CREATE TABLE {0} (
    number INT NOT NULL, part UNIQUEIDENTIFIER NOT NULL, title NVARCHAR(MAX) NULL, code CHAR(4) NULL,
    price MONEY NULL, share DECIMAL(10, 3) NULL, ratio FLOAT NULL, flag BIT NULL, born DATE NULL,
    seen DATETIME2(7) NULL, old DATETIME NULL, raw VARBINARY(MAX) NULL, version ROWVERSION NOT NULL,
    PRIMARY KEY (number, part))
"""
THEIR_ROWS = """
INSERT INTO {0} (number, part, title, code, price, share, ratio, flag, born, seen, old, raw) VALUES
    (1, '6F9619FF-8B86-D011-B42D-00C04FC964FF', N'é|', 'ab', 12.3456, -0.125, 0.1, 1, '2024-02-29',
     '2024-02-29T23:59:59.9999999', '2024-02-29T23:59:59.997', 0x00FF),
    (2, '6F9619FF-8B86-D011-B42D-00C04FC964FF', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL)
"""


def test_a_database_of_someone_else_is_found_mirrored_and_proven(
    mssql: MssqlPlace, warehouse: DuckdbWarehouse, tmp_path: Path, way: str
) -> None:
    address = replace(mssql_address(), schema="dbo")
    orders, keyless = "dbo.saas_platform_orders", "dbo.saas_platform_keyless"
    drop = [
        f"IF OBJECT_ID('{name}', 'U') IS NOT NULL DROP TABLE {name}" for name in (orders, keyless)
    ]
    try:
        mssql.run(*drop, THEIRS.format(orders), f"CREATE TABLE {keyless} (a INT NULL)")
        mssql.run(THEIR_ROWS.format(orders), f"INSERT INTO {keyless} (a) VALUES (1), (1), (NULL)")
        source = MssqlDatabase(address)
        (tmp_path / "tables.yaml").write_text(as_yaml(source.discover().tables))
        declared = read_tables(tmp_path / "tables.yaml")
        tables = [declared[name.removeprefix("dbo.")] for name in (orders, keyless)]
        assert [c.name for c in tables[0].primary_key.columns] == ["number", "part"]
        assert tables[0].c.version.info["row_version"]
        assert not tables[1].primary_key.columns
        for report in sync(source, warehouse, tables):
            assert (report.error, report.proof and report.proof.proven) == (None, True)
        (first, second) = warehouse.query(
            "SELECT * FROM raw.saas_platform_orders ORDER BY number"
        ).to_pylist()
        assert (first["title"], first["price"]) == ("é|", Decimal("12.3456"))
        with session(mssql) as cursor:  # some servers keep six of the seven digits
            held = connection.scalar(
                cursor, f"SELECT CONVERT(VARCHAR(30), seen, 121) FROM {orders} WHERE number = 1"
            )
        assert first["seen"] == datetime.fromisoformat(held[:26]), "cut, not rounded"
        assert first["part"].upper() == "6F9619FF-8B86-D011-B42D-00C04FC964FF"
        assert second["title"] is None
        mssql.run(f"UPDATE {orders} SET title = N'e' WHERE number = 1")
        mssql.run(f"DELETE FROM {orders} WHERE number = 2")
        (report, _) = sync(source, warehouse, tables)
        assert (report.mode, report.rows_written, report.rows_deleted) == ("incremental", 1, 1)
        assert all(r.proven for r in verify(source, warehouse, tables, "rows"))
    finally:
        mssql.run(*drop)


def test_tracked_deletes_are_reported_by_key(mssql: MssqlPlace) -> None:
    if not looked(mssql).change_tracking:
        pytest.skip("the database has no Change Tracking")
    orders = "dbo.saas_platform_tracked"
    drop = f"IF OBJECT_ID('{orders}', 'U') IS NOT NULL DROP TABLE {orders}"
    table = sa.Table(
        "saas_platform_tracked",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
        sa.Column("version", sa.BigInteger, info={"declared": "rowversion", "row_version": True}),
    )
    source = MssqlDatabase(replace(mssql_address(), schema="dbo"))
    try:
        mssql.run(drop, f"CREATE TABLE {orders} (id INT PRIMARY KEY, version ROWVERSION)")
        mssql.run(f"ALTER TABLE {orders} ENABLE CHANGE_TRACKING")
        mssql.run(f"INSERT INTO {orders} (id) VALUES (1), (2), (3)")
        mssql.run(f"DELETE FROM {orders} WHERE id = 1")
        mssql.run(f"UPDATE {orders} SET id = 2 WHERE id = 2")
        with source.snapshot() as snapshot:
            before = snapshot.ceiling(table)
            assert snapshot.tombstones(table, above=0).to_pylist() == [{"id": 1}]
        mssql.run(f"DELETE FROM {orders} WHERE id = 3")
        with source.snapshot() as snapshot:
            assert snapshot.tombstones(table, above=before).to_pylist() == [{"id": 3}]
    finally:
        mssql.run(drop)


#: The declared type of a key, a value, and the key as the mirror holds it.
TRACKED_KEYS = {
    "UNIQUEIDENTIFIER": (
        "'6f9619ff-8b86-d011-b42d-00c04fc964ff'",
        "6F9619FF-8B86-D011-B42D-00C04FC964FF",
    ),
    "DATETIMEOFFSET(7)": (
        "'2024-01-01T00:00:00.1234567+02:00'",
        "2024-01-01 00:00:00.1234567 +02:00",
    ),
    "TIME(7)": ("'01:02:03.1234567'", "01:02:03.1234567"),
    "DATETIME": ("'2024-01-01T00:00:00.997'", datetime(2024, 1, 1, 0, 0, 0, 997_000)),
    "MONEY": ("1.2345", Decimal("1.2345")),
    "DECIMAL(10, 2)": ("1.10", Decimal("1.10")),
    "VARBINARY(8)": ("0x00FF", b"\x00\xff"),
}


@pytest.mark.parametrize("declared", TRACKED_KEYS)
def test_a_tracked_delete_has_the_key_that_was_read(
    mssql: MssqlPlace, way: str, declared: str
) -> None:
    if not looked(mssql).change_tracking:
        pytest.skip("the database has no Change Tracking")
    name = "saas_platform_tracked_keys"
    value, key = TRACKED_KEYS[declared]
    with made(mssql, name, f"id {declared} NOT NULL PRIMARY KEY, version ROWVERSION") as full:
        mssql.run(f"ALTER TABLE {full} ENABLE CHANGE_TRACKING")
        mssql.run(f"INSERT INTO {full} (id) VALUES ({value})")
        (table,) = (t for t in own_database().discover().tables if t.name == name)
        with own_database().snapshot() as snapshot:
            assert snapshot.rows(table).read_all()["id"].to_pylist() == [key]
        mssql.run(f"DELETE FROM {full}")
        with own_database().snapshot() as snapshot:
            found = snapshot.tombstones(table, above=0)
        assert found is not None
        assert found.to_pylist() == [{"id": key}]


def test_substitutes_for_missing_features_are_reported(mssql: MssqlPlace) -> None:
    reported, able = mssql.source.ping(), looked(mssql)
    assert ("no snapshot isolation" in reported) != able.snapshot_isolation
    assert ("no Change Tracking" in reported) != able.change_tracking
    assert ("no MIN_ACTIVE_ROWVERSION" in reported) == (able.floor is None)


def test_another_database_and_a_wrong_password_are_one_sentence(mssql: MssqlPlace) -> None:
    wrong = [("database", "saas_platform_nowhere", "has no such database")]
    if "pwd" in mssql.address.options:
        wrong.append(("pwd", "Wrong.12345", "refuses the login"))
    for name, value, expected in wrong:
        options = {**mssql.address.options, name: value}
        with pytest.raises(SourceError, match=expected) as raised:
            MssqlDatabase(replace(mssql.address, options=options)).ping()
        assert "Wrong.12345" not in str(raised.value)


def test_an_empty_source_says_what_to_do(mssql: MssqlPlace) -> None:
    place = MssqlPlace(replace(mssql.address, schema="saas_platform_nothing"))
    assert not place.source.exists()
    assert (place.source.company(), place.source.applied_months()) == (None, {})
    with (
        pytest.raises(SourceError, match="holds no company in its schema saas_platform_nothing"),
        place.source.snapshot(),
    ):
        pass


def test_drop_leaves_other_tables(mssql: MssqlPlace) -> None:
    theirs = mssql.named("theirs")
    mssql.run(f"CREATE TABLE {theirs} (a INT)")
    try:
        mssql.source.drop()
        assert not mssql.source.exists()
        assert [table.name for table in mssql.source.discover().tables] == ["theirs"]
    finally:
        mssql.run(f"DROP TABLE {theirs}")
    mssql.source.create_schema()
    assert mssql.source.exists()
