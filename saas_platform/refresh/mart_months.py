"""What of the marts must be built again: the month from which each table of raw has been touched.

Holds: what the marts were built from, and the months that follow from it, from the
log of syncs and from what the models tell of themselves. Does not hold: which model is built from which
table (the models say so), or building.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from saas_platform.clock import Month
from saas_platform.platform import Platform
from saas_platform.refresh.builds import last_builds, record_build
from saas_platform.refresh.layers import code_digest
from saas_platform.schema import TABLES
from saas_platform.schema.slices import slice_of
from saas_platform.warehouse.interface import MARTS, RAW, SYNC_ID, Warehouse
from saas_platform.warehouse.logs import SYNC_LOG, SyncEntry

#: First day of a month, as ISO text.
Day = str
#: For each table the months of entry whose rows take effect earlier, and when the first one does.
Backdated = dict[str, dict[Day, Day]]


@dataclass(frozen=True)
class Inputs:
    """What the marts are built from."""

    code: str
    as_of: datetime
    #: The calendar begins with it.
    first_signup: datetime | None
    #: When the newest sync of each table was finished.
    synced: dict[str, datetime]
    backdated: Backdated


@dataclass(frozen=True)
class Rebuild:
    """The first touched month of each table that is; None: everything is built anew, and why."""

    months: Mapping[str, Day] | None
    reason: str
    inputs: Inputs


_INPUTS = TypeAdapter(Inputs)

#: What is read of raw and of the models to find the months; beside the logs.
READS = {
    "first signup": f"SELECT MIN(signed_up_at) AS first FROM {RAW}.accounts",
    "backdated rows": "SELECT table_name, created_month, first_effect_month"
    f" FROM {MARTS}.int_backdated_rows",
    "drift of subscriptions": "SELECT MIN(first_effect_month) AS first"
    f" FROM {MARTS}.int_subscription_drift",
}


def rebuild(platform: Platform) -> Rebuild:
    """What to build again now, as of a moment before anything is read for it."""
    with platform.warehouse.session():
        now = _inputs(platform)
        before = _built_from(platform.warehouse)
        try:
            months = _touched(platform.warehouse, before, now)
        except _All as everything:
            return Rebuild(None, str(everything), now)
    said = ", ".join(f"{table} from {day[:7]}" for table, day in sorted(months.items()))
    return Rebuild(months, f"touched: {said}", now)


def record_marts(platform: Platform, built: Rebuild, fingerprint: str) -> None:
    """Record what all marts have been built from; call it once they are complete."""
    with platform.warehouse.session():
        found = Inputs(**{**vars(built.inputs), "backdated": _backdated(platform.warehouse)})
        record_build(platform.warehouse, "marts", fingerprint, _INPUTS.dump_json(found).decode())


class _All(Exception):  # noqa: N818
    """Nothing is known of where a change ends, so everything is built anew; the text says why."""


def _inputs(platform: Platform) -> Inputs:
    warehouse = platform.warehouse
    log = warehouse.query(
        f"SELECT table_name, MAX(finished_at) AS finished_at FROM {RAW}.{SYNC_LOG.name} GROUP BY table_name"
    )
    first = warehouse.query(READS["first signup"])
    return Inputs(
        code=code_digest("marts"),
        as_of=platform.as_of,
        first_signup=first.to_pylist()[0]["first"],
        synced={row["table_name"]: row["finished_at"] for row in log.to_pylist()},
        backdated={},
    )


def _built_from(warehouse: Warehouse) -> Inputs | None:
    last = last_builds(warehouse).get("marts")
    return None if last is None or last.inputs is None else _INPUTS.validate_json(last.inputs)


def _touched(warehouse: Warehouse, before: Inputs | None, now: Inputs) -> dict[str, Day]:
    """The first touched month of each table, and of the clock. Raises _All."""
    if before is None:
        raise _All("nothing was built yet")
    if before.code != now.code:
        raise _All("the models have changed")
    if now.as_of < before.as_of:
        raise _All(f"as_of went back from {before.as_of} to {now.as_of}")
    if _month(now.first_signup) != _month(before.first_signup):
        raise _All("the first month has changed")
    touched = {"as_of": _day(Month.of(before.as_of))}
    news = _news(warehouse, before.synced)
    backdated = [before.backdated, _backdated(warehouse)] if news else []
    for name, entries in news.items():
        if any(entry.mode == "full" for entry in entries):
            raise _All(f"{name} was loaded anew")
        if name == "subscriptions":
            first = _drift(warehouse)
        elif slice_of(TABLES[name]) is None:
            _must_be_additions(warehouse, name, entries, before.as_of)
            first = None
        else:
            days = {f"{slice_id[:7]}-01" for entry in entries for slice_id in entry.slices}
            reached = (found.get(name, {}).get(day) for found in backdated for day in days)
            first = min([*days, *(day for day in reached if day is not None)], default=None)
        if first is not None:
            touched[name] = first
    return touched


def _news(warehouse: Warehouse, synced: Mapping[str, datetime]) -> dict[str, list[SyncEntry]]:
    """What was synced since, by table."""
    news: dict[str, list[SyncEntry]] = {}
    for entry in warehouse.syncs_after(min(synced.values())):
        if entry.table_name in TABLES and entry.finished_at > synced.get(
            entry.table_name, datetime.min
        ):
            news.setdefault(entry.table_name, []).append(entry)
    return news


def _must_be_additions(
    warehouse: Warehouse, table: str, entries: Iterable[SyncEntry], as_of: datetime
) -> None:
    """A table of one slice: a row that is new has no followers but those that came with it.

    Raises _All where one that was there may have changed.
    """
    if any(entry.rows_deleted for entry in entries):
        raise _All(f"rows of {table} were deleted")
    ids = ", ".join(f"'{entry.sync_id}'" for entry in entries)
    found = warehouse.query(
        f"SELECT MIN(created_at) AS oldest FROM {RAW}.{table} WHERE {SYNC_ID} IN ({ids})"
    )
    oldest = found.to_pylist()[0]["oldest"]
    if oldest is not None and oldest < as_of:
        raise _All(f"{table} has changed")


def _backdated(warehouse: Warehouse) -> Backdated:
    rows = warehouse.query(READS["backdated rows"])
    found: Backdated = {}
    for row in rows.to_pylist():
        found.setdefault(row["table_name"], {})[str(row["created_month"])] = str(
            row["first_effect_month"]
        )
    return found


def _drift(warehouse: Warehouse) -> Day | None:
    rows = warehouse.query(READS["drift of subscriptions"])
    first: Any = rows.to_pylist()[0]["first"]
    return None if first is None else str(first)


def _month(moment: datetime | None) -> Month | None:
    return None if moment is None else Month.of(moment)


def _day(month: Month) -> Day:
    return month.start.date().isoformat()
