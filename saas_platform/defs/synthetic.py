"""Assets of group `synthetic`: what happened in the company in a month, written as Parquet."""

from collections.abc import Iterator

import dagster as dg

from saas_platform.company import ACCOUNT_MONTHS_SCHEMA, CAMPAIGNS_SCHEMA, PLANTED_SCHEMA
from saas_platform.defs.failures import raise_failures
from saas_platform.defs.metadata import arrow_types, definition_metadata, frame_schema
from saas_platform.defs.partitions import ONE_RUN, key_of, months_of, require_partition
from saas_platform.defs.resources import SourceDatabase, SyntheticCompany, TruthFiles
from saas_platform.defs.timing import WorkTimer
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.schema import TABLES

GROUP = "synthetic"
#: The simulator's truth: the true hazards and lifts. Only evaluations may read it.
TRUTH = dg.AssetKey([GROUP, "truth"])
#: The list of the injected dirt, stored next to the truth.
PLANTED = "planted"


def synthetic_assets(partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Return an asset for each table, and the truth. The tables of a month are generated together."""

    @dg.multi_asset(
        name=GROUP,
        specs=[
            dg.AssetSpec(
                [GROUP, name],
                group_name=GROUP,
                description=f"{table.comment}. The rows that were created or changed in the month. All"
                " tables of a month are generated, and materialised, together: choose the whole group.",
                kinds={"python", "parquet"},
                metadata=definition_metadata(table, arrow_types(table)),
                partitions_def=partitions,
            )
            for name, table in TABLES.items()
        ],
        backfill_policy=ONE_RUN,
        partitions_def=partitions,
    )
    def synthetic(
        context: dg.AssetExecutionContext,
        company: SyntheticCompany,
        work: dg.ResourceParam[WorkTimer],
    ) -> Iterator[dg.MaterializeResult]:
        with work.measure(GROUP) as measured, raise_failures():
            months = company.months()
            for month in months_of(context):
                written_files = months.write(month)
                for name in TABLES:
                    count, written = written_files[name]
                    of_month = {
                        "dagster/row_count": count,
                        "bytes": written.bytes,
                        "digest": written.digest,
                    }
                    context.add_asset_metadata(of_month, [GROUP, name], key_of(month))
                rows = sum(count for count, _ in written_files.values())
                work.done(GROUP, rows=rows)
                context.log.info(f"{month}: {rows:,} rows")
        for name in TABLES:
            yield dg.MaterializeResult(
                asset_key=[GROUP, name],
                metadata={
                    "seconds_of_run": measured.seconds,
                    "dagster/uri": f"{company.frames}/{GROUP}/{name}",
                },
            )

    @dg.asset(
        key=TRUTH,
        group_name=GROUP,
        kinds={"python", "parquet"},
        description="The simulator's truth: true churn hazards, health and remaining value per"
        " account and month, each campaign's true lift, and the injected dirt. It is kept apart from"
        " source and warehouse. No mart, feature or model reads it; only evaluations do. The columns are those"
        " of its largest table, account_months.",
        metadata={
            "dagster/column_schema": frame_schema(ACCOUNT_MONTHS_SCHEMA),
            "columns_of_campaigns": frame_schema(CAMPAIGNS_SCHEMA),
            "columns_of_planted": frame_schema(PLANTED_SCHEMA),
        },
        deps=[[GROUP, "subscriptions"]],
        backfill_policy=ONE_RUN,
    )
    def write_truth(
        context: dg.AssetExecutionContext,
        source: SourceDatabase,
        company: SyntheticCompany,
        truth: TruthFiles,
        bookkeeping: dg.ResourceParam[Bookkeeping],
        work: dg.ResourceParam[WorkTimer],
    ) -> dg.MaterializeResult:
        require_partition(context)
        with work.measure(GROUP) as measured, raise_failures():
            given = bookkeeping.given()
            months, files = company.months(), truth.open()
            months.check(source.owned())
            start, as_of = months.config.start, months.clock.as_of
            tables = {
                **months.company.truth(as_of),
                PLANTED: months.company.planted_until(start, as_of),
            }
            written = {name: files.write(name, table) for name, table in tables.items()}
            made = bookkeeping.record([TRUTH.to_user_string()], given)
            work.done(GROUP)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(made[TRUTH.to_user_string()]),
            metadata={
                "dagster/row_count": sum(table.num_rows for table in tables.values()),
                "digest": {name: file.digest for name, file in written.items()},
                "seconds": measured.seconds,
                "tables": list(tables),
                "dagster/uri": truth.url,
            },
        )

    return [synthetic, write_truth]
