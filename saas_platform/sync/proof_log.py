"""Record proofs in the warehouse's log: those that were made, and those that an error prevented.

Contains also: which errors stop only the table that meets them. Out of scope: how a table is proven.
"""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from datetime import UTC, datetime

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.errors import PlatformError
from saas_platform.source.interface import WrittenMeanwhileError
from saas_platform.sync.report import ProofReport
from saas_platform.warehouse.interface import Warehouse, WarehouseError, WarehouseUnusableError
from saas_platform.warehouse.logs import ProofEntry, ProofLevel

#: The errors that the data or the definition of one table may cause, on either side.
TABLE_ERRORS = (PlatformError, pa.ArrowException)


def failed(
    warehouse: Warehouse,
    table: sa.Table,
    level: ProofLevel,
    error: Exception,
    sync_id: str | None = None,
) -> ProofReport:
    """Append the failed proof of a table that an error stopped to the log, and return it.

    An error of another program's that says nothing about the table is not logged.

    Raises the error again if it does not concern this table alone.

    Args:
        warehouse: the warehouse that has the log.
        table: the table that was stopped.
        level: the level of the proof that was wanted.
        error: the error that stopped it.
        sync_id: the id of the sync that the proof belongs to; None means a proof of its own.

    Returns:
        The report of the failed proof, with the error among its problems.
    """
    if isinstance(error, WarehouseUnusableError):
        raise error
    report = unproven(table, level, (sentence(table, error),), sync_id)
    # If the log can't be written either, the first error is still the one to report.
    if not isinstance(error, WrittenMeanwhileError):
        with suppress(WarehouseError):
            record(warehouse, report)
    return report


def sentence(table: sa.Table, error: Exception) -> str:
    """Return the error that stopped a table, as a sentence that names the table."""
    text = (
        str(error)
        if isinstance(error, PlatformError)
        else f"can't be read: {str(error).splitlines()[0]}"
    )
    return text if _is_named(table.name, text) else f"{table.name}: {text}"


def _is_named(name: str, text: str) -> bool:
    """Return whether a sentence has a name as a word, and not only as a part of a path or of another word."""
    without_paths = re.sub(r"\S*/\S*", " ", text)
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", without_paths) is not None


def unproven(
    table: sa.Table, level: ProofLevel, problems: tuple[str, ...], sync_id: str | None = None
) -> ProofReport:
    """Return a proof that failed because the rows could not be read; `problems` has the reasons."""
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
    """Return the current time in UTC without a zone, which is how the logs store it."""
    return datetime.now(UTC).replace(tzinfo=None)
