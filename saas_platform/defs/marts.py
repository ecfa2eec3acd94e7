"""Assets of group `marts`: the dbt models as assets, and the dbt tests as asset checks."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import dagster as dg
from dagster_dbt import DbtCliInvocation, DbtCliResource, dbt_assets

from saas_platform.dbt_runner.lineage import ColumnSources
from saas_platform.dbt_runner.manifest import column_lineage, known_lineage, manifest, target_of
from saas_platform.dbt_runner.project import UNIT_TESTS_LEFT_OUT, refresh
from saas_platform.defs.contracts import AFTER_ALL_SYNCS
from saas_platform.defs.dbt_translator import Translator, with_short_names
from saas_platform.defs.failures import raise_failures
from saas_platform.defs.marks import report_stale
from saas_platform.defs.resources import CompanyClock
from saas_platform.defs.table_checks import PRIORITY
from saas_platform.defs.timing import WorkTimer
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.platform import Platform
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.refresh.mart_months import Rebuild
from saas_platform.schema.slices import SliceDigest
from saas_platform.warehouse.interface import Warehouse

GROUP = "marts"
#: The file of dbt's own record of a build.
RESULTS: Final = "run_results.json"


def marts_assets(platform: Platform) -> dg.AssetsDefinition:
    """Return an asset for every dbt model."""
    target, folder = platform.marts_target, platform.home.dbt
    parsed = manifest(folder, target, platform.as_of)

    nodes = json.loads(parsed.read_text())

    @dbt_assets(
        name=GROUP,
        manifest=with_short_names(nodes),
        dagster_dbt_translator=Translator(platform.warehouse),
        backfill_policy=None,
        op_tags={PRIORITY: str(AFTER_ALL_SYNCS - 1)},
    )
    def marts(
        context: dg.AssetExecutionContext,
        dbt: DbtCliResource,
        warehouse: WarehouseResource,
        clock: CompanyClock,
        bookkeeping: dg.ResourceParam[Bookkeeping],
        work: dg.ResourceParam[WorkTimer],
    ) -> Iterator[Any]:
        as_of, into = clock.read().as_of, warehouse.open()
        with work.measure(GROUP), raise_failures():
            given = bookkeeping.given()
            attempts = bookkeeping.attempts(given)
            needed = bookkeeping.rebuild(_unknown(bookkeeping, context.selected_asset_keys))
            context.log.info(_rebuild_message(needed))
            if needed.months is None:
                bookkeeping.forget_marts()
            # If dbt can't even connect, it writes no results, and those of an earlier build must not be taken for them.
            (target_of(folder) / RESULTS).unlink(missing_ok=True)
            left_out = _untestable(nodes, context.selected_asset_keys, into)
            with target.rebuilding(needed.months).in_environment():
                invocation = dbt.cli(
                    [
                        *("build", *UNIT_TESTS_LEFT_OUT, *refresh(needed.months)),
                        *("--vars", json.dumps({"as_of": as_of.isoformat(" ")})),
                        *("--log-path", str(folder / "logs")),
                        *(("--exclude", *left_out) if left_out else ()),
                    ],
                    context=context,
                    target_path=target_of(folder),
                    raise_on_error=False,
                )
            digests: dict[str, SliceDigest] = {}
            lineage = known_lineage(folder, target)
            waiting: list[Any] = []
            for event in invocation.stream():
                if line := _line(event):
                    context.log.info(line)
                if _model(event):
                    work.done(GROUP)
                if target.name == "duckdb":
                    # Until dbt ends, no other process can read from the DuckDB file what was built.
                    waiting.append(event)
                else:
                    digests |= _digests(into, [event])
                    yield _with_metadata(event, digests, lineage)
            succeeded = invocation.is_successful()
            results = _results(invocation)
            if succeeded:
                # This may take seconds, so it comes before the record, after which only the events are left to do.
                lineage = column_lineage(folder, target)
            digests |= _digests(into, waiting)
            work.done(GROUP, units=0, rows=sum(digest.rows for digest in digests.values()))
            doubted = _doubted(results, nodes, bookkeeping.products())
            built = {f"{GROUP}/{name}" for name in digests}
            bookkeeping.record(built - doubted.keys(), given, _versions(digests))
            bookkeeping.forget(doubted, attempts)
            stale = {name: cause.words for name, cause in bookkeeping.stale().items()}
            if not any(name.startswith(f"{GROUP}/") for name in stale):
                bookkeeping.record_marts(needed)
        for event in waiting:
            yield _with_metadata(event, digests, lineage)
        report_stale(context.instance, doubted, failed=True)
        report_stale(
            context.instance,
            {name: stale[name] for name in (built & stale.keys()) - doubted.keys()},
        )
        if not succeeded:
            raise dg.Failure(_reason(results, str(invocation.get_error()), into))

    return marts


def _unknown(bookkeeping: Bookkeeping, selected: Collection[dg.AssetKey]) -> dict[str, str]:
    """Return the selected marts of which nothing is known, each with the words that say why."""
    chosen = {key.to_user_string() for key in selected}
    return {
        name: cause.words
        for name, cause in bookkeeping.stale().items()
        if cause.is_own and name in chosen
    }


def _untestable(
    nodes: Mapping[str, Any], selected: Collection[dg.AssetKey], warehouse: Warehouse
) -> list[str]:
    """Return the tests that read a mart which is neither built now nor there."""
    marts = {node["name"] for node in nodes["nodes"].values() if node["resource_type"] == "model"}
    others = marts - {key.path[-1] for key in selected}
    lacking = others - warehouse.states(GROUP, others).keys() if others else set()
    return [
        node["name"]
        for node in nodes["nodes"].values()
        if node["resource_type"] == "test"
        and lacking & {each.rpartition(".")[2] for each in node["depends_on"]["nodes"]}
    ]


def _doubted(
    results: Mapping[str, Any], nodes: Mapping[str, Any], marts: Collection[str]
) -> dict[str, str]:
    """Return the marts that failed, and all those that a failed test reads, each with the words that say why.

    Args:
        results: dbt's own record of the build.
        nodes: dbt's manifest.
        marts: the names of all marts.
    """
    doubted: dict[str, str] = {}
    for failed in sorted(map(_id, _failed(results))):
        kind, _, name = failed.split(".")[:3]
        if kind == "test":
            for read in nodes["nodes"][failed]["depends_on"]["nodes"]:
                mart = f"{GROUP}/{read.rpartition('.')[2]}"
                doubted.setdefault(mart, f"failed its test {name}")
        else:
            doubted[f"{GROUP}/{name}"] = "could not be built"
    return {mart: why for mart, why in doubted.items() if mart in marts}


def _results(invocation: DbtCliInvocation) -> Mapping[str, Any]:
    """Return dbt's own record of the build; without results if dbt ended before it built anything."""
    try:
        return dict(invocation.get_artifact(RESULTS))
    except FileNotFoundError:
        return {"results": []}


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


def _line(event: Any) -> str | None:
    """Return what the log of a run says of a dbt event, as soon as it comes; None for nothing."""
    if isinstance(event, dg.AssetCheckResult) and not event.passed and event.asset_key is not None:
        return f"{event.asset_key.to_user_string()}: the test {event.check_name} failed."
    model = _model(event)
    if model is None:
        return None
    seconds = float(event.metadata["Execution Duration"].value)
    return f"{GROUP}/{model}: built in {seconds:.1f} s."


def _model(event: Any) -> str | None:
    """Return the dbt model that a dbt event reports as built; None if the event is about a test."""
    if not isinstance(event, dg.Output):
        return None
    return str(event.metadata["unique_id"].value).rpartition(".")[2]


def _digests(warehouse: Warehouse, events: list[Any]) -> dict[str, SliceDigest]:
    """Return the rows and digest of each table and view that was built."""
    built = [name for name in map(_model, events) if name is not None]
    return warehouse.digest_tables(GROUP, built)


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


def _reason(results: Mapping[str, Any], error: str, warehouse: Warehouse) -> str:
    """Return in a sentence why the build failed.

    Args:
        results: dbt's own record of the build.
        error: the error of the invocation, which ends with dbt's messages.
        warehouse: the warehouse, which another process may have open.
    """
    failed = [
        f"{_id(each).split('.')[2]} ({' '.join(str(each['message']).split())})"
        for each in _failed(results)
    ]
    if failed:
        return f"dbt build failed: {'; '.join(failed)}"
    said = error.partition("Errors parsed from dbt logs:")[2].strip()
    known = warehouse.error_of(said)
    return (
        str(known) if known else f"dbt build failed: {' '.join(said.split()) or 'it said nothing'}"
    )
