"""The asset of group `dashboards`, which is the page."""

import hashlib

import dagster as dg

from saas_platform.dashboard import build_page
from saas_platform.defs.failures import raise_failures
from saas_platform.defs.models import GROUP as MODELS
from saas_platform.defs.timing import WorkTimer
from saas_platform.platform import Platform
from saas_platform.refresh.products import PAGE, is_shown
from saas_platform.refresh.staleness import given_versions, record_products

GROUP = "dashboards"


def dashboard_assets(marts: dg.AssetsDefinition, *, from_synthetic: bool) -> dg.AssetsDefinition:
    """Return the page. It shows the marts and, if the truth is known, the evaluation of the model."""
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
        platform: dg.ResourceParam[Platform], work: dg.ResourceParam[WorkTimer]
    ) -> dg.MaterializeResult:
        with work.measure(GROUP) as measured, raise_failures():
            given = given_versions(platform)
            report = build_page(platform.warehouse, platform.home.dashboard, platform.as_of)
            record_products(platform, [PAGE], given)
        digest = hashlib.sha256(report.path.read_bytes()).hexdigest()
        return dg.MaterializeResult(
            data_version=dg.DataVersion(digest),
            metadata={
                "path": dg.MetadataValue.path(str(platform.home.dashboard / "index.html")),
                "bytes": report.bytes,
                "digest": digest,
                "seconds": measured.seconds,
                "charts": report.charts,
                "rows_shown": report.rows,
            },
        )

    return page
