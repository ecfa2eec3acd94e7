"""An asset check that compares the row count of each raw table with its own past and warns."""

from collections.abc import Mapping, Sequence

import dagster as dg
import sqlalchemy as sa

from saas_platform.defs.plots import rows_plot
from saas_platform.defs.raw import GROUP
from saas_platform.defs.table_checks import table_check
from saas_platform.sync.growth import LOOK_BACK, judge
from saas_platform.warehouse.logs import DayRows

IN_PATTERN = "row_count_in_pattern"


def growth_checks(tables: Mapping[str, sa.Table]) -> list[dg.AssetChecksDefinition]:
    """Return a check for each table, in its own step. It learns from the warehouse's log of proofs."""
    return [_check(name, table) for name, table in tables.items()]


def _check(name: str, table: sa.Table) -> dg.AssetChecksDefinition:
    return table_check(
        IN_PATTERN,
        name,
        "The newest change of the row count is like those before it. Warns when a table loses or doubles rows in"
        " the source, which no proof reports, because the mirror follows the source.",
        lambda warehouse: _result(name, warehouse.daily_rows(table, LOOK_BACK)),
    )


def _result(name: str, days: Sequence[DayRows]) -> dg.AssetCheckResult:
    judgement = judge(days)
    numbers = {
        "rows_expected": judgement.expected,
        "usual_growth_per_day": judgement.growth,
        "deviation": judgement.deviation,
        "deviation_allowed": judgement.allowed,
    }
    # The deviation of a table that became empty is infinite, which JSON can't express.
    shown = {key: min(round(n, 6), 1e9) for key, n in numbers.items() if n is not None}
    return dg.AssetCheckResult(
        check_name=IN_PATTERN,
        asset_key=[GROUP, name],
        passed=judgement.outcome != "unusual",
        severity=dg.AssetCheckSeverity.WARN,
        description=judgement.message,
        metadata={
            "rows": judgement.rows,
            "changes_known": judgement.changes,
            **shown,
            **_plot(days),
        },
    )


def _plot(days: Sequence[DayRows]) -> dict[str, dg.MarkdownMetadataValue]:
    """Return the image of the row counts, if there are several."""
    if len(days) < 2:
        return {}
    return {"rows_by_day": rows_plot({f"{each.day}": each.rows for each in days}, "Rows by day")}
