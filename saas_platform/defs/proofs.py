"""The full proof, which compares every slice of every table, on demand and every night."""

from collections.abc import Iterator

import dagster as dg

from saas_platform.defs.failures import raise_failures
from saas_platform.defs.metadata import proof_metadata
from saas_platform.defs.names import AssetTables
from saas_platform.defs.raw import EVERY_SLICE, GROUP
from saas_platform.defs.resources import SourceDatabase
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.sync import open_findings, verify
from saas_platform.sync.report import sentences


def full_proof(tables: AssetTables) -> dg.AssetChecksDefinition:
    """Return a check for each table. Together they read the source once, in a single snapshot."""

    @dg.multi_asset_check(
        name=EVERY_SLICE,
        specs=[
            dg.AssetCheckSpec(
                EVERY_SLICE,
                asset=[GROUP, name],
                description="Every slice of the mirror equals the source by digest. The job full_proof finds out, and a"
                " sync that loads the whole table. A sync that changes a part of it leaves the check not evaluated"
                " until the next full_proof.",
            )
            for name in tables
        ],
        can_subset=True,
        pool="source",
    )
    def proof(
        context: dg.AssetCheckExecutionContext,
        source: SourceDatabase,
        warehouse: WarehouseResource,
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
        proven = {table.name: name for name, table in tables.items() if name in wanted}
        chosen = [tables[name] for name in proven.values()]
        with raise_failures():
            into = warehouse.open()
            reports = verify(source.open(), into, chosen)
            findings = open_findings(into, chosen)
        for report in reports:
            standing = [findings[report.table].message] if report.table in findings else []
            yield dg.AssetCheckResult(
                check_name=EVERY_SLICE,
                asset_key=[GROUP, proven[report.table]],
                passed=report.holds,
                description=" ".join([*sentences(report), *report.warnings, *standing]),
                metadata=proof_metadata(report),
            )

    return proof
