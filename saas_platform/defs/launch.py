"""Run the job `everything` in this process, for the command line."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import dagster as dg

from saas_platform.clock import Month
from saas_platform.defs.build import build_definitions
from saas_platform.defs.instance import fewer_disk_waits, open_instance, prepare
from saas_platform.defs.jobs import EVERYTHING
from saas_platform.defs.marts import GROUP as MARTS
from saas_platform.defs.partitions import range_tags
from saas_platform.defs.plan import Plan, selected_plan, stale_plan
from saas_platform.defs.timing import Progress, WorkTimer
from saas_platform.defs.unfinished import command_line_tags, end_killed
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.refresh.staleness import Staleness


class RunError(PlatformError):
    """The job failed. The message contains the messages of the failed steps."""


class Display(Progress, Protocol):
    """Shows what a run does and how far it is."""

    def say(self, line: str) -> None:
        """Show a line."""

    def waiting(self, text: str) -> AbstractContextManager[None]:
        """Show a text while the block runs."""

    def showing(self, units: Mapping[str, int]) -> AbstractContextManager[None]:
        """Show how far each group is, of so many units, while the block runs."""


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run: its wall time in seconds, and the seconds of the work itself by group."""

    run_id: str
    seconds: float
    work_seconds: dict[str, float]

    @property
    def dagster_seconds(self) -> float:
        """The seconds that are not work: planning, events, type checks and storage."""
        return max(0.0, self.seconds - sum(self.work_seconds.values()))


def launch(
    platform: Platform,
    stale: Staleness,
    through: Month,
    select: Sequence[str],
    display: Display,
) -> tuple[tuple[str, ...], RunOutcome]:
    """Materialise the selected assets, or the stale ones if none is selected.

    Args:
        platform: the platform to run.
        stale: what is stale, with the reasons.
        through: the last month to generate.
        select: names of groups and assets; empty to run what is stale.
        display: shows the reasons, and how far the run is.

    Returns:
        The reasons and the outcome of the run.

    Raises:
        RunError: a step or a blocking check fails.
        SettingsError: `select` has an unknown name.
    """
    prepare(platform.home)
    work = WorkTimer(display)
    with display.waiting("Reading the definitions ..."):
        definitions = build_definitions(platform, work)
        specs = definitions.resolve_all_asset_specs()
    if select:
        plan = selected_plan(platform, specs, through, select)
    else:
        plan = stale_plan(specs, stale, through)
    for reason in plan.reasons:
        display.say(reason)
    with display.showing(plan.units()):
        return plan.reasons, execute(platform, definitions, work, plan)


def execute(
    platform: Platform, definitions: dg.Definitions, work: WorkTimer, plan: Plan
) -> RunOutcome:
    """Materialise the plan's assets in one run. The caller holds the lock of the home.

    Raises RunError if a step or a blocking check fails.
    """
    work.seconds.clear()
    began = time.perf_counter()
    job = _job(definitions, plan)
    months = range_tags(*plan.months) if platform.is_company else {}
    log = platform.home.run_log
    # dbt's lines would hide the progress, and they would break standard output for programs that read it.
    with (
        fewer_disk_waits(),
        open_instance(platform.home) as instance,
        log.open("w") as lines,
        contextlib.redirect_stdout(lines),
    ):
        end_killed(instance, platform.home)
        platform.home.unended.touch()
        result = job.execute_in_process(
            instance=instance,
            tags={**command_line_tags(platform.home), **months},
            run_config={"loggers": {"console": {}}},
            raise_on_error=False,
        )
        platform.home.unended.unlink(missing_ok=True)
    if not result.success:
        raise RunError(_reason(result))
    return RunOutcome(result.run_id, time.perf_counter() - began, work.seconds)


def _job(definitions: dg.Definitions, plan: Plan) -> dg.JobDefinition:
    """Return the job `everything`, cut down to the plan's assets and their checks."""
    job = definitions.resolve_job_def(EVERYTHING)
    chosen = set(plan.assets)
    graph = job.asset_layer.asset_graph
    marts = {key for key in chosen if key.path[0] == MARTS}

    def reads_a_chosen_mart(check: dg.AssetCheckKey) -> bool:
        """Return whether the check is a test that reads a mart to be built, even if it is shown at another one."""
        return check.asset_key.path[0] == MARTS and not marts.isdisjoint(
            graph.get(check).parent_entity_keys
        )

    # Without a list of checks, the full proofs, which the job leaves out, would come back.
    return job.get_subset(
        asset_selection=chosen,
        asset_check_selection={
            check
            for check in graph.asset_check_keys
            if check.asset_key in chosen or reads_a_chosen_mart(check)
        },
    )


def _reason(result: dg.ExecuteInProcessResult) -> str:
    """Return the messages of the failed steps and blocking checks, each once."""
    messages: dict[str, None] = {}
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.blocking:
                messages[
                    f"{check.asset_key.to_user_string()} failed its check {check.check_name}:"
                    f" {check.description or 'see the UI'}"
                ] = None
        elif event.event_type == dg.DagsterEventType.STEP_FAILURE:
            data = event.step_failure_data
            failure = data.user_failure_data
            if failure is not None:
                messages[failure.description or "a step failed without a message"] = None
            elif data.error is not None and not messages:
                messages[f"{event.step_key} failed: {data.error_display_string.strip()}"] = None
    sentences = (f"{each.rstrip('.')}." for each in messages)
    return " ".join(sentences) or "The run failed before its first step. See its log in the UI."
