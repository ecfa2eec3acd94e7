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
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.refresh.staleness import stale_products

#: The version of what is not there. Dagster shows an asset of that version as missing.
NOT_THERE = "NULL"


def facts_sensor(tables: AssetTables) -> dg.SensorDefinition:
    """Return the sensor, which starts no run and is on unless somebody turns it off."""

    @dg.sensor(
        name="facts",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Compares what Dagster knows with the warehouse and the files, and reports what it missed: tables"
        " that were synced outside of it, and marts, models and pages that are missing or were changed by hand. It"
        " starts no run.",
    )
    def facts(
        context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            events = [
                *_synced(context.instance, platform, tables),
                *_gone(context.instance, platform),
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
    instance: dg.DagsterInstance, platform: Platform, tables: AssetTables
) -> Iterator[dg.AssetMaterialization]:
    """Yield an event for each mirror whose newest sync Dagster does not know."""
    with platform.warehouse.session():
        newest = {name: platform.warehouse.last_sync(table) for name, table in tables.items()}
    for name, sync in newest.items():
        key = dg.AssetKey(["raw", name])
        if sync is not None and _known(instance, key) not in (None, sync.sync_id):
            yield _event(
                key,
                sync.sync_id,
                "It was synced outside of Dagster.",
                {"rows_written": sync.rows_written},
            )


def _gone(instance: dg.DagsterInstance, platform: Platform) -> Iterator[dg.AssetMaterialization]:
    """Yield an event for each product that is no longer what was built."""
    for name, cause in stale_products(platform).items():
        key = dg.AssetKey(name.split("/"))
        if cause.kind == "gone" and _known(instance, key) not in (None, NOT_THERE):
            yield _event(key, NOT_THERE, f"It {cause.words}.", {})


def _known(instance: dg.DagsterInstance, key: dg.AssetKey) -> str | None:
    """Return the version of an asset by its newest materialisation; None if Dagster knows of none."""
    event = instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        return None
    return (event.asset_materialization.tags or {}).get(DATA_VERSION)


def _event(
    key: dg.AssetKey, version: str, description: str, metadata: Mapping[str, int]
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=key, description=description, metadata=metadata, tags={DATA_VERSION: version}
    )
