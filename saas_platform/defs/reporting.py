"""Report to Dagster what happened outside of it, so that its marks of what is stale agree with `saas-platform run`.

The warehouse and the files decide what is stale. Dagster knows only the events of its own runs: not a sync on the
command line, and not a mart that somebody dropped. This sensor compares the two, and reports what Dagster lacks.
Out of scope: what is done about it (automation.py), and deciding what is stale (refresh/).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from saas_platform.defs.metadata import DATA_VERSION
from saas_platform.defs.names import AssetTables
from saas_platform.defs.partitions import key_of
from saas_platform.defs.raw import GROUP as RAW
from saas_platform.defs.raw import PARTITIONED
from saas_platform.defs.resources import WarehouseResource
from saas_platform.errors import PlatformError
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.warehouse.interface import Warehouse

#: The tag of an event with the version of the code that made what was materialised.
CODE_VERSION = "dagster/code_version"
#: Begins the version of what is stale. No code makes it, so that Dagster shows the asset as stale.
STALE = "stale after "
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


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
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            events = [
                *_synced(context.instance, warehouse.open(), tables),
                *_stale(context.instance, bookkeeping, tables),
            ]
        except PlatformError as error:
            return dg.SkipReason(str(error))
        if not events:
            return dg.SkipReason("Dagster knows of everything that is there.")
        for event in events:
            context.log.info(f"{event.asset_key.to_user_string()}: {event.description}")
        return dg.SensorResult(asset_events=events)

    return facts


def is_running(instance: dg.DagsterInstance) -> bool:
    """Return whether a run is in progress, or about to start."""
    return bool(instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED), limit=1))


def report_stale(instance: dg.DagsterInstance, product: str, words: str) -> None:
    """Report that a product is stale, although it was just materialised. `words` say why, after its name."""
    for event in _marks(instance, product.split("/"), words):
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
        key = dg.AssetKey([RAW, name])
        newest = _newest(instance, key)
        known = _versions(newest)
        if sync is not None and newest and not known[DATA_VERSION].endswith(sync.sync_id):
            rows = {"dagster/row_count": proof.rows_mirror} if proof else {}
            yield dg.AssetMaterialization(
                asset_key=key,
                description="It was synced outside of Dagster.",
                metadata={
                    **rows,
                    "rows_written": sync.rows_written,
                    "rows_deleted": sync.rows_deleted,
                },
                tags={**known, DATA_VERSION: sync.sync_id},
            )


def _stale(
    instance: dg.DagsterInstance, bookkeeping: Bookkeeping, tables: AssetTables
) -> Iterator[dg.AssetMaterialization]:
    """Yield an event for each asset that `run` would materialise and that Dagster takes for fresh.

    Dagster sees only some of them by itself: it knows neither the source, nor what was dropped, nor the clock, and an
    asset above a stale one is not stale for it. A run in progress makes assets stale and ends by building them.
    """
    if is_running(instance):
        return
    found = bookkeeping.to_materialise()
    why = "is stale: " + "; ".join(found.reasons)
    if found.months:
        parts = [key_of(month) for month in found.months]
        for name in tables:
            yield from _marks(instance, ["synthetic", name], why, parts)
            yield from _marks(instance, ["source", name], why, parts)
    below = (
        [*tables]
        if found.months
        else [name for name, table in tables.items() if table.name in found.changed]
    )
    for name in below:
        part = [key_of(bookkeeping.platform.settings.last_month)] if name == PARTITIONED else None
        yield from _marks(instance, [RAW, name], why, part)
    for product in bookkeeping.products():
        cause = found.causes.get(product)
        if cause or (below and product.partition("/")[0] in found.groups):
            yield from _marks(instance, product.split("/"), cause.words if cause else why)


def _marks(
    instance: dg.DagsterInstance,
    path: Sequence[str],
    words: str,
    parts: Sequence[str] | None = None,
) -> Iterator[dg.AssetMaterialization]:
    """Yield the event by which an asset is stale for Dagster, unless it is so already, for each of the partitions."""
    key = dg.AssetKey(path)
    wanted: Sequence[str | None] = parts or [None]
    for part in wanted:
        newest = _newest(instance, key, part)
        known = _versions(newest)
        if newest and not known[DATA_VERSION].startswith(STALE):
            version = f"{STALE}{known[DATA_VERSION]}"
            yield dg.AssetMaterialization(
                asset_key=key,
                partition=part,
                description=f"It {words}.",
                # The UI shows the newest event's, and they still are those of what was built.
                metadata=newest.metadata,
                tags={**known, DATA_VERSION: version, CODE_VERSION: STALE},
            )


def _newest(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None = None
) -> dg.AssetMaterialization | None:
    """Return the newest materialisation of an asset, or of one of its partitions."""
    wanted = dg.AssetRecordsFilter(key, asset_partitions=[partition] if partition else None)
    found = instance.fetch_materializations(wanted, limit=1).records
    return found[0].asset_materialization if found else None


def _versions(event: dg.AssetMaterialization | None) -> dict[str, str]:
    """Return what an event says of the versions of an asset and of its inputs."""
    tags = (event.tags if event else None) or {}
    found = {name: value for name, value in tags.items() if name.startswith("dagster/")}
    return {DATA_VERSION: "", **found}
