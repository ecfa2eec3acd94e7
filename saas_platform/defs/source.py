"""Assets of group `source`: the rows of a month, applied to the source database in one transaction."""

from collections.abc import Iterator

import dagster as dg

from saas_platform.defs.failures import raise_failures
from saas_platform.defs.frames import check_frame
from saas_platform.defs.metadata import definition_metadata, source_types
from saas_platform.defs.partitions import ONE_RUN, key_of, months_of
from saas_platform.defs.resources import SourceDatabase, SyntheticCompany
from saas_platform.defs.synthetic import GROUP as SYNTHETIC
from saas_platform.defs.timing import WorkTimer
from saas_platform.schema import TABLES

GROUP = "source"


def source_assets(partitions: dg.PartitionsDefinition, engine: str) -> dg.AssetsDefinition:
    """Return an asset for each table. They are applied together because of their foreign keys."""

    @dg.multi_asset(
        name=GROUP,
        specs=[
            dg.AssetSpec(
                [GROUP, name],
                deps=[[SYNTHETIC, name]],
                group_name=GROUP,
                description=f"{table.comment}. The table in the source database. A month of all tables is"
                " written in one transaction, so they are materialised together.",
                kinds={engine, "table"},
                metadata=definition_metadata(table, source_types(table, engine)),
                partitions_def=partitions,
            )
            for name, table in TABLES.items()
        ],
        backfill_policy=ONE_RUN,
        partitions_def=partitions,
        pool="source",
    )
    def apply(
        context: dg.AssetExecutionContext,
        source: SourceDatabase,
        company: SyntheticCompany,
        work: dg.ResourceParam[WorkTimer],
    ) -> Iterator[dg.MaterializeResult]:
        with work.measure(GROUP) as measured, raise_failures():
            database, company_months = source.owned(), company.months()
            database.create_schema()
            for month in months_of(context):
                batch = company_months.read(month)
                for name, rows in batch.rows.items():
                    if rows.num_rows:
                        check_frame(TABLES[name], rows)
                changes = database.apply(batch)
                for name, change in changes.items():
                    of_month = {
                        "dagster/row_count": change.offered,
                        "digest": company_months.file_digest(name, month),
                        "rows_written": change.written,
                        "rows_deleted": change.deleted,
                        "rows_refused": change.refused,
                        "rows_outdated": change.outdated,
                        "rows_late": change.late,
                    }
                    context.add_asset_metadata(of_month, [GROUP, name], key_of(month))
                written = sum(change.written for change in changes.values())
                work.done(GROUP, rows=written)
                context.log.info(f"{month}: {written:,} rows written in one transaction")
        for name in TABLES:
            yield dg.MaterializeResult(
                asset_key=[GROUP, name], metadata={"seconds_of_run": measured.seconds}
            )

    return apply
