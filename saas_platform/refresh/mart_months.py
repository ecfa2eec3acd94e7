"""Find which months of the marts must be rebuilt: the first touched month of each raw table.

Contains: what the marts were built from, and the touched months, which follow from the log of syncs and from
two views of the marts. Out of scope: which dbt model reads which table (each model declares it), and
the build itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from saas_platform.clock import Month
from saas_platform.platform import Platform
from saas_platform.refresh.builds import Build, forget_builds, last_builds, record_builds
from saas_platform.schema import TABLES
from saas_platform.schema.slices import slicing_of
from saas_platform.warehouse.interface import MARTS, RAW, SYNC_ID, Warehouse, WarehouseError
from saas_platform.warehouse.logs import SYNC_LOG, SyncEntry

#: First day of a month, as ISO text.
Day = str
#: For each table, the months of entry whose rows take effect earlier, with the first month of effect.
Backdated = dict[str, dict[Day, Day]]


@dataclass(frozen=True)
class Inputs:
    """What the marts are built from."""

    as_of: datetime
    #: The calendar of the marts begins with its month.
    first_signup: datetime | None
    #: When the newest sync of each table finished.
    synced: dict[str, datetime]
    backdated: Backdated


@dataclass(frozen=True)
class Rebuild:
    """The first touched month of each touched table, or None for a full refresh, and the reason."""

    months: Mapping[str, Day] | None
    reason: str
    inputs: Inputs


_INPUTS = TypeAdapter(Inputs)
#: The name of the record of what all marts were last built from, among the records of the products.
_ALL_MARTS = "marts"

#: The queries that find the touched months, in addition to those of the logs.
READS = {
    "first signup": f"SELECT MIN(signed_up_at) AS first FROM {RAW}.accounts",
    "backdated rows": "SELECT table_name, created_month, first_effect_month"
    f" FROM {MARTS}.int_backdated_rows",
    "drift of subscriptions": "SELECT MIN(first_effect_month) AS first"
    f" FROM {MARTS}.int_subscription_drift",
}


def rebuild(platform: Platform, unknown: Mapping[str, str] | None = None) -> Rebuild:
    """Return what must be rebuilt now.

    Call this before the build reads anything, so that a later sync counts as touched in the next build.

    Args:
        platform: the platform.
        unknown: the marts of which nothing is known: missing, changed by hand, or of other code, each with the
            words that say so. They, and all that is built from them, need every month.

    Raises:
        WarehouseError: a raw table is missing.
    """
    with platform.warehouse.session():
        now = _inputs(platform)
        for mart, words in (unknown or {}).items():
            return Rebuild(None, f"{mart} {words}", now)
        before = _built_from(platform.warehouse)
        try:
            months = _touched(platform.warehouse, before, now)
        except _FullRefresh as reason:
            return Rebuild(None, str(reason), now)
    touched = ", ".join(f"{table} from {day[:7]}" for table, day in sorted(months.items()))
    return Rebuild(months, f"touched: {touched}", now)


def record_marts(platform: Platform, built: Rebuild) -> None:
    """Record what all marts have been built from. Call this after they are complete."""
    with platform.warehouse.session():
        found = Inputs(**{**vars(built.inputs), "backdated": _backdated(platform.warehouse)})
        inputs = _INPUTS.dump_python(found, mode="json")
        record_builds(platform.warehouse, [Build.now(_ALL_MARTS, "", inputs, "", "")])


def forget_marts(platform: Platform) -> None:
    """Forget what the marts were built from, so that the next build is a full refresh unless this one completes.

    Call this before a full refresh. If it ended halfway, nobody could say which months of the other marts are old.
    """
    forget_builds(platform.warehouse, {_ALL_MARTS: "are not complete"})


class _FullRefresh(Exception):  # noqa: N818
    """The months that a change affects are unknown, so a full refresh is needed. The text is the reason."""


def _inputs(platform: Platform) -> Inputs:
    warehouse = platform.warehouse
    missing = [name for name in TABLES if not warehouse.table_exists(RAW, name)]
    if missing:
        lacks = "is empty" if len(missing) == len(TABLES) else f"lacks {', '.join(missing)}"
        raise WarehouseError(
            f"The marts are built from {RAW}, which {lacks}: run `saas-platform run`, which syncs the tables first."
        )
    log = warehouse.query(
        f"SELECT table_name, MAX(finished_at) AS finished_at FROM {RAW}.{SYNC_LOG.name} GROUP BY table_name"
    )
    first = warehouse.query(READS["first signup"])
    return Inputs(
        as_of=platform.as_of,
        first_signup=first.to_pylist()[0]["first"],
        synced={row["table_name"]: row["finished_at"] for row in log.to_pylist()},
        backdated={},
    )


def _built_from(warehouse: Warehouse) -> Inputs | None:
    last = last_builds(warehouse).get(_ALL_MARTS)
    return None if last is None or last.forgotten else _INPUTS.validate_json(last.inputs)


def _touched(warehouse: Warehouse, before: Inputs | None, now: Inputs) -> dict[str, Day]:
    """Return the first touched month of each table and of the clock. Raises _FullRefresh."""
    if before is None:
        raise _FullRefresh("there is no earlier build")
    if now.as_of < before.as_of:
        raise _FullRefresh(f"as_of went back from {before.as_of} to {now.as_of}")
    if _month(now.first_signup) != _month(before.first_signup):
        raise _FullRefresh("the month of the first signup has changed")
    touched = {"as_of": _day(Month.of(before.as_of))}
    syncs = _syncs_since(warehouse, before.synced)
    backdated = [before.backdated, _backdated(warehouse)] if syncs else []
    for name, entries in syncs.items():
        if any(entry.mode == "full" for entry in entries):
            raise _FullRefresh(f"{name} was fully reloaded")
        if name == "subscriptions":
            first = _drift(warehouse)
        elif slicing_of(TABLES[name]) is None:
            _require_additions(warehouse, name, entries, before.as_of)
            first = None
        else:
            days = {f"{slice_id[:7]}-01" for entry in entries for slice_id in entry.slices}
            reached = (found.get(name, {}).get(day) for found in backdated for day in days)
            first = min([*days, *(day for day in reached if day is not None)], default=None)
        if first is not None:
            touched[name] = first
    return touched


def _syncs_since(
    warehouse: Warehouse, synced: Mapping[str, datetime]
) -> dict[str, list[SyncEntry]]:
    """Return, by table, the syncs that finished after the given ones."""
    syncs: dict[str, list[SyncEntry]] = {}
    for entry in warehouse.syncs_after(min(synced.values())):
        if entry.table_name in TABLES and entry.finished_at > synced.get(
            entry.table_name, datetime.min
        ):
            syncs.setdefault(entry.table_name, []).append(entry)
    return syncs


def _require_additions(
    warehouse: Warehouse, table: str, entries: Iterable[SyncEntry], as_of: datetime
) -> None:
    """Check that an unsliced table has only new rows.

    A newly inserted row can only be referenced by rows loaded with it, so no older month changes. Raises
    _FullRefresh if an older row may have changed.
    """
    if any(entry.rows_deleted for entry in entries):
        raise _FullRefresh(f"rows of {table} were deleted")
    ids = ", ".join(f"'{entry.sync_id}'" for entry in entries)
    found = warehouse.query(
        f"SELECT MIN(created_at) AS oldest FROM {RAW}.{table} WHERE {SYNC_ID} IN ({ids})"
    )
    oldest = found.to_pylist()[0]["oldest"]
    if oldest is not None and oldest < as_of:
        raise _FullRefresh(f"{table} has changed")


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


def _month(timestamp: datetime | None) -> Month | None:
    return None if timestamp is None else Month.of(timestamp)


def _day(month: Month) -> Day:
    return month.start.date().isoformat()
