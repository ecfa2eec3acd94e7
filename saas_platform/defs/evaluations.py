"""Report the result of a check from a run that has not planned it, because a proof was made for another purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

import dagster as dg

#: The type of that part of an evaluation. Dagster exports the evaluation alone.
(_TARGET, _) = get_args(get_type_hints(dg.AssetCheckEvaluation)["target_materialization_data"])


def report_evaluation(
    instance: dg.DagsterInstance,
    key: dg.AssetCheckKey,
    *,
    passed: bool,
    description: str,
    metadata: Mapping[str, Any],
    blocking: bool = False,
) -> None:
    """Report a check of the newest materialisation of its asset, which is recorded already, if there is one.

    The event belongs to no run, because a run may only report checks that it has planned. It names the
    materialisation: by time alone, SQLite's whole seconds make it older, and the UI shows it as not evaluated.

    Args:
        instance: Dagster's instance.
        key: the asset and the name of the check.
        passed: whether what the check states holds.
        description: what was found, in sentences.
        metadata: the figures.
        blocking: whether the check blocks what is built from the asset.
    """
    newest = next(iter(instance.fetch_materializations(key.asset_key, limit=1).records), None)
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=passed,
            description=description,
            metadata=metadata,
            blocking=blocking,
            target_materialization_data=_TARGET(
                storage_id=newest.storage_id, run_id=newest.run_id, timestamp=newest.timestamp
            )
            if newest
            else None,
        )
    )
