"""A sync on every warehouse writes what it should, and damage is found and repaired."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import sqlalchemy as sa

from saas_platform.contracts.evaluation import evaluate
from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import repair, sample, sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.interface import Warehouse
from saas_platform_tests.rows import by_hand, insert, row, stored
from saas_platform_tests.sync.external_writes import source_rows

USERS, EVENTS, FEATURES = TABLES["users"], TABLES["usage_events"], TABLES["features"]
#: Sliced by month, sliced by day, and not sliced.
EACH_KIND = [FEATURES, USERS, EVENTS]


def mirror_rows(warehouse: Warehouse, table: sa.Table) -> list[tuple[Any, ...]]:
    """Return the mirror's rows as SQLite would store them, so that both sides compare as they are."""
    listed = ", ".join(f"m.{warehouse.quoted(column.name)}" for column in table.columns)
    found = warehouse.query(f"SELECT {listed} FROM {warehouse.mirror_rows(table)} AS m")
    rows = (tuple(stored(value) for value in each.values()) for each in found.to_pylist())
    return sorted(rows, key=repr)


def assert_equal(
    source: SqliteSource, warehouse: Warehouse, tables: Iterable[sa.Table] = EACH_KIND
) -> None:
    for table in tables:
        assert mirror_rows(warehouse, table) == source_rows(source.path, table)


def damage(warehouse: Warehouse, *statements: str) -> None:
    """Change the mirror behind the platform's back."""
    if isinstance(warehouse, DuckdbWarehouse):
        with duckdb.connect(str(warehouse.path)) as connection:
            for statement in statements:
                connection.execute(statement)
    else:
        for statement in statements:
            warehouse._bare.client.query(statement).result()  # type: ignore[attr-defined]


def test_changes_deletes_and_erasures_arrive_and_nothing_else_is_written(
    source: SqliteSource, any_warehouse: Warehouse
) -> None:
    with by_hand(source.path) as connection:
        connection.execute("UPDATE usage_events SET user_id = 1 WHERE event_id IN (2, 5)")
    first = sync(source, any_warehouse, EACH_KIND)
    assert [(r.error, r.mode, r.proof and r.proof.proven) for r in first] == [
        (None, "full", True)
    ] * 3
    assert_equal(source, any_warehouse)

    with by_hand(source.path) as connection:
        connection.execute("DELETE FROM users WHERE user_id = 1")
        connection.execute("UPDATE usage_events SET account_id = 2 WHERE event_id = 1")
        connection.execute("DELETE FROM usage_events WHERE event_id = 3")
        insert(connection, EVENTS, [row(EVENTS, 20, account_id=1)])
        # A delete without a tombstone is found by the count of its slice.
        connection.execute("DELETE FROM usage_events WHERE event_id = 7")
        connection.execute("DELETE FROM _tombstones WHERE key_value = 7")
    reports = {r.table: r for r in sync(source, any_warehouse, EACH_KIND)}

    assert all(r.succeeded for r in reports.values())
    assert reports["features"].mode is None
    assert reports["users"].rows_deleted == 1
    events = reports["usage_events"]
    assert (events.mode, events.rows_written, events.rows_deleted) == ("incremental", 4, 2)
    assert set(events.slices) == {f"2024-01-{day:02d}" for day in (2, 3, 4, 6, 8, 21)}
    assert_equal(source, any_warehouse)
    assert {r.mode for r in sync(source, any_warehouse, EACH_KIND)} == {None}


def test_damage_is_found_by_digest_and_repaired(
    source: SqliteSource, any_warehouse: Warehouse
) -> None:
    sync(source, any_warehouse, [USERS])
    damage(
        any_warehouse,
        "UPDATE raw.users SET full_name = 'x' WHERE user_id = 2",
        "DELETE FROM raw.users WHERE user_id = 3",
        "INSERT INTO raw.users SELECT * FROM raw.users WHERE user_id = 4",
    )
    (proof,) = verify(source, any_warehouse, [USERS])
    assert proof.differences is not None
    found = {(each.kind, each.key["user_id"]) for each in proof.differences.samples}
    assert found == {("different", 2), ("missing", 3), ("extra", 4)}
    (repaired,) = repair(source, any_warehouse, [USERS])
    assert repaired.succeeded
    assert (repaired.rows_written, repaired.rows_deleted) == (3, 1)
    assert_equal(source, any_warehouse, [USERS])
    (shown,) = sample(source, any_warehouse, [USERS])
    assert shown.equal


def test_contracts_hold_and_report_what_breaks_them(
    source: SqliteSource, any_warehouse: Warehouse
) -> None:
    """This includes the table that answers no query without a bound on its days."""
    sync(source, any_warehouse, [TABLES["accounts"], *EACH_KIND])
    sound = {breach.rule.kind for breach in evaluate(any_warehouse, EVENTS).breaches}
    damage(
        any_warehouse,
        "INSERT INTO raw.usage_events SELECT * FROM raw.usage_events WHERE event_id = 4"
        " AND occurred_at >= TIMESTAMP '2024-01-01'",
    )
    broken = {breach.rule.kind for breach in evaluate(any_warehouse, EVENTS).breaches}
    assert broken - sound == {"unique"}
