"""A source that computes digests itself is proven by them: only rows that differ leave it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES, canonical
from saas_platform.schema.slices import SliceDigest
from saas_platform.source.sqlite import SqliteSource
from saas_platform.source.sqlite.snapshot import CompanySnapshot
from saas_platform.sync import repair, sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import by_hand, populate
from saas_platform_tests.sync.external_writes import in_mirror, mirror_rows, source_rows

USERS, EVENTS, FEATURES = TABLES["users"], TABLES["usage_events"], TABLES["features"]
#: Sliced by month, sliced by day, and not sliced.
EACH_KIND = [USERS, EVENTS, FEATURES]
#: A question to a source: the table, and the sorted slices.
Asked = list[tuple[str, list[str] | None]]


class HashingSnapshot(CompanySnapshot):
    """A snapshot of a database that hashes. The specification in Python stands in for its SQL."""

    def __init__(self, snapshot: CompanySnapshot, streamed: Asked, hashed: Asked) -> None:
        super().__init__(snapshot._cursor, snapshot._path)
        self._streamed, self._hashed = streamed, hashed

    def rows(
        self,
        table: sa.Table,
        *,
        above: int | None = None,
        slices: Collection[str] | None = None,
    ) -> pa.RecordBatchReader:
        self._note(table, slices)
        return super().rows(table, above=above, slices=slices)

    def row_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        self._note(table, slices)
        return super().row_texts(table, slices)

    def divisible_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        self._note(table, slices)
        return super().divisible_texts(table, slices)

    def cells(self, table: sa.Table, slices: Collection[str] | None = None) -> pa.RecordBatchReader:
        self._note(table, slices)
        return super().cells(table, slices)

    def _note(self, table: sa.Table, slices: Collection[str] | None) -> None:
        self._streamed.append((table.name, None if slices is None else sorted(slices)))

    def digests(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> dict[str, SliceDigest] | None:
        self._hashed.append((table.name, None if slices is None else sorted(slices)))
        return canonical.digests(table, super().rows(table, slices=slices))


class HashingSource(SqliteSource):
    """A source whose snapshots give digests, and record what they are asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.streamed: Asked = []
        self.hashed: Asked = []

    @contextmanager
    def snapshot(self) -> Iterator[CompanySnapshot]:
        with super().snapshot() as snapshot:
            yield HashingSnapshot(snapshot, self.streamed, self.hashed)

    def forget(self) -> None:
        self.streamed.clear()
        self.hashed.clear()


@pytest.fixture
def hashing(empty_source: SqliteSource) -> HashingSource:
    populate(empty_source.path, 4)
    return HashingSource(empty_source.path)


@pytest.fixture
def synced(hashing: HashingSource, warehouse: DuckdbWarehouse) -> HashingSource:
    reports = sync(hashing, warehouse, EACH_KIND)
    assert all(report.succeeded for report in reports)
    # Only the load has streamed rows.
    assert hashing.streamed == [(table.name, None) for table in EACH_KIND]
    hashing.forget()
    return hashing


def test_a_proof_streams_no_row(synced: HashingSource, warehouse: DuckdbWarehouse) -> None:
    proofs = verify(synced, warehouse, EACH_KIND)
    assert all(proof.proven and proof.slices_checked == proof.slices_total for proof in proofs)
    assert {proof.rows_source for proof in proofs} == {4}
    assert synced.streamed == []
    assert synced.hashed == [(table.name, None) for table in EACH_KIND]


@pytest.mark.parametrize(
    ("table", "change", "column"),
    [
        (USERS, "full_name = full_name || ' '", "full_name"),
        (USERS, "deactivated_at = TIMESTAMP '2024-01-01 00:00:00.000001'", "deactivated_at"),
        (EVENTS, "row_version = row_version + 1", "row_version"),
        (FEATURES, "name = ''", "name"),
    ],
)
def test_one_changed_cell_is_found_and_repaired(
    synced: HashingSource, warehouse: DuckdbWarehouse, table: sa.Table, change: str, column: str
) -> None:
    (key,) = table.primary_key.columns
    in_mirror(warehouse.path, f'UPDATE raw."{table.name}" SET {change} WHERE "{key.name}" = 3')

    (proof,) = verify(synced, warehouse, [table])

    assert not proof.proven
    assert proof.differences is not None
    assert proof.differences.columns == {column: 1}
    (slice_id,) = proof.slices_differing
    # Only the slice that differs is read, to find its row.
    whole = proof.slices_total == 1
    assert synced.streamed == [(table.name, None if whole else [slice_id])]

    (repaired,) = repair(synced, warehouse, [table])

    assert repaired.succeeded
    assert mirror_rows(warehouse.path, table) == source_rows(synced.path, table)


def test_a_sync_asks_for_the_slices_it_touched(
    synced: HashingSource, warehouse: DuckdbWarehouse
) -> None:
    with by_hand(synced.path) as connection:
        connection.execute("UPDATE usage_events SET account_id = 1 WHERE event_id = 2")

    (report,) = sync(synced, warehouse, [EVENTS])

    assert report.succeeded
    assert synced.streamed == [("usage_events", None)]  # what lies above the watermark
    assert synced.hashed == [("usage_events", ["2024-01-03"])]


def test_a_slice_of_the_mirror_alone_is_not_asked_for(
    synced: HashingSource, warehouse: DuckdbWarehouse
) -> None:
    with by_hand(synced.path) as connection:
        connection.execute("UPDATE usage_events SET account_id = 1 WHERE event_id = 2")
    in_mirror(
        warehouse.path,
        "UPDATE raw.usage_events SET occurred_at = TIMESTAMP 'infinity' WHERE event_id = 2",
    )

    (report,) = sync(synced, warehouse, [EVENTS])

    assert report.succeeded
    assert synced.hashed == [("usage_events", ["2024-01-03"])]
    assert mirror_rows(warehouse.path, EVENTS) == source_rows(synced.path, EVENTS)


def test_a_table_that_the_source_cannot_hash_is_streamed(
    synced: HashingSource, warehouse: DuckdbWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests: Any = HashingSnapshot.digests
    monkeypatch.setattr(
        HashingSnapshot,
        "digests",
        lambda self, table, slices=None: None if table is USERS else digests(self, table, slices),
    )

    proofs = verify(synced, warehouse, [USERS, EVENTS])

    assert all(proof.proven for proof in proofs)
    assert synced.streamed == [("users", None)]
