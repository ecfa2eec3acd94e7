"""Test with a real TDS server that tables of any shape are found, read by slices and noted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import duckdb
import pytest
import sqlalchemy as sa

from saas_platform.schema import Slicing
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import MssqlDatabase, connection
from saas_platform.sync import sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.backends import MssqlBackend, mssql_address
from saas_platform_tests.mssql.server import made, own_database, session


def test_the_widest_table_is_read_and_proven(
    mssql: MssqlBackend, warehouse: DuckdbWarehouse, way: str
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
    mssql: MssqlBackend, way: str
) -> None:
    name = "saas_platform_last"
    with made(mssql, name, "id INT NOT NULL PRIMARY KEY, at SMALLDATETIME NOT NULL") as full:
        mssql.run(
            f"INSERT INTO {full} VALUES (1, '2079-06-06T23:59:00'), (2, '1900-01-01T00:00:00')"
        )
        (table,) = (t for t in own_database().discover().tables if t.name == name)
        table.info["slice"] = Slicing("at", "month")
        with own_database().snapshot() as snapshot:
            assert snapshot.slice_counts(table) == {"1900-01": 1, "2079-06": 1}
            for slice_, key in (("2079-06", 1), ("1900-01", 2)):
                read = snapshot.rows(table, slices=[slice_]).read_all()
                assert read["id"].to_pylist() == [key]


def test_many_slices_that_do_not_touch_are_read(mssql: MssqlBackend, way: str) -> None:
    name = "saas_platform_days"
    with made(mssql, name, "id INT NOT NULL PRIMARY KEY, at DATE NOT NULL") as full:
        mssql.run(f"INSERT INTO {full} VALUES (1, '1900-01-01'), (2, '1900-01-02')")
        (table,) = (t for t in own_database().discover().tables if t.name == name)
        table.info["slice"] = Slicing("at", "day")
        days = [(date(1900, 1, 1) + timedelta(days=2 * n)).isoformat() for n in range(12_000)]
        with own_database().snapshot() as snapshot:
            assert snapshot.rows(table, slices=days).read_all()["id"].to_pylist() == [1]


def test_a_view_that_takes_the_place_of_a_table_stops_it(
    mssql: MssqlBackend, warehouse: DuckdbWarehouse, way: str
) -> None:
    name = "saas_platform_moved"
    with made(mssql, name, "id INT NOT NULL PRIMARY KEY, v INT NULL") as full:
        mssql.run(f"INSERT INTO {full} (id, v) VALUES (1, 2)")
        (table,) = (t for t in own_database().discover().tables if t.name == name)
        (report,) = sync(own_database(), warehouse, [table])
        assert report.succeeded, report
        drop = f"IF OBJECT_ID('{full}', 'V') IS NOT NULL DROP VIEW {full}"
        try:
            mssql.run(f"DROP TABLE {full}", f"CREATE VIEW {full} AS SELECT 1 AS id, 2 AS v")
            (report,) = sync(own_database(), warehouse, [table])
            assert f"{name} is a view in the source now" in (report.error or "")
        finally:
            mssql.run(drop)
        with duckdb.connect(str(warehouse.path)) as opened:
            mirrored = opened.execute(f"SELECT id, v FROM raw.{name}").fetchall()
        assert mirrored == [(1, 2)], "the mirror stays"


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
def test_special_tables_are_noted_or_read(mssql: MssqlBackend, way: str, columns: str) -> None:
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


def test_a_schema_in_capitals_is_the_catalogues(mssql: MssqlBackend) -> None:
    with session(mssql) as cursor:
        if connection.scalar(cursor, "SELECT SCHEMA_ID('DBO')") is None:
            pytest.skip("the server distinguishes upper from lower case")
    with made(mssql, "saas_platform_spelt", "id INT NOT NULL PRIMARY KEY"):
        source = MssqlDatabase(replace(mssql_address(), schema="DBO,dbo"))
        found = [t for t in source.discover().tables if t.name.endswith("saas_platform_spelt")]
        assert [(t.name, t.info.get("source_schema")) for t in found] == [
            ("saas_platform_spelt", None)
        ]


def test_columns_named_like_aliases_do_not_clash(
    mssql: MssqlBackend, warehouse: DuckdbWarehouse, way: str
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
    mssql: MssqlBackend, way: str
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


def test_a_users_table_with_a_name_of_the_platforms_is_discovered(mssql: MssqlBackend) -> None:
    with made(mssql, "_staged_saas_platform", "id INT NOT NULL PRIMARY KEY"):
        found = [table.name for table in own_database().discover().tables]
    assert "_staged_saas_platform" in found


def test_a_missing_schema_and_a_missing_table_are_distinguished(
    mssql: MssqlBackend, way: str
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
