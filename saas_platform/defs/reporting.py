"""Report to Dagster what happened outside of it, so that its marks of what is stale agree with `saas-platform run`.

The warehouse and the files decide what is stale. Dagster knows only the events of its own runs: not a sync on the
command line, and not a mart that somebody dropped. This sensor compares the two, and reports what Dagster lacks.
Out of scope: what is done about it (automation.py), and deciding what is stale (refresh/).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import dagster as dg

from saas_platform.defs.metadata import DATA_VERSION
from saas_platform.defs.names import AssetTables
from saas_platform.defs.partitions import key_of
from saas_platform.defs.raw import GROUP as RAW
from saas_platform.defs.raw import PARTITIONED
from saas_platform.defs.resources import WarehouseResource
from saas_platform.defs.unfinished import is_running
from saas_platform.errors import PlatformError
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.warehouse.interface import Warehouse

#: The tag of an event with the version of the code that made what was materialised.
CODE_VERSION = "dagster/code_version"
#: Begins the version of what is stale. No code makes it, so that Dagster shows the asset as stale.
STALE = "stale after "
_OWN = (DATA_VERSION, CODE_VERSION)


class _Part(NamedTuple):
    """An asset, or one of its partitions."""

    asset: str
    partition: str = ""

    @property
    def key(self) -> dg.AssetKey:
        return dg.AssetKey(self.asset.split("/"))


def facts_sensor(tables: AssetTables) -> dg.SensorDefinition:
    """Return the sensor, which starts no run and is on unless somebody turns it off."""

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
        before = {_Part(*each) for each in json.loads(context.cursor or "[]")}
        try:
            events = list(_synced(context.instance, warehouse.open(), tables))
            stale = dict.fromkeys(before, "")
            if not is_running(context.instance, bookkeeping.platform.home):
                # What was just found to be synced has its newest event in this answer.
                synced = {event.asset_key for event in events}
                stale = _stale(bookkeeping, tables)
                fresh = {*before, *_every(bookkeeping, tables)} - stale.keys()
                events += _withdrawals(
                    context.instance, [part for part in fresh if part.key not in synced]
                )
                events += _marks(
                    context.instance,
                    {part: why for part, why in stale.items() if part.key not in synced},
                )
        except PlatformError as error:
            return dg.SensorResult(skip_reason=str(error))
        for event in events:
            context.log.info(f"{event.asset_key.to_user_string()}: {event.description}")
        return dg.SensorResult(
            asset_events=events,
            skip_reason=None if events else "Dagster knows of everything that is there.",
            # The marks of months, which could not be found again otherwise.
            cursor=json.dumps(sorted(part for part in stale if part.partition)),
        )

    return facts


def report_stale(instance: dg.DagsterInstance, product: str, words: str) -> None:
    """Report that a product is stale, although it was just materialised. `words` say why, after its name."""
    for event in _marks(instance, {_Part(product): words}):
        instance.report_runless_asset_event(event)


def _synced(
    instance: dg.DagsterInstance, warehouse: Warehouse, tables: AssetTables
) -> Iterator[dg.AssetMaterialization]:
    """Yield an event for each mirror whose newest sync Dagster does not know."""
    with warehouse.session():
        last = {
            name: (warehouse.last_sync(table), warehouse.last_proof(table))
            for name, table in tables.items()
        }
    for name, (sync, proof) in last.items():
        part = _Part(f"{RAW}/{name}")
        newest = _newest(instance, part)
        known = _versions(newest)
        if sync is not None and newest and not known[DATA_VERSION].endswith(sync.sync_id):
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
                    **known,
                    DATA_VERSION: sync.sync_id,
                    CODE_VERSION: known[CODE_VERSION].removeprefix(STALE),
                },
            )


def _stale(bookkeeping: Bookkeeping, tables: AssetTables) -> dict[_Part, str]:
    """Return what `run` would materialise, each with the words that say why.

    Dagster sees only some of it by itself: it knows neither the source, nor what was dropped, nor the clock, and an
    asset above a stale one is not stale for it.
    """
    found = bookkeeping.to_materialise()
    why = "is stale: " + "; ".join(found.reasons)
    stale: dict[_Part, str] = {}
    for month in found.months:
        for layer in ("synthetic", "source"):
            stale |= {_Part(f"{layer}/{name}", key_of(month)): why for name in tables}
    changed = {
        name: table for name, table in tables.items() if found.months or table.name in found.changed
    }
    stale |= dict.fromkeys(_mirrors(bookkeeping, changed), why)
    for product in bookkeeping.products():
        cause = found.causes.get(product)
        if cause or (changed and product.partition("/")[0] in found.groups):
            stale[_Part(product)] = cause.words if cause else why
    return stale


def _every(bookkeeping: Bookkeeping, tables: AssetTables) -> Iterator[_Part]:
    """Yield every mirror and product."""
    yield from _mirrors(bookkeeping, tables)
    yield from map(_Part, bookkeeping.products())


def _mirrors(bookkeeping: Bookkeeping, tables: AssetTables) -> Iterator[_Part]:
    """Yield the mirrors of these tables, as `run` materialises them: the partitioned one by its last month."""
    last = key_of(bookkeeping.platform.settings.last_month)
    for name in tables:
        yield _Part(f"{RAW}/{name}", last if name == PARTITIONED else "")


def _marks(
    instance: dg.DagsterInstance, stale: Mapping[_Part, str]
) -> Iterator[dg.AssetMaterialization]:
    """Yield the event by which an asset is stale for Dagster, for each that Dagster knows and takes for fresh."""
    for part, words in stale.items():
        newest = _newest(instance, part)
        known = _versions(newest)
        if newest and not known[DATA_VERSION].startswith(STALE):
            yield _event(
                part, newest, f"It {words}.", {name: f"{STALE}{known[name]}" for name in _OWN}
            )


def _withdrawals(
    instance: dg.DagsterInstance, fresh: Iterable[_Part]
) -> Iterator[dg.AssetMaterialization]:
    """Yield the event that takes back the mark of an asset that is no longer stale, although nothing was built.

    Somebody has undone what made it stale, or built it with the same content.
    """
    for part in fresh:
        newest = _newest(instance, part)
        known = _versions(newest)
        if newest and known[DATA_VERSION].startswith(STALE):
            versions = {name: known[name].removeprefix(STALE) for name in _OWN}
            yield _event(part, newest, "It is no longer stale.", versions)


def _event(
    part: _Part,
    newest: dg.AssetMaterialization,
    description: str,
    versions: Mapping[str, str],
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=part.key,
        partition=part.partition or None,
        description=description,
        # The UI shows the newest event's, and they still are those of what was built.
        metadata=newest.metadata,
        tags={**_versions(newest), **versions},
    )


def _newest(instance: dg.DagsterInstance, part: _Part) -> dg.AssetMaterialization | None:
    """Return the newest materialisation of an asset, or of one of its partitions."""
    partitions = [part.partition] if part.partition else None
    wanted = dg.AssetRecordsFilter(part.key, asset_partitions=partitions)
    found = instance.fetch_materializations(wanted, limit=1).records
    return found[0].asset_materialization if found else None


def _versions(event: dg.AssetMaterialization | None) -> dict[str, str]:
    """Return what an event says of the versions of an asset and of its inputs."""
    tags = (event.tags if event else None) or {}
    found = {name: value for name, value in tags.items() if name.startswith("dagster/")}
    return {**dict.fromkeys(_OWN, ""), **found}
