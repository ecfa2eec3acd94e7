"""The sync of tables: choose the way, apply it, prove it, mend once what the proof found.

Does not hold: how rows are applied, compared or proven.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial

import sqlalchemy as sa

from saas_platform.schema import version_of
from saas_platform.source.interface import Source, SourceSnapshot
from saas_platform.sync.apply import apply_changes, copy_again, load_all
from saas_platform.sync.drift import check_table
from saas_platform.sync.log_entries import new_sync_id
from saas_platform.sync.probe import reason_for_full, unseen_since
from saas_platform.sync.proof import prove, prove_again
from saas_platform.sync.proof_log import TABLE_ERRORS, failed, record, sentence
from saas_platform.sync.report import OnProgress, ProofReport, SyncReport
from saas_platform.warehouse.interface import Warehouse, WarehouseUnusableError
from saas_platform.warehouse.logs import SyncEntry


def sync(
    source: Source,
    warehouse: Warehouse,
    tables: Iterable[sa.Table],
    on_progress: OnProgress | None = None,
) -> list[SyncReport]:
    """Sync the tables as of one snapshot, under one sync id.

    A table that can't be synced says why in its report, and the others go on; the caller raises.

    Raises WarehouseUnusableError where no table can be synced.
    """
    sync_id = new_sync_id()
    reports = []
    with source.snapshot() as snapshot:
        for table in tables:
            try:
                report = sync_table(
                    snapshot, warehouse, table, sync_id=sync_id, on_progress=on_progress
                )
            except WarehouseUnusableError:
                raise
            except TABLE_ERRORS as error:
                report = _failed(table, sentence(table, error))
            reports.append(report)
    return reports


def sync_table(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    *,
    sync_id: str | None = None,
    also_prove: Collection[str] = (),
    on_progress: OnProgress | None = None,
) -> SyncReport:
    """Bring the mirror of one table up to the snapshot, and prove it.

    The slices of `also_prove` are proven by digest, and repaired, whether touched or not. An error that ends
    the table is logged as a proof that failed.

    Raises SyncError where the source has lost a declared column or the warehouse can't have the table,
    SourceError where it can't be read, WarehouseError where the warehouse refuses its rows.
    """
    with warehouse.session():
        work = partial(
            _sync_table,
            snapshot,
            warehouse,
            table,
            sync_id or new_sync_id(),
            also_prove,
            on_progress,
        )
        try:
            return warehouse.with_room(work)
        except TABLE_ERRORS as error:
            failed(warehouse, table, "digest", error)
            raise


def _sync_table(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    sync_id: str,
    also_prove: Collection[str],
    on_progress: OnProgress | None,
) -> SyncReport:
    started = time.monotonic()
    last = warehouse.last_sync(table)
    warnings = (*check_table(snapshot, warehouse, table), *snapshot.notes(table))
    reason = reason_for_full(snapshot, warehouse, table, last)
    by_digest = last is not None and reason is None and version_of(table) is None
    way = _by_digest if by_digest else _by_hints
    entry, repaired, proof = way(
        snapshot, warehouse, table, sync_id, reason, last, also_prove, on_progress
    )
    return _report(
        table, reason, last, entry, repaired, proof, warnings, time.monotonic() - started
    )


#: What was done first, what the proof made necessary, and the last proof.
_Outcome = tuple[SyncEntry | None, SyncEntry | None, ProofReport]


def _by_hints(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    sync_id: str,
    reason: str | None,
    last: SyncEntry | None,
    also_prove: Collection[str],
    on_progress: OnProgress | None,
) -> _Outcome:
    """Everything anew where there is a reason, else what versions and tombstones name.

    Proven is this and what earlier syncs owe: one that was killed after its commit left its proof to us,
    one that met another schema leaves every slice, as a column that came back is empty under old versions.
    """
    counts: Mapping[str, int] | None = None
    entry: SyncEntry | None
    if reason is not None or last is None:
        entry = load_all(snapshot, warehouse, table, sync_id, last, on_progress)
    else:
        counts = snapshot.slice_counts(table)
        entry = apply_changes(snapshot, warehouse, table, sync_id, last, counts, on_progress)
    done = warehouse.unproven(table)
    unseen = unseen_since(warehouse, table)
    also = {slice_id for slice_id in also_prove if counts is None or slice_id in counts}
    if not done and not also and not unseen:
        # Nothing above the watermark: the counts alone can tell of something; nothing is logged.
        proof = prove(snapshot, warehouse, table, "counts", source_counts=counts)
        return None, None, proof
    proof = _prove(
        snapshot, warehouse, table, sync_id, done, also, counts, on_progress, unseen=unseen
    )
    healed: SyncEntry | None = None
    if not proof.holds:
        healed = copy_again(snapshot, warehouse, table, proof, sync_id, entry or last, on_progress)
    if healed is not None:
        done.append(healed)
        proof = _prove(
            snapshot, warehouse, table, sync_id, done, also, counts, on_progress, unseen=unseen
        )
    return entry, healed, proof


def _by_digest(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    sync_id: str,
    _reason: str | None,
    last: SyncEntry | None,
    _also_prove: Collection[str],
    on_progress: OnProgress | None,
) -> _Outcome:
    """A table without a version: no hint tells what changed, the digest of every slice does."""
    proof = prove(snapshot, warehouse, table, "digest", explain=False, on_progress=on_progress)
    entry: SyncEntry | None = None
    if not proof.holds:
        entry = copy_again(snapshot, warehouse, table, proof, sync_id, last, on_progress)
    if entry is None:
        record(warehouse, proof)
    else:
        proof = prove_again(snapshot, warehouse, table, proof, entry, sync_id, on_progress)
        record(warehouse, proof)
    return entry, None, proof


def _prove(
    snapshot: SourceSnapshot,
    warehouse: Warehouse,
    table: sa.Table,
    sync_id: str,
    entries: list[SyncEntry],
    also: set[str],
    counts: Mapping[str, int] | None,
    on_progress: OnProgress | None,
    *,
    unseen: bool = False,
) -> ProofReport:
    """Prove, and log, the slices that the sync touched, and `also`; all after a full load or `unseen`."""
    touched = also | {slice_id for entry in entries for slice_id in entry.slices}
    full = unseen or any(entry.mode == "full" for entry in entries)
    report = prove(
        snapshot,
        warehouse,
        table,
        "digest",
        slices=None if full else touched,
        source_counts=counts,
        sync_id=entries[-1].sync_id if entries else sync_id,
        on_progress=on_progress,
    )
    if report.holds or not unseen:
        # Else what could not look stays the newest: killed before it mends, the next sync looks again.
        record(warehouse, report)
    return report


def _report(
    table: sa.Table,
    reason: str | None,
    last: SyncEntry | None,
    entry: SyncEntry | None,
    healed: SyncEntry | None,
    proof: ProofReport,
    warnings: tuple[str, ...],
    seconds: float,
) -> SyncReport:
    report = SyncReport(
        table=table.name,
        sync_id=None,
        mode=None,
        reason=reason,
        watermark=None if last is None else last.watermark,
        rows_read=0,
        rows_written=0,
        rows_deleted=0,
        slices=(),
        healed=(),
        slices_compared=0,
        bytes=0,
        seconds=seconds,
        proof=proof,
        warnings=warnings,
        error=None,
    )
    entries = [done for done in (entry, healed) if done is not None]
    if not entries:
        return report
    return replace(
        report,
        sync_id=entries[0].sync_id,
        mode=entries[0].mode,
        watermark=entries[0].watermark,
        rows_read=sum(e.rows_read for e in entries),
        rows_written=sum(e.rows_written for e in entries),
        rows_deleted=sum(e.rows_deleted for e in entries),
        slices=tuple(sorted({slice_id for e in entries for slice_id in e.slices})),
        healed=() if healed is None else healed.slices,
        slices_compared=sum(e.slices_compared or 0 for e in entries),
        bytes=sum(e.bytes for e in entries),
    )


def _failed(table: sa.Table, error: str) -> SyncReport:
    return SyncReport(
        table=table.name,
        sync_id=None,
        mode=None,
        reason=None,
        watermark=None,
        rows_read=0,
        rows_written=0,
        rows_deleted=0,
        slices=(),
        healed=(),
        slices_compared=0,
        bytes=0,
        seconds=0.0,
        proof=None,
        warnings=(),
        error=error,
    )
