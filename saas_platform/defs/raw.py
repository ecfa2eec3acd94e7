"""Assets of group `raw`: the tables of the source, mirrored in the warehouse, each with its proof."""

from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.defs.evaluations import report_evaluation
from saas_platform.defs.failures import raise_failures
from saas_platform.defs.metadata import definition_metadata, digest_words, proof_metadata
from saas_platform.defs.names import AssetTables
from saas_platform.defs.partitions import ONE_RUN, PARTITIONED, key_of, months_of, require_partition
from saas_platform.defs.plots import rows_plot
from saas_platform.defs.resources import SourceDatabase
from saas_platform.defs.source import GROUP as SOURCE
from saas_platform.defs.timing import WorkTimer
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.schema import slicing_of
from saas_platform.sync import standing_proof, sync_one
from saas_platform.sync.report import SyncReport, sentences
from saas_platform.warehouse.interface import Warehouse, target_schema
from saas_platform.warehouse.logs import ProofEntry

GROUP = "raw"
#: The name of the check that the mirror of a table equals its source.
EQUALS_SOURCE = "equals_source"
#: The name of the check that reads the whole table.
EVERY_SLICE = "every_slice_equals_source"
#: For a source that changes: two days without a refresh are a warning, but a quiet weekend is no failure.
FRESHNESS = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(days=2), fail_window=timedelta(days=4)
)


def raw_assets(
    tables: AssetTables,
    partitions: dg.PartitionsDefinition | None,
    warehouse: Warehouse,
    *,
    from_synthetic: bool,
    stays_fresh: bool,
) -> list[dg.AssetsDefinition]:
    """Return an asset for each table.

    Args:
        tables: the tables by asset name.
        partitions: the months of the partitioned table; None if no table is partitioned.
        warehouse: names its engine and the types of the columns, and is not opened.
        from_synthetic: whether the platform writes the source, so that raw depends on the source's assets.
        stays_fresh: whether Dagster reports tables that were not refreshed for days.
    """
    return [
        _raw_asset(
            name,
            table,
            warehouse,
            partitions,
            [dg.AssetKey([SOURCE, name])] if from_synthetic else [],
            FRESHNESS if stays_fresh else None,
        )
        for name, table in tables.items()
    ]


def _raw_asset(
    name: str,
    table: sa.Table,
    warehouse: Warehouse,
    partitions: dg.PartitionsDefinition | None,
    deps: list[dg.AssetKey],
    freshness: dg.FreshnessPolicy | None,
) -> dg.AssetsDefinition:
    key = dg.AssetKey([GROUP, name])
    own_partitions = partitions if table.name == PARTITIONED else None

    @dg.asset(
        key=key,
        deps=deps,
        group_name=GROUP,
        description=f"{table.comment}. {_mirror_words(table)}",
        kinds={warehouse.engine, "table"},
        metadata={
            **definition_metadata(table, warehouse.declared_columns(table)),
            "dagster/table_name": f"{target_schema(table)}.{table.name}",
        },
        partitions_def=own_partitions,
        backfill_policy=ONE_RUN,
        freshness_policy=freshness,
        check_specs=[
            dg.AssetCheckSpec(
                EQUALS_SOURCE,
                asset=key,
                blocking=True,
                description="The mirror equals the source: by digest in the slices that the sync"
                " touched, by row count in all slices.",
            )
        ],
        pool="source",
    )
    def mirror(
        context: dg.AssetExecutionContext,
        source: SourceDatabase,
        warehouse: WarehouseResource,
        work: dg.ResourceParam[WorkTimer],
    ) -> Iterator[dg.MaterializeResult]:
        if partitions:
            require_partition(context)
        months = months_of(context) if own_partitions else []
        with work.measure(GROUP), raise_failures():
            into = warehouse.open()
            report = sync_one(source.open(), into, table, also_prove=_slices_of(table, months))
            work.done(GROUP, rows=report.rows_written)
            for warning in report.warnings:
                context.log.warning(warning)
            with into.session():
                newest = into.last_sync(table)
                stands = standing_proof(into, table) if report.mode is None else None
                made = {key_of(month): _of_month(into, table, month) for month in months}
            if made:
                made[max(made)] |= _rows_by_month(context.instance, key, made)
            for partition, found in made.items():
                context.add_asset_metadata(found, partition_key=partition)
        yield dg.MaterializeResult(
            metadata=_metadata(report, of_table=not months),
            check_results=[_check(report)],
            data_version=dg.DataVersion(newest.sync_id if newest else "never synced"),
        )
        # Now the materialisation is recorded, to which the proof belongs.
        _report_full_proof(context.instance, key, report, stands)

    return mirror


def _mirror_words(table: sa.Table) -> str:
    """Return what the mirror is of the source's table, personal data included."""
    forms = {"mask": "masked", "hash": "hashed"}
    changed = [
        f"{column.name} is {forms[column.info['mirror_form']]}"
        for column in table.columns
        if "mirror_form" in column.info
    ]
    exact = "An exact mirror of the table in the source"
    return f"{exact}, but for personal data: {', '.join(changed)}." if changed else f"{exact}."


def _slices_of(table: sa.Table, months: list[Month]) -> set[str]:
    """Return the slices of these months. They are proven even if the sync does not touch them."""
    slicing = slicing_of(table)
    return (
        {s for month in months for s in slicing.between(month.start, month.end)}
        if slicing
        else set()
    )


def _report_full_proof(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    report: SyncReport,
    stands: ProofEntry | None,
) -> None:
    """Report a proof of every slice as the check of that name, which the nightly job makes otherwise.

    If the sync found nothing to copy, this is the proof that `stands` from before. The UI would call the check "not
    evaluated" after every refresh, because each refresh materialises all tables of raw.
    """
    proof, check = report.proof, dg.AssetCheckKey(key, EVERY_SLICE)
    if proof is not None and proof.level == "digest" and proof.scope == "all":
        report_evaluation(
            instance,
            check,
            passed=proof.holds,
            description=" ".join(sentences(proof)),
            metadata=proof_metadata(proof),
        )
    elif proof is not None and proof.holds and stands is not None:
        report_evaluation(
            instance,
            check,
            passed=True,
            description=f"Every slice was equal by {stands.level} at {stands.proven_at:%Y-%m-%d %H:%M} UTC. This sync"
            " found nothing to copy since, and as many rows on both sides; it did not compare all values again.",
            metadata={
                "proven_at": dg.MetadataValue.timestamp(stands.proven_at.replace(tzinfo=UTC)),
                "rows_source": stands.rows_source,
                "rows_mirror": stands.rows_mirror,
                "slices_checked": stands.slices_checked,
                "slices_total": stands.slices_total,
                "digest": stands.digest or "none",
            },
        )


def _of_month(warehouse: Warehouse, table: sa.Table, month: Month) -> dict[str, Any]:
    """Return the number of rows and the digest of a month of a mirror."""
    found = warehouse.digest_mirror(table, _slices_of(table, [month])).values()
    return {
        "dagster/row_count": sum(each.rows for each in found),
        "digest": f"{sum(each.total for each in found):x}",
    }


def _rows_by_month(
    instance: dg.DagsterInstance, key: dg.AssetKey, made: Mapping[str, Mapping[str, Any]]
) -> dict[str, dg.MarkdownMetadataValue]:
    """Return the image of the rows of each month: those of this run, and those that earlier runs reported."""
    ids = instance.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    rows: dict[str, int] = {}
    if ids:
        newest = dg.AssetRecordsFilter(key, storage_ids=[*ids.values()])
        for record in instance.fetch_materializations(newest, limit=len(ids)).records:
            reported = record.asset_materialization
            count = reported.metadata.get("dagster/row_count") if reported else None
            if record.partition_key and isinstance(count, dg.IntMetadataValue):
                rows[record.partition_key] = count.value or 0
    rows |= {partition: found["dagster/row_count"] for partition, found in made.items()}
    by_month = {partition[:7]: rows[partition] for partition in sorted(rows)}
    return {"rows_by_month": rows_plot(by_month, "Rows of each month")}


def _metadata(report: SyncReport, *, of_table: bool) -> dict[str, Any]:
    """Return what a sync did. The rows and the digest are those of the table, unless each month has its own."""
    proof = report.proof
    rows = proof.rows_mirror if proof else 0
    return {
        **(
            {"dagster/row_count": rows, "digest": digest_words(proof)}
            if of_table
            else {"rows_in_table": rows}
        ),
        "mode": report.mode or "nothing to do",
        "reason": report.reason or "rows changed" if report.mode else "no row changed",
        "rows_read": report.rows_read,
        "rows_written": report.rows_written,
        "rows_deleted": report.rows_deleted,
        "bytes": report.bytes,
        "slices_compared": report.slices_compared,
        "slices_copied": len(report.slices),
        "slices_repaired": list(report.repaired),
        "proof": proof.verdict if proof else "none",
        "slices_compared_by_proof": f"{proof.slices_checked} of {proof.slices_total}"
        if proof
        else "none",
        "seconds": round(report.seconds + (proof.seconds if proof else 0.0), 3),
        "watermark": report.watermark or 0,
    }


def _check(report: SyncReport) -> dg.AssetCheckResult:
    proof = report.proof
    if proof is None:
        return dg.AssetCheckResult(
            check_name=EQUALS_SOURCE, passed=False, description="There was no proof."
        )
    return dg.AssetCheckResult(
        check_name=EQUALS_SOURCE,
        passed=proof.holds,
        description=" ".join(sentences(proof)),
        metadata=proof_metadata(proof),
    )
