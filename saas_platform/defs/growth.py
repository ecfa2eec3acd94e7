"""The row count of each raw table against its own past, as an asset check that warns."""

from collections.abc import Mapping

import dagster as dg
import sqlalchemy as sa

from saas_platform.defs.failures import told
from saas_platform.defs.raw import GROUP
from saas_platform.defs.timing import WorkClock
from saas_platform.platform import Platform
from saas_platform.sync.growth import LOOK_BACK, Judgement, judge

IN_PATTERN = "row_count_in_pattern"


def growth_checks(tables: Mapping[str, sa.Table]) -> list[dg.AssetChecksDefinition]:
    """A check for each table, in a step of its own; it learns from the warehouse's log of proofs."""
    return [_check(name, table) for name, table in tables.items()]


def _check(name: str, table: sa.Table) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name=IN_PATTERN,
        asset=[GROUP, name],
        description="The newest change of the row count is as those before it; tells a table"
        " that lost or doubled its rows in the source, which an exact mirror follows.",
    )
    def row_count_in_pattern(
        platform: dg.ResourceParam[Platform], work: dg.ResourceParam[WorkClock]
    ) -> dg.AssetCheckResult:
        with work.measure(GROUP), told():
            return _result(name, judge(platform.warehouse.daily_rows(table, LOOK_BACK)))

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
