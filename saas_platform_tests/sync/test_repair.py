"""Test what a repair writes, and what it leaves as it is."""

from __future__ import annotations

from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import repair, sync, sync_table, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import by_hand
from saas_platform_tests.sync.company_tables import EVENTS, USERS
from saas_platform_tests.sync.conftest import ROWS
from saas_platform_tests.sync.external_writes import in_mirror, log


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
    assert (report.mode, report.rows_written) == ("diff", 2)
    assert report.repaired == ("2024-01-02", "2024-01-03")
    assert (report.proof.level, report.proof.slices_checked) == ("digest", 2)
    (proof,) = verify(source, warehouse, [EVENTS])
    assert proof.slices_differing == ("2024-01-04",)


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
