"""Test what a sync reads, writes and logs, in one situation after another."""

from __future__ import annotations

import dataclasses
import json

import pytest

from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import Progress, repair, sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import by_hand, insert, row
from saas_platform_tests.sync.company_tables import (
    ALL,
    EACH_KIND,
    EVENTS,
    USERS,
    assert_equal,
    reasons,
)
from saas_platform_tests.sync.conftest import ROWS
from saas_platform_tests.sync.external_writes import (
    in_mirror,
    log,
    mirror_rows,
    source_rows,
    sync_ids,
)


def test_first_load_then_nothing(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    assert reasons(source, warehouse) == {"never synced"}

    first = sync(source, warehouse, ALL)

    assert [(r.table, r.mode, r.rows_read, r.rows_written) for r in first] == [
        (name, "full", ROWS, ROWS) for name in TABLES
    ]
    assert all(r.succeeded and r.proof and r.proof.scope == "all" for r in first)
    assert len({r.sync_id for r in first}) == 1
    assert_equal(source, warehouse)
    assert reasons(source, warehouse) == {None}
    json.dumps([dataclasses.asdict(r) for r in first], default=str)

    file = warehouse.path.read_bytes()
    second = sync(source, warehouse, ALL)

    assert {(r.mode, r.sync_id, r.rows_read) for r in second} == {(None, None, 0)}
    assert all(r.succeeded and r.proof and r.proof.level == "counts" for r in second)
    assert warehouse.path.read_bytes() == file


@pytest.mark.slow
def test_an_empty_table_is_a_mirror_too(
    empty_source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    assert all(r.succeeded and r.mode == "full" for r in sync(empty_source, warehouse, ALL))
    assert {r.mode for r in sync(empty_source, warehouse, ALL)} == {None}
    assert all(r.proven for r in verify(empty_source, warehouse, ALL, "rows"))


def test_mirror_has_the_source_columns_and_the_sync_id(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [USERS])
    assert warehouse.mirror_columns(USERS) == {
        "user_id": "BIGINT",
        "account_id": "BIGINT",
        "email": "VARCHAR",
        "full_name": "VARCHAR",
        "role": "VARCHAR",
        "device": "VARCHAR",
        "deactivated_at": "TIMESTAMP",
        "created_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP",
        "row_version": "BIGINT",
        "_sync_id": "VARCHAR",
    }


def test_changes_touch_only_their_slices(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    (first,) = sync(source, warehouse, [EVENTS])
    with by_hand(source.path) as connection:
        connection.execute("UPDATE usage_events SET account_id = 2 WHERE event_id = 1")
        connection.execute("DELETE FROM usage_events WHERE event_id = 3")
        insert(connection, EVENTS, [row(EVENTS, 20, account_id=1)])
    assert reasons(source, warehouse) >= {"rows changed"}

    (report,) = sync(source, warehouse, [EVENTS])

    assert report.succeeded
    assert report.proof is not None
    assert (report.mode, report.rows_read, report.rows_written, report.rows_deleted) == (
        "incremental",
        2,
        2,
        1,
    )
    assert report.slices == ("2024-01-02", "2024-01-04", "2024-01-21")
    assert (report.proof.scope, report.proof.slices_checked, report.proof.slices_total) == (
        "touched",
        3,
        ROWS + 1,
    )
    ids = sync_ids(warehouse.path, EVENTS)
    assert {n for n in ids if ids[n] != first.sync_id} == {1, 20}
    (logged,) = [entry for entry in log(warehouse.path) if entry[0] == report.sync_id]
    assert json.loads(logged[8]) == list(report.slices)
    assert mirror_rows(warehouse.path, EVENTS) == source_rows(source.path, EVENTS)


def test_a_row_that_came_and_went_between_syncs(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [EVENTS])
    with by_hand(source.path) as connection:
        insert(connection, EVENTS, [row(EVENTS, 20, account_id=1)])
        connection.execute("DELETE FROM usage_events WHERE event_id = 20")
        connection.execute("DELETE FROM usage_events WHERE event_id = 1")
        insert(connection, EVENTS, [row(EVENTS, 1, account_id=2)])
    (report,) = sync(source, warehouse, [EVENTS])
    assert report.succeeded
    assert (report.rows_written, report.rows_deleted, report.slices) == (1, 0, ("2024-01-02",))
    assert sync(source, warehouse, [EVENTS])[0].mode is None


def test_a_row_that_moved_its_slice(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    sync(source, warehouse, [EVENTS])
    with by_hand(source.path) as connection:
        connection.execute(
            "UPDATE usage_events SET occurred_at = '2025-05-05 00:00:00.000000' WHERE event_id = 1"
        )
    (report,) = sync(source, warehouse, [EVENTS])
    assert report.succeeded
    assert report.slices == ("2024-01-02", "2025-05-05")
    assert mirror_rows(warehouse.path, EVENTS) == source_rows(source.path, EVENTS)


def test_erasure_reaches_events_of_old_days(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    with by_hand(source.path) as connection:
        connection.execute("UPDATE usage_events SET user_id = 1 WHERE event_id IN (2, 5)")
    sync(source, warehouse, EACH_KIND)
    with by_hand(source.path) as connection:
        connection.execute("DELETE FROM users WHERE user_id = 1")
    reports = {r.table: r for r in sync(source, warehouse, EACH_KIND)}
    assert all(r.succeeded for r in reports.values())
    assert reports["users"].rows_deleted == 1
    assert reports["usage_events"].slices == ("2024-01-03", "2024-01-06")
    assert_equal(source, warehouse)


@pytest.mark.parametrize("same_slice", [True, False])
def test_insert_or_replace_displaces_a_row_without_a_tombstone(
    source: SqliteSource, warehouse: DuckdbWarehouse, same_slice: bool
) -> None:
    sync(source, warehouse, [USERS])
    newcomer = row(USERS, 1, user_id=77) if same_slice else row(USERS, 77, account_id=1)
    with by_hand(source.path) as connection:
        insert(connection, USERS, [{**newcomer, "email": "email 1"}], verb="INSERT OR REPLACE")
        assert connection.execute("SELECT count(*) FROM _tombstones").fetchone() == (0,)

    (report,) = sync(source, warehouse, [USERS])

    assert report.succeeded
    assert (report.rows_written, report.rows_deleted) == (1, 1)
    assert mirror_rows(warehouse.path, USERS) == source_rows(source.path, USERS)


def test_rows_with_lost_tombstones_are_found_by_the_counts(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, EACH_KIND)
    with by_hand(source.path) as connection:
        connection.execute("DELETE FROM usage_events WHERE event_id IN (2, 3)")
        connection.execute("DELETE FROM features WHERE feature_id = 4")
        connection.execute("DELETE FROM _tombstones")
    assert reasons(source, warehouse) == {None, "row counts differ"}
    reports = {r.table: r for r in sync(source, warehouse, EACH_KIND)}
    assert reports["usage_events"].rows_deleted == 2
    assert reports["features"].rows_deleted == 1
    assert all(r.succeeded for r in reports.values())
    assert_equal(source, warehouse)


def test_a_source_without_tombstones(
    source: SqliteSource, warehouse: DuckdbWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "saas_platform.source.sqlite.snapshot.CompanySnapshot.tombstones",
        lambda self, table, *, above: None,  # noqa: ARG005
    )
    sync(source, warehouse, EACH_KIND)
    with by_hand(source.path) as connection:
        connection.execute("DELETE FROM users WHERE user_id = 1")
        insert(connection, USERS, [row(USERS, 50, account_id=1)])
    assert all(r.succeeded for r in sync(source, warehouse, EACH_KIND))
    assert_equal(source, warehouse)


def test_an_update_without_a_version_in_a_touched_slice_is_repaired(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [USERS])
    with by_hand(source.path) as connection:
        connection.execute("DROP TRIGGER stamp_update_users")
        connection.execute("UPDATE users SET full_name = 'unseen' WHERE user_id = 1")
        insert(connection, USERS, [row(USERS, 20, account_id=1)])
    (report,) = sync(source, warehouse, [USERS])
    assert report.succeeded
    assert report.repaired == ("2024-01",)
    assert report.rows_written == 2
    assert mirror_rows(warehouse.path, USERS) == source_rows(source.path, USERS)


def test_progress_is_reported(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    reported: list[Progress] = []
    sync(source, warehouse, [USERS], reported.append)
    assert reported == [Progress("users", "read", ROWS), Progress("users", "prove", ROWS)]


def test_slices_compared_and_copied_are_logged(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    def logged() -> tuple[object, ...]:
        (entry,) = in_mirror(
            warehouse.path,
            "SELECT mode, slices_compared, slices_copied FROM raw._sync_log"
            " ORDER BY finished_at DESC LIMIT 1",
        )
        return entry

    sync(source, warehouse, [EVENTS])
    assert logged() == ("full", 0, ROWS)
    with by_hand(source.path) as connection:
        connection.execute("UPDATE usage_events SET account_id = 2 WHERE event_id IN (1, 2)")
    sync(source, warehouse, [EVENTS])
    assert logged() == ("incremental", 0, 2)
    with by_hand(source.path) as connection:
        connection.execute("DELETE FROM usage_events WHERE event_id = 3")
        connection.execute("DELETE FROM _tombstones")
    # The counts differ in one slice, which is compared row by row.
    (report,) = sync(source, warehouse, [EVENTS])
    assert logged() == ("incremental", 1, 1)
    assert report.slices_compared == 1
    in_mirror(warehouse.path, "DELETE FROM raw.usage_events WHERE event_id = 4")
    repair(source, warehouse, [EVENTS])
    assert logged() == ("diff", ROWS - 1, 1)
