"""What a sync reads, writes, logs and proves, in one situation after another."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import Progress, probe, repair, sentences, sync, sync_table, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import by_hand, insert, populate, row
from saas_platform_tests.sync.conftest import ROWS
from saas_platform_tests.sync.hands import in_mirror, log, mirror_rows, source_rows, sync_ids

ALL = list(TABLES.values())
USERS, EVENTS, FEATURES = TABLES["users"], TABLES["usage_events"], TABLES["features"]
#: Sliced by month, sliced by day, and not sliced.
EACH_KIND = [FEATURES, USERS, EVENTS]


def reasons(source: SqliteSource, warehouse: DuckdbWarehouse) -> set[str | None]:
    return {found.reason for found in probe(source, warehouse, EACH_KIND)}


def assert_equal(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    for table in EACH_KIND:
        assert mirror_rows(warehouse.path, table) == source_rows(source.path, table)


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
    assert report.healed == ("2024-01",)
    assert report.rows_written == 2
    assert mirror_rows(warehouse.path, USERS) == source_rows(source.path, USERS)


def test_slices_asked_for_are_proven_and_repaired_untouched(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [EVENTS])
    in_mirror(warehouse.path, "UPDATE raw.usage_events SET account_id = 99 WHERE event_id < 4")

    with source.snapshot() as snapshot:
        report = sync_table(
            snapshot, warehouse, EVENTS, also_prove=["2024-01-02", "2024-01-03", "2030-01-01"]
        )

    assert report.succeeded
    assert report.proof is not None
    assert (report.mode, report.rows_written) == ("repair", 2)
    assert report.healed == ("2024-01-02", "2024-01-03")
    assert (report.proof.level, report.proof.slices_checked) == ("digest", 2)
    (proof,) = verify(source, warehouse, [EVENTS])
    assert proof.slices_differing == ("2024-01-04",)


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


def test_repair_of_a_missing_mirror_loads_it(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    (report,) = repair(source, warehouse, [USERS])
    assert report.succeeded
    assert (report.mode, report.rows_written) == ("full", ROWS)


def test_repair_of_an_equal_mirror_writes_nothing(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [USERS])
    before = log(warehouse.path)
    (report,) = repair(source, warehouse, [USERS])
    assert report.succeeded
    assert (report.mode, report.rows_written) == (None, 0)
    assert log(warehouse.path) == before


def test_repair_of_a_stale_mirror_moves_the_watermark(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [USERS])
    with by_hand(source.path) as connection:
        connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
    (report,) = repair(source, warehouse, [USERS])
    assert report.succeeded
    assert report.rows_written == 1
    assert sync(source, warehouse, [USERS])[0].mode is None


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
        for trigger in ("stamp_insert", "stamp_update", "bury"):
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
        " microseconds, no zone) in the source" in " ".join(sentences(proof))
    )


def test_every_level_reports_rows(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    sync(source, warehouse, [FEATURES])
    in_mirror(warehouse.path, "DELETE FROM raw.features WHERE feature_id = 1")
    in_mirror(warehouse.path, "UPDATE raw.features SET name = 'x' WHERE feature_id = 2")
    for level in ("counts", "digest", "rows"):
        (proof,) = verify(source, warehouse, [FEATURES], level)
        assert proof.slices_differing == ("all",)
        assert proof.differences is not None
        assert (proof.differences.missing, proof.differences.different) == (1, 1)
        assert sentences(proof) == [
            "features: 1 of 1 slice differs (all); 8 rows in the source, 7 in the mirror.",
            "features: 1 missing in the mirror, 0 extra, 1 different (name 1x).",
            "features feature_id 1 in all: missing in the mirror.",
            "features feature_id 2 in all: name is 'name 2' in the source, 'x' in the mirror.",
        ]


def test_the_samples_are_few_and_the_totals_exact(
    source: SqliteSource, warehouse: DuckdbWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saas_platform.sync.diff.SAMPLES", 3)
    monkeypatch.setattr("saas_platform.sync.reading.GROUP_ROWS", 2)
    sync(source, warehouse, [EVENTS])
    in_mirror(warehouse.path, "UPDATE raw.usage_events SET account_id = 99")
    (proof,) = verify(source, warehouse, [EVENTS])
    assert proof.differences is not None
    assert proof.differences.different == ROWS
    assert proof.differences.columns == {"account_id": ROWS}
    assert [s.key["event_id"] for s in proof.differences.samples] == [1, 2, 3]
    (repaired,) = repair(source, warehouse, [EVENTS])
    assert repaired.succeeded
    assert repaired.rows_written == ROWS


def test_proofs_are_logged_with_their_scope(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    (report,) = sync(source, warehouse, [FEATURES])
    in_mirror(warehouse.path, "DELETE FROM raw.features WHERE feature_id = 1")
    verify(source, warehouse, [FEATURES])
    rows = in_mirror(
        warehouse.path,
        "SELECT sync_id, level, scope, slices_checked, slices_differing, rows_source, rows_mirror,"
        " digest IS NOT NULL, verdict FROM raw._proof_log ORDER BY proven_at",
    )
    assert rows == [
        (report.sync_id, "digest", "all", 1, 0, 8, 8, True, "proven"),
        (None, "digest", "all", 1, 1, 8, 7, True, "differs"),
    ]


def test_progress_is_reported(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    reported: list[Progress] = []
    sync(source, warehouse, [USERS], reported.append)
    assert reported == [Progress("users", "read", ROWS), Progress("users", "prove", ROWS)]


def test_the_newest_entry_is_found_when_the_clock_goes_back(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    sync(source, warehouse, [USERS])
    in_mirror(
        warehouse.path, "UPDATE raw._sync_log SET finished_at = finished_at + INTERVAL 1 YEAR"
    )
    with by_hand(source.path) as connection:
        connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
    assert sync(source, warehouse, [USERS])[0].rows_written == 1
    assert sync(source, warehouse, [USERS])[0].mode is None


def test_a_sync_that_was_killed_before_its_proof_is_proven_by_the_next(
    source: SqliteSource, warehouse: DuckdbWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing lies above the watermark then, so the counts alone would have passed for a proof."""
    sync(source, warehouse, EACH_KIND)
    with by_hand(source.path) as connection:
        connection.execute("DROP TRIGGER stamp_update_users")
        connection.execute("UPDATE users SET full_name = 'unseen' WHERE user_id = 1")
        insert(connection, USERS, [row(USERS, 20, account_id=1)])
        connection.execute("DELETE FROM users WHERE user_id = 3")
    with monkeypatch.context() as patched:
        patched.setattr("saas_platform.sync.tables.prove", _die)
        with pytest.raises(KeyboardInterrupt):
            sync(source, warehouse, [USERS])
    assert mirror_rows(warehouse.path, USERS) != source_rows(source.path, USERS)
    assert reasons(source, warehouse) == {None, "last sync was not proven"}

    (report,) = sync(source, warehouse, [USERS])

    assert report.succeeded
    assert report.proof is not None
    assert (report.mode, report.healed, report.proof.level) == ("repair", ("2024-01",), "digest")
    assert mirror_rows(warehouse.path, USERS) == source_rows(source.path, USERS)
    assert reasons(source, warehouse) == {None}
    assert sync(source, warehouse, [USERS])[0].mode is None


def test_a_first_load_that_was_killed_before_its_proof_is_proven_by_the_next(
    source: SqliteSource, warehouse: DuckdbWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("saas_platform.sync.tables.prove", _die)
        with pytest.raises(KeyboardInterrupt):
            sync(source, warehouse, [EVENTS])
    in_mirror(warehouse.path, "UPDATE raw.usage_events SET account_id = 99 WHERE event_id = 1")
    (report,) = sync(source, warehouse, [EVENTS])
    assert report.succeeded
    assert (report.mode, report.rows_written) == ("repair", 1)
    assert report.proof is not None
    assert (report.proof.scope, report.proof.slices_checked) == ("all", ROWS)
    assert mirror_rows(warehouse.path, EVENTS) == source_rows(source.path, EVENTS)


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


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
    assert logged() == ("repair", ROWS - 1, 1)
