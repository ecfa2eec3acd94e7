"""Proofs in the warehouse's log: those that were made, and those that an error prevented.

Holds which errors end one table and no other. Does not hold: how anything is proven.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, datetime

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.errors import PlatformError
from saas_platform.sync.report import ProofReport
from saas_platform.warehouse.interface import Warehouse, WarehouseError, WarehouseUnusableError
from saas_platform.warehouse.logs import Level, ProofEntry

#: What may be wrong with the data or the definition of one table, on either side.
TABLE_ERRORS = (PlatformError, pa.ArrowException)


def failed(
    warehouse: Warehouse,
    table: sa.Table,
    level: Level,
    error: Exception,
    sync_id: str | None = None,
) -> ProofReport:
    """The failed proof of a table that an error ended, appended to the log.

    Raises the error again where it is none of this table alone.
    """
    if isinstance(error, WarehouseUnusableError):
        raise error
    report = unproven(table, level, (sentence(table, error),), sync_id)
    # The error that ended the table is the one to report.
    with suppress(WarehouseError):
        record(warehouse, report)
    return report


def sentence(table: sa.Table, error: Exception) -> str:
    """What ended the table, in words that name it."""
    text = (
        str(error)
        if isinstance(error, PlatformError)
        else f"can't be read: {str(error).splitlines()[0]}"
    )
    return text if table.name in text else f"{table.name}: {text}"


def unproven(
    table: sa.Table, level: Level, problems: tuple[str, ...], sync_id: str | None = None
) -> ProofReport:
    """A proof that could not look at rows, and why."""
    return ProofReport(
        table=table.name,
        level=level,
        scope="all",
        verdict="differs",
        slices_checked=0,
        slices_total=0,
        slices_differing=(),
        rows_source=0,
        rows_mirror=0,
        digest=None,
        differences=None,
        problems=problems,
        seconds=0.0,
        proof_id=str(uuid.uuid4()),
        sync_id=sync_id,
        proven_at=now(),
    )


def record(warehouse: Warehouse, report: ProofReport) -> None:
    """Append the proof to the warehouse's log."""
    warehouse.record_proof(
        ProofEntry(
            proof_id=report.proof_id,
            sync_id=report.sync_id,
            table_name=report.table,
            level=report.level,
            scope=report.scope,
            slices_checked=report.slices_checked,
            slices_total=report.slices_total,
            slices_differing=len(report.slices_differing),
            rows_source=report.rows_source,
            rows_mirror=report.rows_mirror,
            digest=report.digest,
            verdict=report.verdict,
            seconds=report.seconds,
            proven_at=report.proven_at,
        )
    )


def now() -> datetime:
    """The time in UTC, as the logs have it."""
    return datetime.now(UTC).replace(tzinfo=None)
