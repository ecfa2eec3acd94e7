"""Tests of a source whose schema changes between runs.

The table reports it and the other tables go on. Once the schema is as declared again, the next run ends in a
proven mirror.

Contains: the company's tables, changed by hand in SQLite. Out of scope: the user's own databases
(sync/test_own_database.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from saas_platform.sync import probe, sync
from saas_platform.sync.report import SyncReport
from saas_platform_tests.faults.conftest import Fresh
from saas_platform_tests.faults.operations import (
    EACH_KIND,
    USERS,
    Scenario,
    Workspace,
    sync_all,
    synced,
)
from saas_platform_tests.rows import by_hand, insert, row
from saas_platform_tests.sync.external_writes import mirror_rows, source_rows

_OTHERS = [table for table in EACH_KIND if table is not USERS]


@pytest.fixture
def workspace(fresh: Fresh) -> Workspace:
    found = Workspace(fresh(Scenario(synced, sync_all)))
    by_sql(found.path, "UPDATE users SET deactivated_at = updated_at WHERE user_id < 5")
    assert all(report.succeeded for report in synced_again(found).values())
    return found


def by_sql(path: Path, *statements: str) -> None:
    with by_hand(path, checked=False) as connection:
        for statement in statements:
            connection.execute(statement)


def without_triggers(path: Path) -> None:
    """Drop the triggers of users: they name the columns, and would stamp rows, which an ALTER does not do."""
    by_sql(
        path,
        *(
            f"DROP TRIGGER {name}_users"
            for name in ("stamp_insert", "stamp_update", "record_delete")
        ),
    )


def synced_again(workspace: Workspace) -> dict[str, SyncReport]:
    return {
        report.table: report for report in sync(workspace.source, workspace.warehouse, EACH_KIND)
    }


def assert_the_others_go_on(workspace: Workspace, n: int) -> SyncReport:
    """Assert that a new row in each other table is synced, and return the report of users."""
    with by_hand(workspace.path, checked=False) as connection:
        for table in _OTHERS:
            parent = {"account_id": 1} if "account_id" in table.columns else {}
            insert(connection, table, [row(table, n, **parent)])
    reports = synced_again(workspace)
    for table in _OTHERS:
        assert reports[table.name].succeeded
        assert reports[table.name].rows_written == 1
    return reports["users"]


def assert_equal(workspace: Workspace) -> None:
    for table in EACH_KIND:
        assert mirror_rows(workspace.warehouse.path, table) == source_rows(workspace.path, table)
    assert {found.reason for found in probe(workspace.source, workspace.warehouse, EACH_KIND)} == {
        None
    }
    assert {report.mode for report in synced_again(workspace).values()} == {None}


@pytest.mark.slow
def test_a_column_is_added_and_goes_again(workspace: Workspace) -> None:
    by_sql(workspace.path, "ALTER TABLE users ADD COLUMN shoe_size INTEGER DEFAULT 40")
    report = assert_the_others_go_on(workspace, 20)
    assert report.succeeded
    assert (
        "users.shoe_size of the source is not mirrored, because it is not declared"
        in report.warnings[0]
    )
    by_sql(workspace.path, "UPDATE users SET shoe_size = 41, full_name = 'new' WHERE user_id = 3")
    assert synced_again(workspace)["users"].rows_written == 1
    assert_equal(workspace)
    by_sql(workspace.path, "ALTER TABLE users DROP COLUMN shoe_size")
    assert assert_the_others_go_on(workspace, 21).warnings == ()
    assert_equal(workspace)


def test_a_type_changes_and_is_changed_back(workspace: Workspace) -> None:
    before = mirror_rows(workspace.warehouse.path, USERS)
    change = "UPDATE sqlite_master SET sql = replace(sql, 'full_name {}', 'full_name {}') WHERE name = 'users'"
    kinds = ("VARCHAR(120)", "BLOB")
    by_sql(workspace.path, "PRAGMA writable_schema = ON", change.format(*kinds))
    report = assert_the_others_go_on(workspace, 20)
    assert "users.full_name is BLOB in the source, but declared as a text" in (report.error or "")
    assert mirror_rows(workspace.warehouse.path, USERS) == before
    by_sql(workspace.path, "UPDATE users SET full_name = 'meanwhile' WHERE user_id = 3")
    by_sql(workspace.path, "PRAGMA writable_schema = ON", change.format(*reversed(kinds)))
    report = assert_the_others_go_on(workspace, 21)
    assert report.succeeded
    assert report.rows_written == 1
    assert_equal(workspace)


def test_a_column_is_dropped_and_comes_back_empty(workspace: Workspace) -> None:
    """No row has a new version then, so only a digest of all rows finds the change."""
    before = mirror_rows(workspace.warehouse.path, USERS)
    without_triggers(workspace.path)
    by_sql(workspace.path, "ALTER TABLE users DROP COLUMN deactivated_at")
    report = assert_the_others_go_on(workspace, 20)
    assert "users.deactivated_at is missing in the source" in (report.error or "")
    assert mirror_rows(workspace.warehouse.path, USERS) == before
    by_sql(workspace.path, "ALTER TABLE users ADD COLUMN deactivated_at DATETIME")
    reasons = {
        found.table: found.reason
        for found in probe(workspace.source, workspace.warehouse, EACH_KIND)
    }
    assert reasons["users"] == "last sync was not proven"

    report = assert_the_others_go_on(workspace, 21)

    assert report.succeeded
    assert (report.mode, report.rows_written) == ("diff", 4)
    assert_equal(workspace)


def test_a_table_is_dropped_and_comes_back_with_another_row(workspace: Workspace) -> None:
    """It is restored from a copy with the same number of rows and with their old versions."""
    (made,) = _query(
        workspace.path, "SELECT sql FROM sqlite_master WHERE name = 'users' AND type = 'table'"
    )
    by_sql(workspace.path, "CREATE TABLE copied AS SELECT * FROM users", "DROP TABLE users")
    report = assert_the_others_go_on(workspace, 20)
    assert "The source has no table users" in (report.error or "")
    by_sql(
        workspace.path,
        made,
        "UPDATE copied SET full_name = 'older' WHERE user_id = 2",
        "INSERT INTO users SELECT * FROM copied",
    )
    report = assert_the_others_go_on(workspace, 21)
    assert report.succeeded
    assert report.rows_written == 1
    assert_equal(workspace)


def _query(path: Path, sql: str) -> list[str]:
    with by_hand(path) as connection:
        return [value for (value,) in connection.execute(sql)]
