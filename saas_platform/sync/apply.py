"""Bringing a mirror up to a snapshot: everything anew, what the hints name, or what a proof names.

Holds the three ways, each one transaction. Does not hold: choosing among them, or proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

import sqlalchemy as sa

from saas_platform.schema import slice_of
from saas_platform.sync.drift import SyncError
from saas_platform.sync.log_entries import new_entry
from saas_platform.sync.pair import TablePair
from saas_platform.sync.reading import grouped, slices_to_ask
from saas_platform.sync.report import ProofReport
from saas_platform.warehouse.interface import Changes, Warehouse
from saas_platform.warehouse.logs import SyncEntry
from saas_platform.warehouse.stream import RowStream


def load_all(
    pair: TablePair, sync_id: str, last: SyncEntry | None, *, compared: int = 0
) -> SyncEntry:
    """Make the mirror again from all rows; `compared`: the slices that were compared before that was decided.

    Raises SyncError for more slices than a mirror may have, before anything is sent.
    """
    table, warehouse = pair.table, pair.warehouse
    if warehouse.most_slices is not None and slice_of(table) is not None:
        _check_slices(warehouse, table, pair.snapshot.slice_counts(table))
    rows = RowStream(pair.snapshot.rows(table), pair.counted("read"))
    entry = new_entry(pair.snapshot, table, "full", sync_id, last)
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
    pair: TablePair, sync_id: str, last: SyncEntry, source_counts: Mapping[str, int]
) -> SyncEntry | None:
    """Apply what lies above the watermark; None: nothing does, and nothing was written.

    Tombstones name most deletes. Where the slice counts still disagree (no tombstones are kept, or
    INSERT OR REPLACE displaced a row without one), the rows of those slices decide.
    """
    snapshot, warehouse, table = pair.snapshot, pair.warehouse, pair.table
    _check_slices(warehouse, table, source_counts)
    # At the watermark nothing was written: in our own source not even to another table.
    written = snapshot.ceiling(table) > last.watermark or snapshot.unversioned(table) > 0
    if not written and source_counts == warehouse.slice_counts(table):
        return None
    entry = new_entry(snapshot, table, "incremental", sync_id, last)
    with warehouse.stage(table, sync_id) as staging:
        hints = 0
        if written:
            rows = RowStream(snapshot.rows(table, above=last.watermark), pair.counted("read"))
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
        entry = _reconcile(pair, staging, wrong, (source_counts, counts), entry)
        entry = replace(entry, slices_compared=len(wrong))
        return staging.commit(entry)


def copy_again(
    pair: TablePair, proof: ProofReport, sync_id: str, last: SyncEntry | None
) -> SyncEntry | None:
    """Copy the rows of the slices that differ by the proof, delete what is extra; None: nothing differed.

    A table without a key is made anew. The caller has proven all other slices, or the watermark that
    this writes would be wrong.
    """
    snapshot, warehouse, table = pair.snapshot, pair.warehouse, pair.table
    if not table.primary_key.columns:
        return load_all(pair, sync_id, last, compared=proof.slices_checked)
    entry = new_entry(snapshot, table, "repair", sync_id, last)
    source_counts, counts = snapshot.slice_counts(table), warehouse.slice_counts(table)
    with warehouse.stage(table, sync_id) as staging:
        slices = proof.slices_differing
        entry = _reconcile(pair, staging, slices, (source_counts, counts), entry)
        entry = replace(entry, slices_compared=max(len(slices), proof.slices_checked))
        return staging.commit(entry) if staging.pending() else None


def _reconcile(
    pair: TablePair,
    staging: Changes,
    slices: Collection[str],
    counts: tuple[Mapping[str, int], Mapping[str, int]],
    entry: SyncEntry,
) -> SyncEntry:
    """Stage what makes the slices equal; the entry with what was read for it."""
    source_counts, mirror_counts = counts
    for group in grouped(slices, Counter(source_counts) | Counter(mirror_counts)):
        asked = slices_to_ask(pair.table, group, source_counts)
        rows = RowStream(pair.snapshot.rows(pair.table, slices=asked), pair.counted("compare"))
        staging.reconcile(group, rows)
        entry = replace(
            entry, rows_read=entry.rows_read + rows.rows, bytes=entry.bytes + rows.bytes
        )
    return entry
