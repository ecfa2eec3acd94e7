"""Bring a mirror up to date with a snapshot of its source.

There are three ways, each in one transaction: load all rows, apply what the hints name (row versions above the
watermark, tombstones and slice counts), or copy the slices that a proof found to differ. Out of scope: choosing
among the three, and proof.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

import sqlalchemy as sa

from saas_platform.schema import slicing_of
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
    """Load the mirror from scratch with all rows of the source.

    Args:
        pair: the table in the source's snapshot and in the warehouse.
        sync_id: the id for the log entry.
        last: the table's newest log entry; None if there is none.
        compared: how many slices were compared before this load was chosen, for the log entry.

    Returns:
        The log entry, as written.

    Raises:
        SyncError: the source has more slices than a mirror may have; nothing was sent.
    """
    table, warehouse = pair.table, pair.warehouse
    if warehouse.most_slices is not None and slicing_of(table) is not None:
        _check_slices(warehouse, table, pair.snapshot.slice_counts(table))
    rows = RowStream(pair.snapshot.rows(table), pair.counted("read"))
    entry = new_entry(pair.snapshot, table, "full", sync_id, last)
    return warehouse.load(table, rows, replace(entry, slices_compared=compared))


def _check_slices(warehouse: Warehouse, table: sa.Table, counts: Mapping[str, int]) -> None:
    """Raise SyncError if the source has more slices than a mirror may have."""
    most, slicing = warehouse.most_slices, slicing_of(table)
    if most is None or slicing is None or len(counts) <= most:
        return
    raise SyncError(
        f"{table.name} has {len(counts):,} slices by the {slicing.grain} of {slicing.column}, but a table of"
        f" {warehouse.engine} can have at most {most:,} partitions: write `slice: null` for it in tables.yaml"
        f"{', or slice it by month' if slicing.grain == 'day' else ''}."
    )


def apply_changes(
    pair: TablePair, sync_id: str, last: SyncEntry, source_counts: Mapping[str, int]
) -> SyncEntry | None:
    """Apply the changes above the watermark.

    Tombstones name most deletes. If the counts of a slice still disagree (the source keeps no tombstones, or
    INSERT OR REPLACE displaced a row without one), all rows of that slice are compared.

    Args:
        pair: the table in the source's snapshot and in the warehouse.
        sync_id: the id for the log entry.
        last: the table's newest log entry, with the watermark.
        source_counts: the rows of each slice in the snapshot.

    Returns:
        The log entry, as written; None if there was no change and nothing was written.

    Raises:
        SyncError: the source has more slices than a mirror may have.
    """
    snapshot, warehouse, table = pair.snapshot, pair.warehouse, pair.table
    _check_slices(warehouse, table, source_counts)
    # A high watermark that has not moved means that no row was written; in our own source, not even in another table.
    written = snapshot.high_watermark(table) > last.watermark or snapshot.unversioned(table) > 0
    if not written and source_counts == warehouse.slice_counts(table):
        return None
    entry = new_entry(snapshot, table, "incremental", sync_id, last)
    with warehouse.stage(table, sync_id) as changes:
        hints = 0
        if written:
            rows = RowStream(snapshot.rows(table, above=last.watermark), pair.counted("read"))
            changes.add_rows(rows)
            entry = replace(entry, rows_read=rows.rows, bytes=rows.bytes)
            deletes = snapshot.tombstones(table, above=last.watermark)
            if deletes is not None and deletes.num_rows:
                changes.add_deletes(deletes)
            hints = rows.rows + (0 if deletes is None else deletes.num_rows)
        counts = changes.counts_after() if hints else warehouse.slice_counts(table)
        wrong = {
            slice_id
            for slice_id in {*source_counts, *counts}
            if source_counts.get(slice_id, 0) != counts.get(slice_id, 0)
        }
        if not hints and not wrong:
            return None
        entry = _reconcile(pair, changes, wrong, (source_counts, counts), entry)
        entry = replace(entry, slices_compared=len(wrong))
        return changes.commit(entry)


def recopy(
    pair: TablePair, proof: ProofReport, sync_id: str, last: SyncEntry | None
) -> SyncEntry | None:
    """Make the slices that differ according to a proof equal: copy their rows, and delete extra ones.

    A table without a key is loaded from scratch. The caller must have proven all other slices; otherwise the
    watermark that this writes would be wrong.

    Args:
        pair: the table in the source's snapshot and in the warehouse.
        proof: the proof that names the slices that differ.
        sync_id: the id for the log entry.
        last: the table's newest log entry; None if there is none.

    Returns:
        The log entry, as written; None if no row differed.

    Raises:
        SyncError: the table has no key, and the source has more slices than a mirror may have.
    """
    snapshot, warehouse, table = pair.snapshot, pair.warehouse, pair.table
    if not table.primary_key.columns:
        return load_all(pair, sync_id, last, compared=proof.slices_checked)
    entry = new_entry(snapshot, table, "diff", sync_id, last)
    source_counts, counts = snapshot.slice_counts(table), warehouse.slice_counts(table)
    with warehouse.stage(table, sync_id) as changes:
        slices = proof.slices_differing
        entry = _reconcile(pair, changes, slices, (source_counts, counts), entry)
        entry = replace(entry, slices_compared=max(len(slices), proof.slices_checked))
        return changes.commit(entry) if changes.pending() else None


def _reconcile(
    pair: TablePair,
    changes: Changes,
    slices: Collection[str],
    counts: tuple[Mapping[str, int], Mapping[str, int]],
    entry: SyncEntry,
) -> SyncEntry:
    """Stage the changes that make the slices equal. Return the entry with what was read added to it.

    `counts` are the rows of each slice in the source, and in the mirror.
    """
    source_counts, mirror_counts = counts
    for group in grouped(slices, Counter(source_counts) | Counter(mirror_counts)):
        asked = slices_to_ask(pair.table, group, source_counts)
        rows = RowStream(pair.snapshot.rows(pair.table, slices=asked), pair.counted("compare"))
        changes.reconcile(group, rows)
        entry = replace(
            entry, rows_read=entry.rows_read + rows.rows, bytes=entry.bytes + rows.bytes
        )
    return entry
