"""Bringing a mirror up to a snapshot: everything anew, what the hints name, or what a proof names.

Holds the three ways, each one transaction. Does not hold: choosing among them, or proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

import sqlalchemy as sa

from saas_platform.schema import slice_of
from saas_platform.source.interface import SourceSnapshot
from saas_platform.sync.drift import SyncError
from saas_platform.sync.log_entries import new_entry
from saas_platform.sync.reading import grouped, slices_to_ask, telling
from saas_platform.sync.report import OnProgress, ProofReport
from saas_platform.warehouse.interface import Changes, Warehouse
from saas_platform.warehouse.logs import SyncEntry
from saas_platform.warehouse.stream import RowStream


def load_all(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    sync_id: str,
    last: SyncEntry | None,
    on_progress: OnProgress | None = None,
    *,
    compared: int = 0,
) -> SyncEntry:
    """Make the mirror again from all rows; `compared`: the slices that were compared before that was decided.

    Raises SyncError for more slices than a mirror may have, before anything is sent.
    """
    if warehouse.most_slices is not None and slice_of(table) is not None:
        _check_slices(warehouse, table, snapshot.slice_counts(table))
    rows = RowStream(snapshot.rows(table), telling(on_progress, table, "read"))
    entry = new_entry(snapshot, table, "full", sync_id, last)
    return warehouse.load(table, rows, replace(entry, slices_compared=compared))


def _check_slices(warehouse: Warehouse, table: sa.Table, counts: Mapping[str, int]) -> None:
    """Raises SyncError where the source has more slices than a mirror may have."""
    most, cut = warehouse.most_slices, slice_of(table)
    if most is None or cut is None or len(counts) <= most:
        return
    raise SyncError(
        f"{table.name} has {len(counts):,} slices by the {cut.grain} of {cut.column}, and a table of"
        f" {warehouse.engine} has at most {most:,} partitions: write `slice: null` for it in tables.yaml"
        f"{', or cut it by month' if cut.grain == 'day' else ''}."
    )


def apply_changes(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    sync_id: str,
    last: SyncEntry,
    source_counts: Mapping[str, int],
    on_progress: OnProgress | None = None,
) -> SyncEntry | None:
    """Apply what lies above the watermark; None: nothing does, and nothing was written.

    Tombstones name most deletes. Where the slice counts still disagree (no tombstones are kept, or
    INSERT OR REPLACE displaced a row without one), the rows of those slices decide.
    """
    _check_slices(warehouse, table, source_counts)
    # At the watermark nothing was written: in our own source not even to another table.
    written = snapshot.ceiling(table) > last.watermark or snapshot.unversioned(table) > 0
    if not written and source_counts == warehouse.slice_counts(table):
        return None
    entry = new_entry(snapshot, table, "incremental", sync_id, last)
    with warehouse.stage(table, sync_id) as staging:
        hints = 0
        if written:
            rows = RowStream(
                snapshot.rows(table, above=last.watermark), telling(on_progress, table, "read")
            )
            staging.add_rows(rows)
            entry = replace(entry, rows_read=rows.rows, bytes=rows.bytes)
            deletes = snapshot.tombstones(table, above=last.watermark)
            if deletes is not None and deletes.num_rows:
                staging.add_deletes(deletes)
            hints = rows.rows + (0 if deletes is None else deletes.num_rows)
        counts = staging.counts_after() if hints else warehouse.slice_counts(table)
        wrong = {
            slice_id
            for slice_id in {*source_counts, *counts}
            if source_counts.get(slice_id, 0) != counts.get(slice_id, 0)
        }
        if not hints and not wrong:
            return None
        entry = _reconcile(
            snapshot, staging, table, wrong, source_counts, counts, entry, on_progress
        )
        entry = replace(entry, slices_compared=len(wrong))
        return staging.commit(entry)


def copy_again(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    proof: ProofReport,
    sync_id: str,
    last: SyncEntry | None,
    on_progress: OnProgress | None = None,
) -> SyncEntry | None:
    """Copy the rows of the slices that differ by the proof, delete what is extra; None: nothing differed.

    A table without a key is made anew. The caller has proven all other slices, or the watermark that
    this writes would be wrong.
    """
    if not table.primary_key.columns:
        return load_all(
            snapshot,
            warehouse,
            table,
            sync_id,
            last,
            on_progress,
            compared=proof.slices_checked,
        )
    entry = new_entry(snapshot, table, "repair", sync_id, last)
    source_counts, counts = snapshot.slice_counts(table), warehouse.slice_counts(table)
    with warehouse.stage(table, sync_id) as staging:
        slices = proof.slices_differing
        entry = _reconcile(
            snapshot, staging, table, slices, source_counts, counts, entry, on_progress
        )
        entry = replace(entry, slices_compared=max(len(slices), proof.slices_checked))
        return staging.commit(entry) if staging.pending() else None


def _reconcile(
    snapshot: SourceSnapshot,
    staging: Changes,
    table: sa.Table,
    slices: Collection[str],
    source_counts: Mapping[str, int],
    mirror_counts: Mapping[str, int],
    entry: SyncEntry,
    on_progress: OnProgress | None,
) -> SyncEntry:
    """Stage what makes the slices equal; the entry with what was read for it."""
    for group in grouped(slices, Counter(source_counts) | Counter(mirror_counts)):
        asked = slices_to_ask(table, group, source_counts)
        rows = RowStream(snapshot.rows(table, slices=asked), telling(on_progress, table, "compare"))
        staging.reconcile(group, rows)
        entry = replace(
            entry, rows_read=entry.rows_read + rows.rows, bytes=entry.bytes + rows.bytes
        )
    return entry
