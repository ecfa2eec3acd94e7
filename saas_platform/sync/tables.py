"""Sync tables: choose how to bring a mirror up to date, do so, prove the result, and repair differences once.

Out of scope: how rows are applied (apply.py), compared (diff.py) or proven (proof.py).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from saas_platform.schema import version_of
from saas_platform.source.interface import Source, SourceSnapshot
from saas_platform.sync.apply import apply_changes, load_all, recopy
from saas_platform.sync.drift import check_table
from saas_platform.sync.log_entries import new_sync_id
from saas_platform.sync.pair import TablePair
from saas_platform.sync.probe import reason_for_full, unseen_since
from saas_platform.sync.proof import prove, prove_again
from saas_platform.sync.proof_log import TABLE_ERRORS, failed, record, sentence
from saas_platform.sync.report import OnProgress, ProofReport, SyncReport
from saas_platform.sync.undisturbed import each_table
from saas_platform.warehouse.interface import Warehouse
from saas_platform.warehouse.logs import SyncEntry


def sync(
    source: Source,
    warehouse: Warehouse,
    tables: Iterable[sa.Table],
    on_progress: OnProgress | None = None,
) -> list[SyncReport]:
    """Sync the tables under one sync id, and as of one snapshot unless another program disturbs that.

    If a table can't be synced, its report says why, and the other tables are still synced. Raising an error for it
    is left to the caller.

    Raises WarehouseUnusableError if no table can be synced.
    """
    sync_id = new_sync_id()
    return each_table(
        source,
        tables,
        lambda snapshot, table: sync_table(
            snapshot, warehouse, table, sync_id=sync_id, on_progress=on_progress
        ),
        lambda table, error: SyncReport(table.name, error=sentence(table, error)),
    )


def sync_one(
    source: Source, warehouse: Warehouse, table: sa.Table, *, also_prove: Collection[str] = ()
) -> SyncReport:
    """Sync one table as `sync_table` does, and begin again if another program disturbs the snapshot.

    Raises what `sync_table` raises.
    """

    def stopped(_: sa.Table, error: Exception) -> SyncReport:
        raise error

    (report,) = each_table(
        source,
        [table],
        lambda snapshot, each: sync_table(snapshot, warehouse, each, also_prove=also_prove),
        stopped,
    )
    return report


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

    An error that stops the table is logged as a failed proof.

    Args:
        snapshot: the open snapshot of the source.
        warehouse: the warehouse that has the mirror.
        table: the table, as tables.yaml or the company declares it.
        sync_id: the id of a sync of several tables; None means a new id.
        also_prove: slices to prove by digest, and to repair, even if the sync does not touch them.
        on_progress: a callback, called as rows are read.

    Returns:
        What the sync did, with its proof.

    Raises:
        SyncError: the source has lost a declared column, or the warehouse can't have the table.
        SourceError: the table can't be read.
        WarehouseError: the warehouse refuses the table's rows.
    """
    pair = TablePair(snapshot, warehouse, table, on_progress)
    work = _TableSync(pair, sync_id or new_sync_id(), also_prove)
    with warehouse.session():
        try:
            return warehouse.with_room(work.run)
        except TABLE_ERRORS as error:
            failed(warehouse, table, "digest", error)
            raise


#: How often a sync copies again what its own proof finds.
_MOST_REPAIRS = 3
#: The entry of the sync itself, the entries of the repairs that its proofs required, and the last proof.
_Outcome = tuple[SyncEntry | None, list[SyncEntry], ProofReport]


@dataclass(frozen=True)
class _TableSync:
    """The sync of one table under one id."""

    pair: TablePair
    sync_id: str
    also_prove: Collection[str]

    def run(self) -> SyncReport:
        """Bring the mirror up to the snapshot, prove it, and repair what the proof found."""
        snapshot, warehouse, table = self.pair.snapshot, self.pair.warehouse, self.pair.table
        started = time.monotonic()
        last = warehouse.last_sync(table)
        warnings = (*check_table(snapshot, warehouse, table, propose=True), *snapshot.notes(table))
        reason = reason_for_full(snapshot, warehouse, table, last)
        if last is not None and reason is None and version_of(table) is None:
            outcome = self._by_digest(last)
        else:
            outcome = self._by_hints(reason, last)
        report = SyncReport(
            table=table.name,
            reason=reason,
            watermark=None if last is None else last.watermark,
            seconds=time.monotonic() - started,
            warnings=warnings,
        )
        return _with_outcome(report, outcome)

    def _by_hints(self, reason: str | None, last: SyncEntry | None) -> _Outcome:
        """Load every row if there is a reason to, and otherwise only the rows that versions and tombstones name.

        Then prove what this sync wrote, and what earlier syncs left unproven. A sync that was killed after its
        commit leaves the slices that it wrote. A sync that met a change of the schema leaves all slices, because a
        column that was put back is NULL in rows whose version has not changed.
        """
        pair, table = self.pair, self.pair.table
        counts: Mapping[str, int] | None = None
        entry: SyncEntry | None
        if reason is not None or last is None:
            entry = load_all(pair, self.sync_id, last)
        else:
            counts = pair.snapshot.slice_counts(table)
            entry = apply_changes(pair, self.sync_id, last, counts)
        done = pair.warehouse.unproven_syncs(table)
        unseen = unseen_since(pair.warehouse, table)
        also = {slice_id for slice_id in self.also_prove if counts is None or slice_id in counts}
        if not done and not also and not unseen:
            # Nothing lies above the watermark. Only the counts can show a change, and no proof is logged.
            return None, [], prove(pair, "counts", source_counts=counts)
        proof = self._prove(done, also, counts, unseen=unseen)
        repairs: list[SyncEntry] = []
        # A row that is copied to one slice may leave another one that had the right number of rows by chance.
        while not proof.holds and len(repairs) < _MOST_REPAIRS:
            newest = repairs[-1] if repairs else entry or last
            repaired = recopy(pair, proof, self.sync_id, newest)
            if repaired is None:
                break
            repairs.append(repaired)
            done.append(repaired)
            proof = self._prove(done, also, counts, unseen=unseen)
        return entry, repairs, proof

    def _by_digest(self, last: SyncEntry) -> _Outcome:
        """Sync a table without a row version. Only digests of every slice show what changed in it."""
        pair = self.pair
        proof = prove(pair, "digest", explain=False)
        entry = None if proof.holds else recopy(pair, proof, self.sync_id, last)
        if entry is not None:
            proof = prove_again(pair, proof, entry, self.sync_id)
        record(pair.warehouse, proof)
        return entry, [], proof

    def _prove(
        self,
        entries: list[SyncEntry],
        also: set[str],
        counts: Mapping[str, int] | None,
        *,
        unseen: bool,
    ) -> ProofReport:
        """Prove the slices that the sync touched and those of `also`, and log the proof.

        After a full load, or if `unseen`, every slice is proven.
        """
        touched = also | {slice_id for entry in entries for slice_id in entry.slices}
        full = unseen or any(entry.mode == "full" for entry in entries)
        report = prove(
            self.pair,
            "digest",
            slices=None if full else touched,
            source_counts=counts,
            sync_id=entries[-1].sync_id if entries else self.sync_id,
        )
        if report.holds or not unseen:
            # If this proof fails after one that could not read the rows, do not log it: the earlier one must
            # stay the newest, so that the next sync proves every slice, even if this one is killed.
            record(self.pair.warehouse, report)
        return report


def _with_outcome(report: SyncReport, outcome: _Outcome) -> SyncReport:
    entry, repairs, proof = outcome
    report = replace(report, proof=proof)
    entries = [*([] if entry is None else [entry]), *repairs]
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
        repaired=tuple(sorted({slice_id for e in repairs for slice_id in e.slices})),
        slices_compared=sum(e.slices_compared or 0 for e in entries),
        bytes=sum(e.bytes for e in entries),
    )
