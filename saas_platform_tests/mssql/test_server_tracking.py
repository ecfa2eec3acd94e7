"""Test with a real TDS server that Change Tracking reports deletes by their keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from saas_platform.source.mssql import MssqlDatabase
from saas_platform_tests.backends import MssqlBackend, mssql_address
from saas_platform_tests.mssql.server import detected, made, own_database


def test_tracked_deletes_of_a_key_in_another_order_than_its_columns(mssql: MssqlBackend) -> None:
    if not detected(mssql).change_tracking:
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


def test_tracked_deletes_are_reported_by_key(mssql: MssqlBackend) -> None:
    if not detected(mssql).change_tracking:
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
            before = snapshot.high_watermark(table)
            found = snapshot.tombstones(table, above=0)
        assert found is not None
        assert found.to_pylist() == [{"id": 1}]
        mssql.run(f"DELETE FROM {orders} WHERE id = 3")
        with source.snapshot() as snapshot:
            found = snapshot.tombstones(table, above=before)
        assert found is not None
        assert found.to_pylist() == [{"id": 3}]
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
    mssql: MssqlBackend, way: str, declared: str
) -> None:
    if not detected(mssql).change_tracking:
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
