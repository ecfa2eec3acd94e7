"""The schedules and the sensor of the source. They decide when to run; the jobs do the work."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import dagster as dg

from saas_platform.clock import Clock, Month
from saas_platform.defs.jobs import COMPANY_MONTH, FULL_PROOF, REFRESH
from saas_platform.defs.names import AssetTables
from saas_platform.defs.partitions import key_of, range_tags
from saas_platform.defs.resources import (
    CompanyClock,
    SourceDatabase,
    SyntheticCompany,
    WarehouseResource,
)
from saas_platform.defs.unfinished import is_running
from saas_platform.errors import PlatformError
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.refresh.products import above
from saas_platform.refresh.staleness import Cause
from saas_platform.schema import version_of
from saas_platform.sync import probe
from saas_platform.sync.findings import MOST_TRIES
from saas_platform.sync.probe import NO_ROW_VERSION

#: The company's day ends at midnight UTC. The schedules run before anyone is at work.
COMPANY_AT = "15 0 * * *"
PROOF_AT = "0 2 * * *"
DIGESTS_AT = "30 * * * *"
#: The names in the cursor of the state of the source for which a refresh was requested, and of how often each attempt
#: above raw was asked for.
_SOURCE, _ASKED = "source", "asked"


def schedules(tables: AssetTables, *, from_synthetic: bool) -> list[dg.ScheduleDefinition]:
    """Return the schedules: the nightly proof, the company's day and, if a table needs it, a refresh."""
    made = [
        dg.ScheduleDefinition(
            name="nightly_full_proof",
            job_name=FULL_PROOF,
            cron_schedule=PROOF_AT,
            description="Proves every slice of every table. A sync proves only the slices that it"
            " touched.",
        )
    ]
    if from_synthetic:
        made.append(_daily_company())
    if any(version_of(table) is None for table in tables.values()):
        made.append(
            dg.ScheduleDefinition(
                name="hourly_refresh",
                job_name=REFRESH,
                cron_schedule=DIGESTS_AT,
                description="Syncs by digests, because the sensor cannot see changes to a table that"
                " has no row version.",
            )
        )
    return made


def _daily_company() -> dg.ScheduleDefinition:
    @dg.schedule(
        name="daily_company",
        job_name=COMPANY_MONTH,
        cron_schedule=COMPANY_AT,
        description="Writes the current month up to the clock; on the first day of a month, also"
        " the rest of the month that just ended.",
    )
    def daily_company(
        source: SourceDatabase, company: SyntheticCompany
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        months = company.months()
        try:
            stale = months.stale(source.owned())
        except PlatformError as error:
            yield dg.SkipReason(str(error))
            return
        day = months.clock.as_of.date()
        if not stale:
            yield dg.SkipReason(
                f"The source already has everything before SAAS_AS_OF {day}{_how_to_go_on(months.clock)}."
            )
            return
        yield dg.RunRequest(
            run_key=f"{months.name}/{day}/{stale[0]}..{stale[-1]}",
            tags=range_tags(stale[0], stale[-1]),
        )

    return daily_company


def _how_to_go_on(clock: Clock) -> str:
    if clock.setting == "now":
        return ""
    return ": set SAAS_AS_OF=now to let the company go on each day"


def source_sensor(
    tables: AssetTables, *, by_month: bool, loaded: Collection[str] | None = None
) -> dg.SensorDefinition:
    """Return the sensor that requests a refresh when a table of the source has changed.

    Args:
        tables: the tables by asset name.
        by_month: whether the job is partitioned by month.
        loaded: the names of the assets that the definitions have; None for all. Dagster refuses to run another one.
    """

    @dg.sensor(
        name="source_changed",
        job_name=REFRESH,
        minimum_interval_seconds=60,
        description="Checks in the source itself whether any table has changed since its last sync,"
        " no matter who wrote to it, and then refreshes everything that depends on it.",
    )
    def source_changed(
        context: dg.SensorEvaluationContext,
        source: SourceDatabase,
        warehouse: WarehouseResource,
        clock: CompanyClock,
        bookkeeping: dg.ResourceParam[Bookkeeping],
    ) -> dg.SensorResult:
        month = clock.read().last_month if by_month else None
        try:
            found = probe(source.open(), warehouse.open(), tables.values())
        except PlatformError as error:
            return dg.SensorResult(skip_reason=str(error))
        stale = {each.table: each for each in found if each.reason not in (None, NO_ROW_VERSION)}
        if not stale:
            return _above_raw(context, bookkeeping, month, loaded)
        state = {
            name: [each.watermark, each.version, each.rows_source]
            for name, each in sorted(stale.items())
        }
        requested, asked = _read(context.cursor)
        if state == requested:
            return dg.SensorResult(
                skip_reason="A refresh for this state was already requested. If it failed, rerun it."
            )
        reasons = ", ".join(f"{name} ({each.reason})" for name, each in sorted(stale.items()))
        context.log.info(f"Stale: {reasons}")
        # What fails above raw has not changed by that, so its attempts stay.
        return dg.SensorResult(
            run_requests=[_refresh(month, reasons)], cursor=_cursor(state, asked)
        )

    return source_changed


def _cursor(state: Mapping[str, Any], asked: Mapping[str, int]) -> str:
    return json.dumps({_SOURCE: state, _ASKED: asked})


def _read(cursor: str | None) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the two parts of a cursor, of which an earlier version had only one."""
    found = json.loads(cursor or "{}")
    asked = found.get(_ASKED)
    if isinstance(asked, dict):
        return found.get(_SOURCE, {}), asked
    return found, {}


def _refresh(
    month: Month | None, reason: str, only: Collection[str] | None = None
) -> dg.RunRequest:
    """Return the request for a refresh of everything, or of these assets above raw, which have no partitions."""
    return dg.RunRequest(
        partition_key=None if month is None or only else key_of(month),
        asset_selection=[dg.AssetKey(name.split("/")) for name in only] if only else None,
        tags={"reason": reason[:200]},
    )


def _above_raw(
    context: dg.SensorEvaluationContext,
    bookkeeping: Bookkeeping,
    month: Month | None,
    loaded: Collection[str] | None,
) -> dg.SensorResult:
    """Request a refresh if something above raw is stale, by the rule of `run`: a build failed, or was damaged since.

    The same attempt at a product is asked for a few times, and then left to a person or to another change: a failure
    has other words than what led to it, and other products may be stale by then. What is built from such a product waits
    for it, as for one that the definitions do not have; the rest is asked for. The cursor has the attempts and the number
    of their requests, and no state of the source, so that an old state that comes back counts as new.
    """
    _, before = _read(context.cursor)
    try:
        # As `run` does, this refuses a source with another company.
        stale = bookkeeping.to_materialise()
        causes = bookkeeping.stale() if stale.months else stale.causes
        inputs = bookkeeping.inputs() if causes else {}
    except PlatformError as error:
        return dg.SensorResult(skip_reason=str(error), cursor=_cursor({}, before))
    if not causes:
        quiet = (
            "Every raw table is up to date with its source, and what is built from raw with raw."
        )
        return dg.SensorResult(skip_reason=quiet, cursor=_cursor({}, {}))
    new = [name for name in causes if loaded is not None and name not in loaded]
    left_out = [_words_on_new(new)] if new else []
    if is_running(context.instance, bookkeeping.platform.home):
        left_out.append("A run is in progress, after which this is looked at again.")
        return dg.SensorResult(skip_reason=" ".join(left_out), cursor=_cursor({}, before))
    states = {name: f"{name} {cause.attempt}" for name, cause in causes.items()}
    tried = [name for name, state in states.items() if before.get(state, 0) >= MOST_TRIES]
    waiting = above([*new, *tried], inputs)
    # What could not be built because of another one has its own attempts once the other one is up to date.
    tried = [name for name in tried if waiting.isdisjoint(inputs.get(name, ()))]
    if tried:
        left_out.append(_words_on_tried({name: causes[name] for name in tried}))
    ready = {name: cause for name, cause in causes.items() if name not in waiting}
    kept = {states[name]: before.get(states[name], 0) for name in [*tried, *ready]}
    if not ready:
        return dg.SensorResult(skip_reason=" ".join(left_out), cursor=_cursor({}, kept))
    own = {name: cause for name, cause in ready.items() if cause.is_own} or ready
    reason = _listed(own)
    asked = {states[name]: kept[states[name]] + 1 for name in own}
    context.log.info(" ".join([f"Stale above raw: {reason}.", *left_out]))
    return dg.SensorResult(
        run_requests=[_refresh(month, reason, ready)], cursor=_cursor({}, {**kept, **asked})
    )


def _words_on_new(new: Collection[str]) -> str:
    return f"Reload the definitions: they do not have {', '.join(new)} yet, and what is built from that waits."


def _words_on_tried(tried: Mapping[str, Cause]) -> str:
    return (
        f"{MOST_TRIES} runs did not bring up to date what is stale: look at their logs and correct the code or the data,"
        f" which leads to another run, or run `saas-platform run`. {_listed(tried)}."
    )


def _listed(causes: Mapping[str, Cause]) -> str:
    return "; ".join(f"{name} {cause.words}" for name, cause in causes.items())
