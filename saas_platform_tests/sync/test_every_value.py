"""Any single value that is altered by hand, on either side, in any table, is found, named and repaired.

Nothing else is written.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import duckdb
import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.schema.arrow import business_columns
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import ProofReport, repair, sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import by_hand, insert, row, stored
from saas_platform_tests.sync.external_writes import in_mirror, mirror_rows, source_rows, sync_ids

EVERY_TABLE = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


class Alteration(NamedTuple):
    column: str
    before: Any
    after: Any


def hostile(column: sa.Column, plain: Any) -> list[tuple[Any, Any]]:
    """Return pairs of values that a lax comparison takes for equal or can't represent."""
    nullable = bool(column.nullable)
    match column.type:
        case sa.Boolean():
            return [(True, False), (False, True)]
        case sa.BigInteger():
            pairs = [(2**63 - 1, 2**63 - 2), (-(2**63), 2**63 - 1), (2**53, 2**53 + 1)]
            return [*pairs, (None, 0), (0, None)] if nullable else pairs
        case sa.Integer():
            pairs = [(2**31 - 1, 2**31 - 2), (-(2**31), 2**31 - 1), (0, -1)]
            return [*pairs, (None, 0), (0, None)] if nullable else pairs
        case sa.DateTime():
            timestamp = plain or datetime(2024, 2, 29, 23, 59, 59, 999_999)
            far = [
                (timestamp, datetime(1, 1, 1)),
                (timestamp, datetime(9999, 12, 31, 23, 59, 59, 999_999)),
            ]
            near = [
                (timestamp, timestamp + timedelta(microseconds=1)),
                (datetime(2024, 3, 31, 23, 59, 59, 999_999), datetime(2024, 4, 1)),
            ]
            return (
                [*far, *near, (None, timestamp), (timestamp, None)] if nullable else [*far, *near]
            )
    texts = [
        ("a", "a "),
        ("b", "b\n"),
        ("c", "C"),
        ("e\u0301", "\u00e9"),  # both are é
        ("\U0001d11e clef", "\ufffd clef"),
        ("d", ""),
        ("0", "00"),
        ("NULL", "null"),
    ]
    empties = [(None, ""), ("", None), (None, "NULL"), ("None", None)]
    return texts + empties if nullable else texts


def alterations(table: sa.Table, *, with_row_version: bool) -> list[Alteration]:
    """Return one altered column for each row; keys have their own test."""
    columns = list(table.columns) if with_row_version else business_columns(table)
    plain = row(table, 1)
    return [
        Alteration(column.name, before, after)
        for column in columns
        if not column.primary_key
        for before, after in hostile(column, plain.get(column.name))
        if not (column.info.get("row_version") and before != 2**53)
    ]


def load(source: SqliteSource, table: sa.Table, cases: list[Alteration]) -> None:
    """Fill the table: row n has the value that case n alters, and as many rows follow that nobody touches."""
    rows = []
    for n in range(1, 2 * len(cases) + 1):
        made = row(table, n)
        if n <= len(cases) and cases[n - 1].column in made:
            case = cases[n - 1]
            made[case.column] = case.before
        rows.append(made)
    with by_hand(source.path, checked=False) as connection:
        insert(connection, table, rows)


def found(report: ProofReport, table: sa.Table) -> dict[int, dict[str, tuple[Any, Any]]]:
    (key,) = table.primary_key.columns
    assert report.differences is not None
    return {
        int(sample.key[key.name] or 0): {c.column: (c.source, c.mirror) for c in sample.columns}
        for sample in report.differences.samples
    }


def shown(value: Any) -> Any:
    return value.isoformat(" ") if isinstance(value, datetime) else value


@pytest.fixture(autouse=True)
def _show_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saas_platform.sync.diff.SAMPLES", 10_000)


@pytest.mark.few
@EVERY_TABLE
def test_altered_in_the_mirror(
    empty_source: SqliteSource, warehouse: DuckdbWarehouse, table: sa.Table
) -> None:
    cases = alterations(table, with_row_version=True)
    load(empty_source, table, cases)
    (report,) = sync(empty_source, warehouse, [table])
    assert report.succeeded, report
    before = sync_ids(warehouse.path, table)
    (key,) = table.primary_key.columns
    with duckdb.connect(str(warehouse.path)) as connection:
        for n, case in enumerate(cases, start=1):
            connection.execute(
                f'UPDATE raw."{table.name}" SET "{case.column}" = ? WHERE "{key.name}" = {n}',
                [case.after],
            )

    (proof,) = verify(empty_source, warehouse, [table], show_pii=True)

    assert not proof.proven
    differing = found(proof, table)
    assert differing.keys() == set(range(1, len(cases) + 1))
    for n, case in enumerate(cases, start=1):
        assert differing[n].keys() == {case.column}
        _, mirror = differing[n][case.column]
        assert mirror == shown(case.after)
    assert proof.differences is not None
    assert proof.differences.different == len(cases)
    assert proof.differences.missing == proof.differences.extra == 0

    (repaired,) = repair(empty_source, warehouse, [table])

    assert repaired.succeeded, repaired
    assert (repaired.rows_written, repaired.rows_deleted) == (len(cases), 0)
    assert mirror_rows(warehouse.path, table) == source_rows(empty_source.path, table)
    after = sync_ids(warehouse.path, table)
    kept = {n for n in before if before[n] == after[n]}
    assert kept == set(range(len(cases) + 1, 2 * len(cases) + 1))


@pytest.mark.few
@EVERY_TABLE
def test_altered_in_the_source(
    empty_source: SqliteSource, warehouse: DuckdbWarehouse, table: sa.Table
) -> None:
    cases = alterations(table, with_row_version=False)
    load(empty_source, table, cases)
    (report,) = sync(empty_source, warehouse, [table])
    assert report.succeeded, report
    (key,) = table.primary_key.columns
    with by_hand(empty_source.path, checked=False) as connection:
        for n, case in enumerate(cases, start=1):
            connection.execute(
                f'UPDATE "{table.name}" SET "{case.column}" = ? WHERE "{key.name}" = {n}',
                [stored(case.after)],
            )

    (proof,) = verify(empty_source, warehouse, [table], show_pii=True)

    differing = found(proof, table)
    assert differing.keys() == set(range(1, len(cases) + 1))
    for n, case in enumerate(cases, start=1):
        assert differing[n].keys() == {case.column, "row_version"}
        assert differing[n][case.column] == (shown(case.after), shown(case.before))

    (report,) = sync(empty_source, warehouse, [table])

    assert report.succeeded, report
    assert (report.mode, report.rows_written) == ("incremental", len(cases))
    assert mirror_rows(warehouse.path, table) == source_rows(empty_source.path, table)


@pytest.mark.few
@EVERY_TABLE
def test_rows_removed_added_and_renamed_in_the_mirror(
    source: SqliteSource, warehouse: DuckdbWarehouse, table: sa.Table
) -> None:
    sync(source, warehouse, [table])
    (key,) = table.primary_key.columns
    name, k = f'raw."{table.name}"', f'"{key.name}"'
    in_mirror(
        warehouse.path,
        f"DELETE FROM {name} WHERE {k} = 1;"
        f" UPDATE {name} SET {k} = 1000 WHERE {k} = 2;"
        f" INSERT INTO {name} SELECT * REPLACE (2000 AS {k}) FROM {name} WHERE {k} = 3;"
        f" INSERT INTO {name} SELECT * FROM {name} WHERE {k} = 4",
    )

    (proof,) = verify(source, warehouse, [table])

    assert proof.differences is not None
    kinds = {(s.kind, s.key[key.name]) for s in proof.differences.samples}
    assert kinds == {
        ("missing", 1),
        ("missing", 2),
        ("extra", 4),
        ("extra", 1000),
        ("extra", 2000),
    }

    (repaired,) = repair(source, warehouse, [table])

    assert repaired.succeeded
    assert (repaired.rows_written, repaired.rows_deleted) == (3, 3)
    assert mirror_rows(warehouse.path, table) == source_rows(source.path, table)


@pytest.mark.few
@EVERY_TABLE
def test_rows_removed_added_and_renamed_in_the_source(
    source: SqliteSource, warehouse: DuckdbWarehouse, table: sa.Table
) -> None:
    sync(source, warehouse, [table])
    (key,) = table.primary_key.columns
    with by_hand(source.path, checked=False) as connection:
        connection.execute(f'DELETE FROM "{table.name}" WHERE "{key.name}" = 1')
        connection.execute(f'UPDATE "{table.name}" SET "{key.name}" = 1000 WHERE "{key.name}" = 2')
        insert(connection, table, [row(table, 2000)])

    (proof,) = verify(source, warehouse, [table])

    assert proof.differences is not None
    kinds = {(s.kind, s.key[key.name]) for s in proof.differences.samples}
    assert kinds == {("extra", 1), ("extra", 2), ("missing", 1000), ("missing", 2000)}

    (report,) = sync(source, warehouse, [table])

    assert report.succeeded
    assert (report.mode, report.rows_deleted) == ("incremental", 2)
    assert mirror_rows(warehouse.path, table) == source_rows(source.path, table)


def test_text_shifted_over_a_column_border(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    users = TABLES["users"]
    with by_hand(source.path) as connection:
        connection.execute("UPDATE users SET email = 'ab', full_name = 'cd' WHERE user_id = 1")
    sync(source, warehouse, [users])
    in_mirror(
        warehouse.path, "UPDATE raw.users SET email = 'abc', full_name = 'd' WHERE user_id = 1"
    )
    (proof,) = verify(source, warehouse, [users], show_pii=True)
    assert found(proof, users) == {1: {"email": ("ab", "abc"), "full_name": ("cd", "d")}}


def test_values_swapped_between_two_rows(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    users = TABLES["users"]
    sync(source, warehouse, [users])
    in_mirror(
        warehouse.path,
        "UPDATE raw.users SET full_name = CASE user_id WHEN 1 THEN 'full_name 2' ELSE 'full_name 1'"
        " END WHERE user_id IN (1, 2)",
    )
    (proof,) = verify(source, warehouse, [users])
    assert found(proof, users).keys() == {1, 2}


def test_personal_data_is_masked(source: SqliteSource, warehouse: DuckdbWarehouse) -> None:
    users = TABLES["users"]
    sync(source, warehouse, [users])
    in_mirror(warehouse.path, "UPDATE raw.users SET email = 'eve@example.org' WHERE user_id = 1")
    (proof,) = verify(source, warehouse, [users])
    assert found(proof, users) == {1: {"email": ("***", "***")}}
    assert "eve@example.org" not in repr(proof)


@pytest.mark.parametrize("timestamp", ["infinity", "-infinity", "44-03-15 (BC) 00:00:00"])
def test_times_of_no_calendar(
    source: SqliteSource, warehouse: DuckdbWarehouse, timestamp: str
) -> None:
    events = TABLES["usage_events"]
    sync(source, warehouse, [events])
    in_mirror(
        warehouse.path,
        f"UPDATE raw.usage_events SET occurred_at = TIMESTAMP '{timestamp}' WHERE event_id = 1",
    )
    (proof,) = verify(source, warehouse, [events])
    assert not proof.proven
    (repaired,) = repair(source, warehouse, [events])
    assert repaired.succeeded
    assert repaired.rows_written == 1
