"""The asset of group `dashboards`, which is the page."""

import hashlib
from pathlib import Path

import dagster as dg

from saas_platform.dashboard import build_page
from saas_platform.defs.failures import raise_failures
from saas_platform.defs.models import GROUP as MODELS
from saas_platform.defs.resources import CompanyClock
from saas_platform.defs.timing import WorkTimer
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.refresh.products import PAGE, is_shown

GROUP = "dashboards"


def dashboard_assets(
    marts: dg.AssetsDefinition, folder: Path, *, from_synthetic: bool
) -> dg.AssetsDefinition:
    """Return the page, which is written to a folder.

    It shows the marts and, if the truth is known, the evaluation of the model.
    """
    shown = [key for key in marts.keys if is_shown(key.to_user_string())]
    judged = [dg.AssetKey([MODELS, "churn_evaluation"])] if from_synthetic else []

    @dg.asset(
        key=[GROUP, "page"],
        deps=[*shown, *judged],
        group_name=GROUP,
        kinds={"html"},
        description="One self-contained page with the company's metrics. It loads nothing from the"
        " network.",
    )
    def page(
        warehouse: WarehouseResource,
        clock: CompanyClock,
        bookkeeping: dg.ResourceParam[Bookkeeping],
        work: dg.ResourceParam[WorkTimer],
    ) -> dg.MaterializeResult:
        with work.measure(GROUP) as measured, raise_failures():
            given = bookkeeping.given()
            report = build_page(warehouse.open(), folder, clock.read().as_of)
            bookkeeping.record([PAGE], given)
            work.done(GROUP, rows=report.rows)
        digest = hashlib.sha256(report.path.read_bytes()).hexdigest()
        return dg.MaterializeResult(
            data_version=dg.DataVersion(digest),
            metadata={
                "path": dg.MetadataValue.path(str(report.path)),
                "bytes": report.bytes,
                "digest": digest,
                "seconds": measured.seconds,
                "charts": report.charts,
                "rows_shown": report.rows,
            },
        )

    return page
