"""Find out which mirrors are stale from the source and the warehouse themselves, never from an orchestrator's log.

Contains: the reasons why a mirror is stale. Out of scope: acting on them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import sqlalchemy as sa

from saas_platform.schema import version_of
from saas_platform.source.interface import Source, SourceSnapshot
from saas_platform.sync.declaration import declared_otherwise
from saas_platform.sync.drift import check_table, mirror_faults
from saas_platform.sync.mirror_forms import form_of
from saas_platform.sync.proof_log import sentence
from saas_platform.sync.report import TableProbe
from saas_platform.sync.undisturbed import each_table
from saas_platform.warehouse.interface import Warehouse
from saas_platform.warehouse.logs import SyncEntry

NEVER_SYNCED = "never synced"
MIRROR_CHANGED = "mirror is missing or has other columns"
DEFINITION_CHANGED = "its declaration in tables.yaml has changed since the last sync"
SALT_OR_DEFINITION_CHANGED = (
    "its declaration in tables.yaml, or SAAS_HASH_SALT, has changed since the last sync"
)
IDENTITY_CHANGED = "source identity changed"
BEHIND_WATERMARK = "source is behind the watermark"
ROWS_CHANGED = "rows changed"
COUNTS_DIFFER = "row counts differ"
#: The sync was killed between its commit and its proof, or the source's table was not as declared.
UNPROVEN = "last sync was not proven"
#: A sensor must not start a run for this reason: it always holds, so the runs would never end.
NO_ROW_VERSION = "no row version, so only digests can find changes"


def reason_for_full(
    snapshot: SourceSnapshot, warehouse: Warehouse, table: sa.Table, last: SyncEntry | None
) -> str | None:
    """Return why the row versions above the watermark do not suffice for a sync; None if they do."""
    if last is None:
        return NEVER_SYNCED
    if mirror_faults(warehouse, table):
        return MIRROR_CHANGED
    if declared_otherwise(snapshot, table, last):
        is_hashed = any(form_of(column) == "hash" for column in table.columns)
        return SALT_OR_DEFINITION_CHANGED if is_hashed else DEFINITION_CHANGED
    if version_of(table) is None:
        return None
    if last.source_identity != snapshot.identity:
        return IDENTITY_CHANGED
    if snapshot.high_watermark(table) < last.watermark:
        return BEHIND_WATERMARK
    return None


def unseen_since(warehouse: Warehouse, table: sa.Table) -> bool:
    """Return whether the newest proof could not read the rows.

    Since the last proof that read them, rows may have changed without a new row version.
    """
    proof = warehouse.last_proof(table)
    return proof is not None and proof.blind


def check_tables(
    source: Source, warehouse: Warehouse, tables: Iterable[sa.Table]
) -> dict[str, str]:
    """Return the error of each table whose sync would stop, by the table's name. Reads no rows."""

    def checked(snapshot: SourceSnapshot, table: sa.Table) -> tuple[str, str | None]:
        check_table(snapshot, warehouse, table)
        # A login may be able to see a table that it may not read.
        snapshot.rows(table, slices=[]).read_all()
        return table.name, None

    found = each_table(
        source, tables, checked, lambda table, error: (table.name, sentence(table, error))
    )
    return {name: fault for name, fault in found if fault is not None}


def drift_warnings(
    source: Source, warehouse: Warehouse, tables: Iterable[sa.Table]
) -> tuple[str, ...]:
    """Return the warnings that the sync of each table would give, except for tables whose sync would stop."""
    found = each_table(
        source,
        tables,
        lambda snapshot, table: check_table(snapshot, warehouse, table, propose=True),
        lambda _table, _error: (),  # `check_tables` reports it
    )
    return tuple(itertools.chain.from_iterable(found))


def probe(source: Source, warehouse: Warehouse, tables: Iterable[sa.Table]) -> list[TableProbe]:
    """Return whether each table's mirror is behind its source, and why. Reads no rows.

    A table that can't be examined is stale, with the error as the reason, so that its sync reports the error.

    Raises WarehouseUnusableError if no table can be examined.
    """
    with warehouse.session():
        return each_table(
            source,
            tables,
            lambda snapshot, table: _probe(snapshot, warehouse, table),
            lambda table, error: TableProbe(table.name, sentence(table, error)),
        )


def _probe(snapshot: SourceSnapshot, warehouse: Warehouse, table: sa.Table) -> TableProbe:
    last = warehouse.last_sync(table)
    watermark = None if last is None else last.watermark
    check_table(snapshot, warehouse, table)
    reason = reason_for_full(snapshot, warehouse, table, last)
    version = snapshot.highest_version(table)
    if reason is not None or last is None:
        return TableProbe(table.name, reason, watermark, version)
    source_counts, mirror_counts = snapshot.slice_counts(table), warehouse.slice_counts(table)
    if version_of(table) is not None and version > last.watermark:
        reason = ROWS_CHANGED
    elif source_counts != mirror_counts:
        reason = COUNTS_DIFFER
    elif version_of(table) is not None and (
        warehouse.unproven_syncs(table) or unseen_since(warehouse, table)
    ):
        reason = UNPROVEN
    elif version_of(table) is None:
        reason = NO_ROW_VERSION
    return TableProbe(
        table.name,
        reason,
        watermark,
        version,
        sum(source_counts.values()),
        sum(mirror_counts.values()),
    )
