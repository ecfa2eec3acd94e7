"""Report to Dagster what happened outside of it, so that its marks of what is stale agree with `saas-platform run`.

The warehouse and the files decide what is stale. Dagster knows only the events of its own runs: not a sync on the
command line, and not a mart that somebody dropped. This sensor compares the two, and reports what Dagster lacks.
Out of scope: what is done about it (automation.py), and deciding what is stale (refresh/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import dagster as dg

from saas_platform.defs.metadata import DATA_VERSION
from saas_platform.defs.names import AssetTables
from saas_platform.defs.resources import WarehouseResource
from saas_platform.errors import PlatformError
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.warehouse.interface import Warehouse

#: The tag of an event with the version of the code that made what was materialised.
CODE_VERSION = "dagster/code_version"
#: The version of what is no longer what was built. No code makes it, so that Dagster shows the asset as stale.
GONE = "gone"
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
        " that were synced outside of it, and marts, models and pages that are stale. It starts no run.",
    )
    def facts(
        context: dg.SensorEvaluationContext,
        warehouse: WarehouseResource,
        bookkeeping: dg.ResourceParam[Bookkeeping],
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            events = [
                *_synced(context.instance, warehouse.open(), tables),
                *_stale(context.instance, bookkeeping),
            ]
        except PlatformError as error:
            return dg.SkipReason(str(error))
        if not events:
            return dg.SkipReason("Dagster knows of everything that is there.")
        for event in events:
            context.log.info(f"{event.asset_key.to_user_string()}: {event.description}")
        return dg.SensorResult(asset_events=events)

    return facts


def _synced(
    instance: dg.DagsterInstance, warehouse: Warehouse, tables: AssetTables
) -> Iterator[dg.AssetMaterialization]:
    """Yield an event for each mirror whose newest sync Dagster does not know."""
    with warehouse.session():
        newest = {name: warehouse.last_sync(table) for name, table in tables.items()}
    for name, sync in newest.items():
        key = dg.AssetKey(["raw", name])
        known = _tags(instance, key)
        if sync is not None and known and known.get(DATA_VERSION) != sync.sync_id:
            yield dg.AssetMaterialization(
                asset_key=key,
                description="It was synced outside of Dagster.",
                metadata={"rows_written": sync.rows_written, "rows_deleted": sync.rows_deleted},
                tags={**known, DATA_VERSION: sync.sync_id},
            )


def _stale(
    instance: dg.DagsterInstance, bookkeeping: Bookkeeping
) -> Iterator[dg.AssetMaterialization]:
    """Yield an event for each stale product. Dagster sees only some of them by itself.

    It knows neither what was dropped, nor the clock, and an asset above a stale one is not stale for it. A run in
    progress makes stale products and ends by building them.
    """
    if is_running(instance):
        return
    for name, cause in bookkeeping.stale().items():
        known = _tags(instance, _key(name))
        if known and known.get(DATA_VERSION) != GONE:
            yield _event(name, cause.words, known)


def is_running(instance: dg.DagsterInstance) -> bool:
    """Return whether a run is in progress, or about to start."""
    return bool(instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED), limit=1))


def report_gone(instance: dg.DagsterInstance, product: str, words: str) -> None:
    """Report that a product is not what its newest event says. `words` say why, after its name."""
    known = _tags(instance, _key(product))
    instance.report_runless_asset_event(_event(product, words, known))


def _event(product: str, words: str, known: Mapping[str, str]) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=_key(product),
        description=f"It {words}.",
        tags={**known, DATA_VERSION: GONE, CODE_VERSION: GONE},
    )


def _key(product: str) -> dg.AssetKey:
    return dg.AssetKey(product.split("/"))


def _tags(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, str]:
    """Return what the newest event of an asset says of its versions and its inputs; empty if there is none."""
    event = instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        return {}
    tags = event.asset_materialization.tags or {}
    return {name: value for name, value in tags.items() if name.startswith("dagster/")}
