"""The jobs. The command line, the schedules and the sensors run these, and nothing else.

Replaying months is a job of its own, so that replaying 24 of them does not train 24 times. Does not hold:
`repair`, which materialises nothing (repairs.py).
"""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from saas_platform.defs.dirt_score import DIRT_FOUND
from saas_platform.defs.names import Tables
from saas_platform.defs.proofs import EVERY_SLICE
from saas_platform.defs.raw import GROUP as RAW
from saas_platform.defs.source import GROUP as SOURCE
from saas_platform.defs.synthetic import GROUP as SYNTHETIC
from saas_platform.defs.synthetic import TRUTH

#: All groups in order, for `saas-platform run`.
EVERYTHING = "everything"
#: A month of the company into the source.
COMPANY_MONTH = "company_month"
#: Source to raw, and all that follows from it.
REFRESH = "refresh"
#: Every slice of every table against the source.
FULL_PROOF = "full_proof"


def full_proofs(tables: Tables) -> dg.AssetSelection:
    """The checks that read whole tables; no job runs them but their own."""
    return dg.AssetSelection.checks(
        *(dg.AssetCheckKey(dg.AssetKey([RAW, name]), EVERY_SLICE) for name in tables)
    )


def jobs(tables: Tables, *, from_synthetic: bool) -> list[UnresolvedAssetJobDefinition]:
    """The jobs; those with assets that have months have months themselves."""
    proofs = full_proofs(tables)
    # With its check: held to a list from before, the dirt of the months since would be false alarms.
    truth = dg.AssetSelection.assets(TRUTH) | dg.AssetSelection.checks(
        dg.AssetCheckKey(TRUTH, DIRT_FOUND)
    )
    company = dg.AssetSelection.groups(SYNTHETIC, SOURCE) - truth
    everything = dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks()
    made = [
        dg.define_asset_job(
            EVERYTHING,
            everything - proofs,
            description="The whole chain: company, source, proven mirror, marts, models, page.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            REFRESH,
            everything - proofs - company - truth if from_synthetic else everything - proofs,
            description="What has changed in the source to raw, proven; then marts, models, page.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            FULL_PROOF,
            proofs,
            description="Every slice of every table of raw against the source.",
            executor_def=dg.in_process_executor,
        ),
    ]
    if from_synthetic:
        made.append(
            dg.define_asset_job(
                COMPANY_MONTH,
                company,
                description="A month of the synthetic company, generated and written to the source.",
                executor_def=dg.in_process_executor,
            )
        )
    return made
