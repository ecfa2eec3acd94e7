"""Test a sync after the source or the mirror was replaced, or lost what is declared."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import probe, repair, sentences, sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import by_hand, insert, populate, row
from saas_platform_tests.sync.company_tables import (
    ALL,
    EACH_KIND,
    EVENTS,
    USERS,
    assert_equal,
    reasons,
)
from saas_platform_tests.sync.external_writes import in_mirror, mirror_rows, source_rows


def test_another_source_under_the_same_name(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, EACH_KIND)
    source.drop()
    source.create_schema()
    populate(source.path, 2)
    assert reasons(source, warehouse) == {"source identity changed"}
    reports = sync(source, warehouse, EACH_KIND)
    assert {(r.mode, r.reason) for r in reports} == {("full", "source identity changed")}
    assert_equal(source, warehouse)


def test_a_source_restored_from_an_older_copy(
    source: SqliteSource, warehouse: DuckdbWarehouse, tmp_path: Path
) -> None:
    backup = shutil.copy(source.path, tmp_path / "backup.db")
    with by_hand(source.path) as connection:
        connection.execute("UPDATE users SET full_name = 'later' WHERE user_id = 1")
    sync(source, warehouse, EACH_KIND)
    shutil.copy(backup, source.path)
    assert reasons(source, warehouse) == {"source is behind the watermark"}
    assert {r.reason for r in sync(source, warehouse, EACH_KIND)} == {
        "source is behind the watermark"
    }
    assert_equal(source, warehouse)
    assert reasons(source, warehouse) == {None}


def test_a_deleted_warehouse(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    sync(source, warehouse, EACH_KIND)
    warehouse.path.unlink()
    assert reasons(source, warehouse) == {"never synced"}
    assert all(r.succeeded and r.mode == "full" for r in sync(source, warehouse, EACH_KIND))
    assert_equal(source, warehouse)


@pytest.mark.parametrize(
    ("tampering", "problem"),
    [
        ("DROP TABLE raw.users", "raw.users is not in the warehouse"),
        ("ALTER TABLE raw.users DROP COLUMN deactivated_at", "lacks the column deactivated_at"),
        ('ALTER TABLE raw.users ADD COLUMN "who\'s ""it""" INTEGER', 'who\'s "it"'),
        ("ALTER TABLE raw.users ALTER role TYPE BLOB", "raw.users.role is BLOB"),
    ],
)
def test_a_mirror_with_other_columns(
    source: SqliteSource, warehouse: DuckdbWarehouse, tampering: str, problem: str
) -> None:
    sync(source, warehouse, [USERS])
    in_mirror(warehouse.path, tampering)

    (proof,) = verify(source, warehouse, [USERS])

    assert not proof.proven
    (sentence,) = sentences(proof)
    assert problem in sentence
    (found,) = probe(source, warehouse, [USERS])
    assert found.reason == "mirror is missing or has other columns"
    (report,) = sync(source, warehouse, [USERS])
    assert report.succeeded
    assert report.mode == "full"
    assert mirror_rows(warehouse.path, USERS) == source_rows(source.path, USERS)


@pytest.mark.few
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER TABLE users DROP COLUMN deactivated_at", "users.deactivated_at is missing"),
        ("DROP TABLE users", "The source has no table users"),
        (
            "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql,"
            " 'full_name VARCHAR(120)', 'full_name BLOB') WHERE name = 'users'",
            "users.full_name is BLOB in the source",
        ),
        (
            "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql,"
            " 'CONSTRAINT pk_users PRIMARY KEY (user_id),', '') WHERE name = 'users'",
            "users has lost its key, and nothing in the source keeps user_id unique now: restore",
        ),
    ],
)
def test_a_source_table_that_lost_what_is_declared_stops_alone(
    source: SqliteSource, warehouse: DuckdbWarehouse, change: str, sentence: str
) -> None:
    sync(source, warehouse, EACH_KIND)
    before = mirror_rows(warehouse.path, USERS)
    with by_hand(source.path, checked=False) as connection:
        for trigger in ("stamp_insert", "stamp_update", "record_delete"):
            connection.execute(f"DROP TRIGGER {trigger}_users")
        for statement in change.split(";"):
            connection.execute(statement)
        insert(connection, EVENTS, [row(EVENTS, 20, account_id=1)])

    reports = {r.table: r for r in sync(source, warehouse, EACH_KIND)}

    assert sentence in (reports["users"].error or "")
    assert not reports["users"].succeeded
    assert all(r.succeeded for name, r in reports.items() if name != "users")
    assert reports["usage_events"].rows_written == 1
    assert mirror_rows(warehouse.path, USERS) == before
    assert sentence in sentences(verify(source, warehouse, [USERS])[0])[0]
    assert sentence in (repair(source, warehouse, [USERS])[0].error or "")
    assert sentence in (probe(source, warehouse, [USERS])[0].reason or "")


def test_a_column_that_is_not_declared_is_reported(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    with by_hand(source.path) as connection:
        connection.execute("ALTER TABLE users ADD COLUMN shoe_size INTEGER")
    (report,) = sync(source, warehouse, [USERS])
    assert report.succeeded
    (warning,) = report.warnings
    assert "users.shoe_size of the source is not mirrored, because it is not declared" in warning


def test_a_column_that_may_be_null_now_is_reported_and_its_first_null_stops_only_its_table(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    assert not any(report.warnings for report in sync(source, warehouse, ALL))
    before = mirror_rows(warehouse.path, USERS)
    with by_hand(source.path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'full_name VARCHAR(120) NOT NULL',"
            " 'full_name VARCHAR(120)') WHERE name = 'users'"
        )
    (report,) = sync(source, warehouse, [USERS])
    assert report.succeeded
    (warning,) = report.warnings
    assert warning.startswith(
        "users.full_name may be NULL in the source, but is declared as NOT NULL"
    )
    with by_hand(source.path) as connection:
        connection.execute("UPDATE users SET full_name = NULL WHERE user_id = 1")
        connection.execute("UPDATE features SET name = 'new' WHERE feature_id = 1")
    reports = {r.table: r for r in sync(source, warehouse, EACH_KIND)}
    assert "users.full_name of the source holds NULL" in (reports["users"].error or "")
    assert reports["features"].rows_written == 1
    assert mirror_rows(warehouse.path, USERS) == before


def test_a_value_that_is_no_time_stops_only_its_table(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, EACH_KIND)
    before = mirror_rows(warehouse.path, USERS)
    with by_hand(source.path) as connection:
        connection.execute("UPDATE users SET updated_at = 'tomorrow' WHERE user_id = 1")
        connection.execute("UPDATE features SET name = 'new' WHERE feature_id = 1")
    reports = {r.table: r for r in sync(source, warehouse, EACH_KIND)}
    assert "users.updated_at" in (reports["users"].error or "")
    assert reports["features"].rows_written == 1
    assert mirror_rows(warehouse.path, USERS) == before
    (proof,) = verify(source, warehouse, [USERS])
    assert not proof.holds
    assert (
        "updated_at is 'tomorrow', which is not a time (YYYY-MM-DD hh:mm:ss, years 1 to 9999, at most"
        " microseconds, no zone), in the source" in " ".join(sentences(proof))
    )
