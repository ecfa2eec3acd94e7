"""The row count of each raw table against its own past, as an asset check that warns."""

from collections.abc import Iterator, Mapping

import dagster as dg
import sqlalchemy as sa

from saas_platform.defs.failures import told
from saas_platform.defs.raw import GROUP
from saas_platform.defs.work import WorkClock
from saas_platform.platform import Platform
from saas_platform.sync.growth import LOOK_BACK, Judgement, judge

IN_PATTERN = "row_count_in_pattern"


def growth_checks(tables: Mapping[str, sa.Table]) -> dg.AssetChecksDefinition:
    """One check per table, in one step; learns from the warehouse's log of proofs."""

    @dg.multi_asset_check(
        name=IN_PATTERN,
        specs=[
            dg.AssetCheckSpec(
                IN_PATTERN,
                asset=[GROUP, name],
                description="The newest change of the row count is as those before it; tells a table"
                " that lost or doubled its rows in the source, which an exact mirror follows.",
            )
            for name in tables
        ],
        can_subset=True,
    )
    def row_count_in_pattern(
        context: dg.AssetCheckExecutionContext,
        platform: dg.ResourceParam[Platform],
        work: dg.ResourceParam[WorkClock],
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
        with work.measure(GROUP), told(), platform.warehouse.session():
            found = {
                name: judge(platform.warehouse.daily_rows(table, LOOK_BACK))
                for name, table in tables.items()
                if name in wanted
            }
        for name, judgement in found.items():
            yield _result(name, judgement)

    return row_count_in_pattern


def _result(name: str, judgement: Judgement) -> dg.AssetCheckResult:
    numbers = {
        "rows_expected": judgement.expected,
        "usual_growth_per_day": judgement.growth,
        "deviation": judgement.deviation,
        "deviation_allowed": judgement.allowed,
    }
    # Infinite for a table that became empty, which JSON can't say.
    shown = {key: min(round(n, 6), 1e9) for key, n in numbers.items() if n is not None}
    return dg.AssetCheckResult(
        check_name=IN_PATTERN,
        asset_key=[GROUP, name],
        passed=judgement.verdict != "unusual",
        severity=dg.AssetCheckSeverity.WARN,
        description=judgement.says,
        metadata={"rows": judgement.rows, "changes_known": judgement.changes, **shown},
    )
