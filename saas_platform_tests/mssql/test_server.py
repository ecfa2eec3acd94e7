"""Test a real TDS server, beyond those of all sources; skipped unless SAAS_TEST_MSSQL_URL names one.

Contains: whole syncs, and what the server answers. The other files test_server_*.py have one subject each.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from saas_platform.schema import TABLES
from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import MssqlDatabase, connection
from saas_platform.sync import sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.backends import MssqlBackend, mssql_address
from saas_platform_tests.mssql.server import detected, session
from saas_platform_tests.rows import row
from saas_platform_tests.source.test_apply import FIRST, batch, every_table


def test_a_transaction_that_is_open_is_not_skipped(mssql: MssqlBackend) -> None:
    """The later transaction commits first; a watermark at its version would lose the earlier one."""
    if detected(mssql).floor is None:
        pytest.skip("the server does not tell its first open row version")
    plans = TABLES["plans"]
    mssql.source.apply(batch(FIRST, {"plans": [row(plans, n) for n in (1, 2, 3)]}))
    change = f"UPDATE {mssql.named('plans')} SET name = 'changed' WHERE plan_id = "
    with session(mssql) as early:
        early.execute("BEGIN TRANSACTION")
        early.execute(f"{change}1")
        mssql.run(f"{change}2")
        with mssql.source.snapshot() as snapshot:
            high_watermark = snapshot.high_watermark(plans)
        early.execute("COMMIT TRANSACTION")
    with mssql.source.snapshot() as snapshot:
        after = snapshot.rows(plans, above=high_watermark).read_all()
        assert snapshot.high_watermark(plans) >= high_watermark
    assert {1, 2} <= set(after["plan_id"].to_pylist())


def test_the_company_is_mirrored_and_proven(
    mssql: MssqlBackend, warehouse: DuckdbWarehouse, way: str
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
    mssql: MssqlBackend, warehouse: DuckdbWarehouse, tmp_path: Path, way: str
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


def test_substitutes_for_missing_features_are_reported(mssql: MssqlBackend) -> None:
    reported, able = mssql.source.ping(), detected(mssql)
    assert ("no snapshot isolation" in reported) != able.snapshot_isolation
    assert ("no Change Tracking" in reported) != able.change_tracking
    assert ("no MIN_ACTIVE_ROWVERSION" in reported) == (able.floor is None)


def test_another_database_and_a_wrong_password_are_one_sentence(mssql: MssqlBackend) -> None:
    wrong = [("database", "saas_platform_nowhere", "has no such database")]
    if "pwd" in mssql.address.options:
        wrong.append(("pwd", "Wrong.12345", "refuses the login"))
    for name, value, expected in wrong:
        options = {**mssql.address.options, name: value}
        with pytest.raises(SourceError, match=expected) as raised:
            MssqlDatabase(replace(mssql.address, options=options)).ping()
        assert "Wrong.12345" not in str(raised.value)


def test_an_empty_source_says_what_to_do(mssql: MssqlBackend) -> None:
    backend = MssqlBackend(replace(mssql.address, schema="saas_platform_nothing"))
    assert not backend.source.exists()
    assert (backend.source.company(), backend.source.applied_months()) == (None, {})
    with (
        pytest.raises(SourceError, match="holds no company in its schema saas_platform_nothing"),
        backend.source.snapshot(),
    ):
        pass
