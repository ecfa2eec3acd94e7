"""Repair: prove every slice, copy again exactly the rows that differ, and prove them again.

Out of scope: how rows are compared or copied.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import sqlalchemy as sa

from saas_platform.source.interface import Source, SourceSnapshot
from saas_platform.sync.apply import load_all, recopy
from saas_platform.sync.declaration import declared_otherwise
from saas_platform.sync.drift import check_table, mirror_faults
from saas_platform.sync.log_entries import new_sync_id
from saas_platform.sync.pair import TablePair
from saas_platform.sync.proof import prove, prove_again
from saas_platform.sync.proof_log import failed, record
from saas_platform.sync.report import OnProgress, RepairReport
from saas_platform.sync.undisturbed import each_table
from saas_platform.warehouse.interface import Warehouse
from saas_platform.warehouse.logs import SyncEntry


def repair(
    source: Source,
    warehouse: Warehouse,
    tables: Iterable[sa.Table],
    on_progress: OnProgress | None = None,
) -> list[RepairReport]:
    """Repair the tables, as of one snapshot unless another program disturbs that.

    If a table can't be repaired, its report says why, and the other tables are still repaired.

    Raises WarehouseUnusableError if no table can be repaired.
    """
    sync_id = new_sync_id()

    def repaired(snapshot: SourceSnapshot, table: sa.Table) -> RepairReport:
        pair = TablePair(snapshot, warehouse, table, on_progress)
        with warehouse.session():
            return warehouse.with_room(partial(repair_table, pair, sync_id))

    def stopped(table: sa.Table, error: Exception) -> RepairReport:
        proof = failed(warehouse, table, "digest", error, sync_id)
        return RepairReport(table.name, error=proof.problems[0])

    return each_table(source, tables, repaired, stopped)


def repair_table(pair: TablePair, sync_id: str) -> RepairReport:
    """Repair one table. A mirror that is missing, has other columns or was made under another declaration is loaded whole."""
    started = time.monotonic()
    warehouse, table = pair.warehouse, pair.table
    with warehouse.session():
        check_table(pair.snapshot, warehouse, table)
        last = warehouse.last_sync(table)
        entry: SyncEntry | None = None
        if mirror_faults(warehouse, table) or declared_otherwise(pair.snapshot, table, last):
            entry = load_all(pair, sync_id, last)
            proof = prove(pair, "digest", sync_id=sync_id)
            record(warehouse, proof)
        else:
            proof = prove(pair, "digest", explain=False)
            record(warehouse, proof)
            if not proof.holds:
                entry = recopy(pair, proof, sync_id, last)
                proof = prove_again(pair, proof, entry, sync_id)
                record(warehouse, proof)
    report = RepairReport(
        table.name,
        seconds=time.monotonic() - started,
        proof=proof,
        warnings=pair.snapshot.notes(table),
    )
    if entry is None:
        return report
    return replace(
        report,
        sync_id=entry.sync_id,
        mode=entry.mode,
        rows_written=entry.rows_written,
        rows_deleted=entry.rows_deleted,
        slices=entry.slices,
    )
