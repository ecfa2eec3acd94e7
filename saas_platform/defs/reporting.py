"""Report to Dagster what happened outside of it, so that its marks of what is stale agree with `saas-platform run`.

The warehouse and the files decide what is stale. Dagster knows only the events of its own runs: not a sync on the
command line, and not a mart that somebody dropped. This sensor compares the two, and reports what Dagster lacks.
Out of scope: what is done about it (automation.py), and deciding what is stale (refresh/).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import dagster as dg

from saas_platform.defs.conventions import code_versions
from saas_platform.defs.lost_events import LostEvents
from saas_platform.defs.marks import (
    CODE_VERSION,
    STALE,
    Events,
    Part,
    corrections,
    marks,
    versions_of,
    withdrawals,
)
from saas_platform.defs.metadata import DATA_VERSION
from saas_platform.defs.names import AssetTables
from saas_platform.defs.partitions import PARTITIONED, key_of
from saas_platform.defs.raw import GROUP as RAW
from saas_platform.defs.unfinished import is_running
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.errors import PlatformError
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.refresh.products import above
from saas_platform.refresh.staleness import Staleness, listed
from saas_platform.schema.describing import counted
from saas_platform.warehouse.interface import Warehouse


def facts_sensor(tables: AssetTables, loaded: Mapping[str, str]) -> dg.SensorDefinition:
    """Return the sensor, which starts no run and is on unless somebody turns it off.

    Args:
        tables: the tables by asset name.
        loaded: the version of each asset's code as the definitions have it.
    """

    @dg.sensor(
        name="facts",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Compares what Dagster knows with the warehouse and the files, and reports what it missed: tables"
        " that were synced outside of it, and whatever `saas-platform run` would materialise. It starts no run.",
    )
    def facts(
        context: dg.SensorEvaluationContext,
        warehouse: WarehouseResource,
        bookkeeping: dg.ResourceParam[Bookkeeping],
    ) -> dg.SensorResult:
        before = {Part(*each) for each in json.loads(context.cursor or "[]")}
        try:
            # A run stores its events before it ends, so this is asked before they are read.
            waits = is_running(context.instance, bookkeeping.platform.home)
            inputs = bookkeeping.inputs()
            known = Events.of(context.instance, [*(f"{RAW}/{name}" for name in tables), *inputs])
            codes = code_versions(bookkeeping.platform, tables)
            synced = list(_synced(known, warehouse.open(), tables))
            events: list[dg.AssetMaterialization] = []
            stale = dict.fromkeys(before, "")
            if not waits:
                # What was just found to be synced has its newest event in this answer.
                just_synced = {Part(event.asset_key.to_user_string()): event for event in synced}
                found = bookkeeping.to_materialise()
                stale = _stale(bookkeeping, found, tables)
                by_month = _with_partitions(bookkeeping, tables)
                fresh = {*before, *_every(bookkeeping, tables)} - stale.keys() - just_synced.keys()
                compared = LostEvents(known, bookkeeping.builds(), codes, inputs)
                events += compared.find(fresh, just_synced)
                others = sorted(
                    fresh - {Part(event.asset_key.to_user_string()) for event in events}
                )
                events += withdrawals(known, others)
                unknown = {part: why for part, why in stale.items() if part not in just_synced}
                lacking = map(Part, above(codes.keys() - loaded.keys(), inputs))
                events += marks(known, unknown, {*_failed(bookkeeping, found), *lacking})
                reported = [*events, *synced]
                events += [*corrections(known, others, reported, by_month, inputs)]
                right = corrections(known, just_synced, reported, by_month, inputs)
                by_key = {event.asset_key: event for event in right}
                synced = [by_key.get(event.asset_key, event) for event in synced]
        except PlatformError as error:
            return dg.SensorResult(skip_reason=str(error))
        # They come last, because they must be the newest events of the table that has partitions.
        events += synced
        for event in events:
            context.log.info(f"{event.asset_key.to_user_string()}: {event.description}")
        if events:
            said = f"{counted(len(events), 'event')} reported: see the log of this tick."
        elif waits:
            said = "A run is in progress, after which this is looked at again."
        else:
            said = "Dagster knows of everything that is there."
        if changed := _changed_code(loaded, codes):
            said = f"{said.removesuffix('.')}, but {changed}"
        return dg.SensorResult(
            asset_events=events,
            skip_reason=said,
            # The marks of months, which could not be found again otherwise.
            cursor=json.dumps(sorted(part for part in stale if part.partition)),
        )

    return facts


def _synced(
    known: Events, warehouse: Warehouse, tables: AssetTables
) -> Iterator[dg.AssetMaterialization]:
    """Yield an event for each mirror whose newest sync Dagster does not know."""
    with warehouse.session():
        last = {
            name: (warehouse.last_sync(table), warehouse.last_proof(table))
            for name, table in tables.items()
        }
    for name, (sync, proof) in last.items():
        part = Part(f"{RAW}/{name}")
        newest = known.newest(part)
        versions = versions_of(newest)
        if sync is not None and newest and not versions[DATA_VERSION].endswith(sync.sync_id):
            rows = {"dagster/row_count": proof.rows_mirror} if proof else {}
            yield dg.AssetMaterialization(
                asset_key=part.key,
                description="It was synced outside of Dagster.",
                metadata={
                    **rows,
                    "rows_written": sync.rows_written,
                    "rows_deleted": sync.rows_deleted,
                },
                tags={
                    **versions,
                    DATA_VERSION: sync.sync_id,
                    CODE_VERSION: versions[CODE_VERSION].removeprefix(STALE),
                },
            )


def _stale(bookkeeping: Bookkeeping, found: Staleness, tables: AssetTables) -> dict[Part, str]:
    """Return what `run` would materialise, which is `found`, each with the words that say why.

    Dagster sees only some of it by itself: it knows neither the source, nor what was dropped, nor the clock, and an
    asset above a stale one is not stale for it.
    """
    why = f"must be materialised again, {'; '.join(found.reasons)}"
    stale: dict[Part, str] = {}
    for month in found.months:
        for layer in ("synthetic", "source"):
            stale |= {Part(f"{layer}/{name}", key_of(month)): why for name in tables}
    changed = {
        name: table for name, table in tables.items() if found.months or table.name in found.changed
    }
    stale |= dict.fromkeys(_mirrors(bookkeeping, changed), why)
    for product in bookkeeping.products():
        cause = found.causes.get(product)
        if cause or (changed and product.partition("/")[0] in found.groups):
            stale[Part(product)] = cause.words if cause else why
    return stale


def _changed_code(loaded: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return a sentence on the assets whose code is not the one that the definitions have; empty if there are none."""
    changed = sorted(name for name in loaded.keys() & now.keys() if loaded[name] != now[name])
    new, removed = sorted(now.keys() - loaded.keys()), sorted(loaded.keys() - now.keys())
    words = [
        *([f"the code of {listed(changed)} has changed"] if changed else []),
        *([f"{listed(new)} came"] if new else []),
        *([f"{listed(removed)} went"] if removed else []),
    ]
    if not words:
        return ""
    return (
        f'{", and ".join(words)} after the definitions were loaded. Until you press "Reload definitions" on the page'
        " Deployment, Dagster does not know what is new, and it shows what is built with other code as stale (new code"
        " version)."
    )


def _failed(bookkeeping: Bookkeeping, found: Staleness) -> set[Part]:
    """Return the products that failed, and would fail again."""
    causes = bookkeeping.stale() if found.months else found.causes
    return {Part(name) for name, cause in causes.items() if cause.kind == "failed"}


def _every(bookkeeping: Bookkeeping, tables: AssetTables) -> Iterator[Part]:
    """Yield every mirror and product."""
    yield from _mirrors(bookkeeping, tables)
    yield from map(Part, bookkeeping.products())


def _mirrors(bookkeeping: Bookkeeping, tables: AssetTables) -> Iterator[Part]:
    """Yield the mirrors of these tables, as `run` materialises them: the partitioned one by its last month."""
    last = key_of(bookkeeping.platform.settings.last_month)
    by_month = _with_partitions(bookkeeping, tables)
    for name in tables:
        mirror = f"{RAW}/{name}"
        yield Part(mirror, last if mirror in by_month else "")


def _with_partitions(bookkeeping: Bookkeeping, tables: AssetTables) -> set[str]:
    """Return the names of the assets with a partition for each month."""
    if not bookkeeping.platform.is_company:
        return set()
    written = {f"{layer}/{name}" for layer in ("synthetic", "source") for name in tables}
    return {*written, f"{RAW}/{PARTITIONED}"}
