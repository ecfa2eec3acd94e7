"""Assets of group `marts`: the dbt models as assets, and the dbt tests as asset checks."""

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from saas_platform.dbt_runner.lineage import ColumnSources
from saas_platform.dbt_runner.manifest import column_lineage, manifest, target_of
from saas_platform.dbt_runner.project import PROJECT_DIR, UNIT_TESTS_LEFT_OUT, refresh
from saas_platform.defs.dbt_translator import Translator
from saas_platform.defs.failures import raise_failures
from saas_platform.defs.timing import WorkTimer
from saas_platform.platform import Platform
from saas_platform.refresh.mart_months import Rebuild, forget_marts, rebuild, record_marts
from saas_platform.refresh.staleness import given_versions, record_products, stale_products
from saas_platform.schema.slices import SliceDigest

GROUP = "marts"


def dbt_resource(platform: Platform) -> DbtCliResource:
    """Return the dbt of this Python environment, regardless of PATH."""
    return DbtCliResource(
        project_dir=str(PROJECT_DIR),
        profiles_dir=str(PROJECT_DIR),
        target=platform.marts_target.name,
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )


def marts_assets(platform: Platform) -> dg.AssetsDefinition:
    """Return an asset for every dbt model."""

    @dbt_assets(
        name=GROUP,
        manifest=manifest(platform.home.dbt, platform.marts_target, platform.as_of),
        dagster_dbt_translator=Translator(),
        backfill_policy=None,
    )
    def marts(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        platform: dg.ResourceParam[Platform],
        work: dg.ResourceParam[WorkTimer],
    ) -> Iterator[Any]:
        target = platform.marts_target
        with work.measure(GROUP), raise_failures():
            given = given_versions(platform)
            needed = rebuild(platform, _unknown(platform, context.selected_asset_keys))
            context.log.info(_rebuild_message(needed))
            if needed.months is None:
                forget_marts(platform)
            with target.rebuilding(needed.months).in_environment():
                invocation = dbt.cli(
                    [
                        *("build", *UNIT_TESTS_LEFT_OUT, *refresh(needed.months)),
                        *("--vars", json.dumps({"as_of": platform.as_of.isoformat(" ")})),
                        *("--log-path", str(platform.home.dbt / "logs")),
                    ],
                    context=context,
                    target_path=target_of(platform.home.dbt),
                    raise_on_error=False,
                )
                # The events are reported after the build: while dbt runs, no other process may open the
                # DuckDB file.
                events = list(invocation.stream())
            succeeded = invocation.is_successful()
            results = invocation.get_artifact("run_results.json")
            digests = _digests(platform, events)
            complete = _complete(results, invocation.get_artifact("manifest.json"), digests)
            record_products(platform, complete, given, _versions(digests))
            if not any(name.startswith(f"{GROUP}/") for name in stale_products(platform)):
                record_marts(platform, needed)
            lineage = column_lineage(platform.home.dbt, target) if succeeded else {}
        for event in events:
            yield _with_metadata(event, digests, lineage)
        if not succeeded:
            raise dg.Failure(f"dbt build failed: {_errors(results)}")

    return marts


def _unknown(platform: Platform, selected: Collection[dg.AssetKey]) -> dict[str, str]:
    """Return the selected marts of which nothing is known, each with the words that say why."""
    chosen = {key.to_user_string() for key in selected}
    return {
        name: cause.words
        for name, cause in stale_products(platform).items()
        if cause.is_own and name in chosen
    }


def _complete(
    results: Mapping[str, Any], manifest: Mapping[str, Any], built: Collection[str]
) -> list[str]:
    """Return the products that were built and of which no test failed, by dbt's record of the run."""
    nodes = {name: manifest["nodes"].get(name) for name in map(_id, _failed(results))}
    doubted = {each for node in nodes.values() if node for each in node["depends_on"]["nodes"]}
    wrong = {name.rpartition(".")[2] for name in (*nodes, *doubted)}
    return [f"{GROUP}/{name}" for name in built if name not in wrong]


def _id(result: Mapping[str, Any]) -> str:
    return str(result["unique_id"])


def _failed(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [result for result in results["results"] if result["status"] in ("error", "fail")]


def _versions(digests: Mapping[str, SliceDigest]) -> dict[str, str]:
    return {f"{GROUP}/{name}": _version(each) for name, each in digests.items()}


def _version(digest: SliceDigest) -> str:
    return f"{digest.rows}/{digest.total:x}"


def _rebuild_message(needed: Rebuild) -> str:
    if needed.months is None:
        return f"Full refresh of the marts: {needed.reason}."
    return f"The marts are rebuilt by month; {needed.reason}."


def _model(event: Any) -> str | None:
    """Return the dbt model that a dbt event reports as built; None if the event is about a test."""
    if not isinstance(event, dg.Output):
        return None
    return str(event.metadata["unique_id"].value).rpartition(".")[2]


def _digests(platform: Platform, events: list[Any]) -> dict[str, SliceDigest]:
    """Return the rows and digest of each table and view that was built."""
    built = [name for name in map(_model, events) if name is not None]
    return platform.warehouse.digest_tables(GROUP, built)


def _with_metadata(event: Any, digests: Mapping[str, SliceDigest], lineage: ColumnSources) -> Any:
    name = _model(event)
    if name is None or name not in digests:
        return event
    found = digests[name]
    more = {
        "dagster/row_count": found.rows,
        "digest": f"{found.total:x}",
        "dagster/column_lineage": _lineage(lineage.get(name, {})),
        "seconds": event.metadata.get("Execution Duration", 0.0),
    }
    return dg.Output(
        event.value,
        event.output_name,
        metadata={**event.metadata, **more},
        data_version=dg.DataVersion(_version(found)),
    )


def _lineage(sources: Mapping[str, Sequence[Sequence[str]]]) -> dg.TableColumnLineage:
    """Return, for the UI, the columns of raw and marts that each column is made of."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey([schema, table]), column_name=source)
                for schema, table, source in found
            ]
            for column, found in sources.items()
        }
    )


def _errors(results: Mapping[str, Any]) -> str:
    """Return what failed, according to dbt's own record of the run."""
    failed = [f"{_id(each).split('.')[2]} ({each['message']})" for each in _failed(results)]
    return "; ".join(failed) or "see dbt's log"
