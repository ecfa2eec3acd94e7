"""An asset check of one table of raw, in a step of its own, so that a failing table skips no other check.

Out of scope: the full proof (proofs.py), which is one step for all tables, because it reads all of them in one
snapshot of the source.
"""

from collections.abc import Callable, Collection

import dagster as dg

from saas_platform.defs.failures import raise_failures
from saas_platform.defs.raw import GROUP
from saas_platform.defs.timing import WorkTimer
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.warehouse.interface import Warehouse

#: The tag by which Dagster orders steps that are ready.
PRIORITY = "dagster/priority"


def table_check(
    name: str,
    table: str,
    description: str,
    evaluate: Callable[[Warehouse], dg.AssetCheckResult],
    *,
    after: Collection[str] = (),
    priority: int = 0,
) -> dg.AssetChecksDefinition:
    """Return a check of a table of raw.

    Args:
        name: the check's name.
        table: the name of the table's asset.
        description: what the check proves, for the UI.
        evaluate: the function that does the work. It runs within the timer, and its errors are translated.
        after: the names of other assets that must be materialised before the check runs.
        priority: steps that are ready run in the order of their priorities, the highest first.
    """

    @dg.asset_check(
        name=name,
        asset=[GROUP, table],
        additional_deps=[[GROUP, other] for other in after],
        description=description,
        op_tags={PRIORITY: str(priority)} if priority else None,
    )
    def check(
        warehouse: WarehouseResource, work: dg.ResourceParam[WorkTimer]
    ) -> dg.AssetCheckResult:
        into = warehouse.open()
        # One session, because a DuckDB file takes long to open.
        with work.measure(GROUP), raise_failures(), into.session():
            return evaluate(into)

    return check
