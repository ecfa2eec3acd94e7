"""Make new entries of the sync log, with their ids and timestamps.

Out of scope: what a sync did; the warehouse fills that in when it commits.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from saas_platform.source.interface import SourceSnapshot
from saas_platform.warehouse.logs import Mode, SyncEntry


def new_sync_id() -> str:
    """Return a new id that is readable, sorts by time, and is never the same twice."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def new_entry(
    snapshot: SourceSnapshot, table: sa.Table, mode: Mode, sync_id: str, last: SyncEntry | None
) -> SyncEntry:
    """Return the entry of a sync that begins now and covers every change up to the snapshot's high watermark.

    Args:
        snapshot: the snapshot of the source.
        table: the table to sync.
        mode: how the table is synced.
        sync_id: the id for the entry.
        last: the table's newest entry; None if there is none.
    """
    started = datetime.now(UTC).replace(tzinfo=None)
    if last is not None:
        # The newest entry is found by its timestamps, so they must not go back when the machine's clock does.
        started = max(started, last.finished_at + timedelta(microseconds=1))
    return SyncEntry(
        sync_id=sync_id,
        table_name=table.name,
        mode=mode,
        source_identity=snapshot.identity,
        watermark=snapshot.high_watermark(table),
        started_at=started,
        finished_at=started,
        mirror_schema=table.info.get("target_schema"),
        definition=snapshot.definition(table),
    )
