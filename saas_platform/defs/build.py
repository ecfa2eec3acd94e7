"""Build the Dagster definitions: assets, checks, jobs, schedules and sensors, according to the settings."""

from __future__ import annotations

import dagster as dg

from saas_platform.defs.automation import schedules, source_sensor
from saas_platform.defs.conditions import automation_sensor
from saas_platform.defs.contracts import contract_checks
from saas_platform.defs.conventions import by_convention, code_versions
from saas_platform.defs.dashboards import dashboard_assets
from saas_platform.defs.dirt_score import dirt_score
from saas_platform.defs.growth import growth_checks
from saas_platform.defs.jobs import REFRESH, executor_of, jobs
from saas_platform.defs.marts import marts_assets
from saas_platform.defs.models import model_assets
from saas_platform.defs.names import asset_names
from saas_platform.defs.partitions import monthly
from saas_platform.defs.progress import progress_logger
from saas_platform.defs.proofs import full_proof
from saas_platform.defs.raw import raw_assets
from saas_platform.defs.repairs import failed_proofs_sensor, repair_job
from saas_platform.defs.reporting import facts_sensor
from saas_platform.defs.resources import resources_of
from saas_platform.defs.source import source_assets
from saas_platform.defs.synthetic import synthetic_assets
from saas_platform.defs.timing import WorkTimer
from saas_platform.platform import Platform
from saas_platform.refresh.products import products


def build_definitions(platform: Platform, work: WorkTimer | None = None) -> dg.Definitions:
    """Build everything that Dagster knows about this platform. Opens no database.

    Pass `work` to read from it afterwards how long the work itself took.
    """
    partitions = monthly(platform)
    from_synthetic = platform.settings.synthetic
    source_engine = platform.settings.source.get_backend_name()
    assets: list[dg.AssetsDefinition] = []
    if from_synthetic:
        assets += [*synthetic_assets(partitions), source_assets(partitions, source_engine)]
    tables = asset_names(platform.tables)
    assets += raw_assets(
        tables,
        partitions if platform.is_company else None,
        platform.warehouse,
        from_synthetic=from_synthetic,
        # If the clock of a synthetic company stands still, its tables never get older.
        stays_fresh=platform.settings.as_of == "now" or not from_synthetic,
    )
    # The rest is made for the company's tables. Other databases only get the proven mirror.
    if platform.is_company:
        marts = marts_assets(platform)
        assets.append(marts)
        assets += model_assets(marts, platform.warehouse, from_synthetic=from_synthetic)
        assets.append(
            dashboard_assets(marts, platform.home.dashboard, from_synthetic=from_synthetic)
        )
    made = {
        job.name: job
        for job in jobs(
            tables,
            from_synthetic=from_synthetic,
            steps_at_once=platform.settings.steps_at_once,
        )
    }
    repair = repair_job(tables)
    versions = code_versions(platform, tables)
    automated = products(platform).keys()
    return dg.Definitions(
        assets=[by_convention(each, versions, tables, automated) for each in assets],
        asset_checks=[
            full_proof(tables),
            *contract_checks(tables, side_by_side=platform.settings.steps_at_once > 1),
            *growth_checks(tables),
            *([dirt_score()] if from_synthetic else []),
        ],
        jobs=[*made.values(), repair],
        schedules=schedules(tables, from_synthetic=from_synthetic),
        sensors=[
            source_sensor(tables, by_month=platform.is_company, loaded=versions.keys()),
            failed_proofs_sensor(tables, repair, made[REFRESH]),
            facts_sensor(tables, versions),
            *([automation_sensor()] if automated else []),
        ],
        resources=resources_of(platform, work),
        loggers={"console": progress_logger},
        executor=executor_of(platform.settings.steps_at_once),
    )
