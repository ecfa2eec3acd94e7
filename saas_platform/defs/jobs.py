"""The jobs. The command line, the schedules and the sensors run these jobs and nothing else.

Replaying months is a job of its own, so that replaying 24 months does not train the model 24 times. Out of
scope: the job `repair`, which materialises nothing (repairs.py).
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from saas_platform.defs.dirt_score import DIRT_FOUND
from saas_platform.defs.names import AssetTables
from saas_platform.defs.raw import EVERY_SLICE
from saas_platform.defs.raw import GROUP as RAW
from saas_platform.defs.source import GROUP as SOURCE
from saas_platform.defs.synthetic import GROUP as SYNTHETIC
from saas_platform.defs.synthetic import TRUTH

#: A job of assets, as `dg.define_asset_job` makes it. Dagster gives its class no public name.
AssetJob = Any

#: Materialises all groups in order, for `saas-platform run`.
EVERYTHING = "everything"
#: Writes a month of the company to the source.
COMPANY_MONTH = "company_month"
#: Syncs the source to raw and refreshes everything built from raw.
REFRESH = "refresh"
#: Proves every slice of every raw table against the source.
FULL_PROOF = "full_proof"


def full_proofs(tables: AssetTables) -> dg.AssetSelection:
    """Select the checks that read whole tables. Only the job `full_proof` runs them."""
    return dg.AssetSelection.checks(
        *(dg.AssetCheckKey(dg.AssetKey([RAW, name]), EVERY_SLICE) for name in tables)
    )


def executor_of(steps_at_once: int) -> dg.ExecutorDefinition:
    """Return the executor of the jobs, which runs so many steps at once, each in a process of its own if several."""
    if steps_at_once == 1:
        return dg.in_process_executor
    return dg.multiprocess_executor.configured({"max_concurrent": steps_at_once})


def jobs(tables: AssetTables, *, from_synthetic: bool, steps_at_once: int = 1) -> list[AssetJob]:
    """Return the jobs. A job is partitioned by month if one of its assets is."""
    executor = executor_of(steps_at_once)
    proofs = full_proofs(tables)
    # The truth goes with its check. With an older list, the dirt of later months would be false alarms.
    truth = dg.AssetSelection.assets(TRUTH) | dg.AssetSelection.checks(
        dg.AssetCheckKey(TRUTH, DIRT_FOUND)
    )
    company = dg.AssetSelection.groups(SYNTHETIC, SOURCE) - truth
    everything = dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks()
    made = [
        dg.define_asset_job(
            EVERYTHING,
            everything - proofs,
            description="Runs the whole chain: company, source, proven mirror, marts, models, page.",
            executor_def=executor,
        ),
        dg.define_asset_job(
            REFRESH,
            everything - proofs - company if from_synthetic else everything - proofs,
            description="Copies what has changed in the source to raw and proves it; then builds"
            " marts, models and page"
            + (", and the truth that they are compared with." if from_synthetic else "."),
            executor_def=executor,
        ),
        dg.define_asset_job(
            FULL_PROOF,
            proofs,
            description="Proves every slice of every raw table against the source.",
            executor_def=executor,
        ),
    ]
    if from_synthetic:
        made.append(
            dg.define_asset_job(
                COMPANY_MONTH,
                company,
                description="Generates a month of the synthetic company and writes it to the source.",
                executor_def=executor,
            )
        )
    return made
