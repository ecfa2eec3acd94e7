"""The condition under which Dagster materialises an asset by itself, and the sensor that evaluates it.

Dagster's own conditions ask for updates of what an asset is built from. They can't see a dropped mart or a later day
of the clock. So the condition is the mark that the sensor `facts` sets, by the rule of `saas-platform run`.
Out of scope: setting the marks (reporting.py), and the schedules and sensors that start jobs (automation.py).
"""

from __future__ import annotations

import dagster as dg

from saas_platform.defs.marks import Events, Part, is_marked


class Marked(dg.AutomationCondition[dg.AssetKey]):
    """Whether the asset is marked as stale; with `failed`, because it failed and would fail again."""

    def __init__(self, *, failed: bool = False) -> None:
        self._failed = failed or None

    @property
    def name(self) -> str:
        return "failed" if self._failed else "marked_stale"

    @property
    def description(self) -> str:
        return (
            "It failed, and nothing has changed since" if self._failed else "It is marked as stale"
        )

    def evaluate(
        self, context: dg.AutomationContext[dg.AssetKey]
    ) -> dg.AutomationResult[dg.AssetKey]:
        months = context.partitions_def
        last = months.get_last_partition_key() if months else None
        part = Part(context.key.to_user_string(), last or "")
        marked = is_marked(Events(context.asset_graph_view.instance), part, failed=self._failed)
        true_subset = context.candidate_subset if marked else context.get_empty_subset()
        return dg.AutomationResult(context, true_subset)


def when_stale() -> dg.AutomationCondition[dg.AssetKey]:
    """Return the condition: the asset is stale or missing, and everything that it is built from is ready.

    It asks once. If the run fails, the asset stays stale and is not asked for again until it has been built, or its
    code, its tests or its inputs have changed. Until then, what is built from it waits, too.
    """
    stale = Marked() | dg.AutomationCondition.missing()
    failed = Marked(failed=True)
    in_progress = dg.AutomationCondition.in_progress()
    # In a run, a mart is not stale for a moment, until its test fails. It must not count as newly stale then.
    newly_stale = (stale | in_progress).newly_true()
    # Dagster knows of other code once the definitions are loaded again. What was never built can't have a mark.
    corrected = (~failed).newly_true() | dg.AutomationCondition.code_version_changed()
    # What was skipped because something below it failed is asked for again together with that.
    below = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
    asked_once = (newly_stale | corrected | below).since(dg.AutomationCondition.newly_requested())
    waits = dg.AutomationCondition.any_deps_match(
        stale & ~dg.AutomationCondition.will_be_requested()
    )
    # In this order. A run that fails while this is evaluated sets its marks before it ends: so it misses
    # nothing to see first that no run is in progress, and then that no mark is set.
    return (
        stale
        & ~failed
        & asked_once
        & ~in_progress
        & ~dg.AutomationCondition.any_deps_in_progress()
        & ~waits
    ).with_label("when_stale")


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Return the sensor with Dagster's own name for it. It is off unless somebody turns it on."""
    return dg.AutomationConditionSensorDefinition(
        "default_automation_condition_sensor",
        target=dg.AssetSelection.all(),
        # Only the code of this project knows the condition.
        use_user_code_server=True,
        description="Materialises what the sensor facts has marked as stale, once what it is built from is ready.",
    )
