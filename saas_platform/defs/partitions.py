"""The company's months as Dagster partitions."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from saas_platform.clock import Month
from saas_platform.platform import Platform
from saas_platform.warehouse.interface import RAW

#: The only raw table partitioned by month: a single month can be backfilled and proven.
PARTITIONED = "usage_events"
#: Many months are done in one run, which costs seconds. One run for each month would cost minutes.
ONE_RUN = dg.BackfillPolicy.single_run()

#: The tag of a run of several months with the first of them.
_RANGE_START = "dagster/asset_partition_range_start"


def monthly(platform: Platform) -> dg.MonthlyPartitionsDefinition:
    """Return the months from SAAS_START to the month of the clock.

    If the clock runs (SAAS_AS_OF=now), they always end with the current calendar month.
    """
    settings = platform.settings
    first = settings.start.start.strftime("%Y-%m-%d")
    if settings.as_of == "now":
        return dg.MonthlyPartitionsDefinition(first, end_offset=1)
    # By default Dagster has only the months that have ended by the calendar, and the clock may be later.
    known = min(Month.of(datetime.now(UTC)), settings.start).plus(-1)
    return dg.MonthlyPartitionsDefinition(
        first,
        end_date=settings.last_month.end.strftime("%Y-%m-%d"),
        end_offset=max(0, settings.last_month.index - known.index),
    )


def key_of(month: Month) -> str:
    """Return the partition key of a month."""
    return f"{month}-01"


def months_of(context: dg.AssetExecutionContext) -> list[Month]:
    """Return the months that a run asks for, oldest first.

    Raises dagster.Failure if it asks for none: the run would write nothing, and record that all was done.
    """
    _require(context)
    return sorted(Month.parse(key.removesuffix("-01")) for key in context.partition_keys)


def require_partition(context: dg.AssetExecutionContext) -> None:
    """Raise dagster.Failure if the run materialises the partitioned raw table and has no partition.

    A run that lacks its partition is refused at its first step, before it has recorded anything.
    """
    selected = context.run.asset_selection
    if not selected or dg.AssetKey([RAW, PARTITIONED]) in selected:
        _require(context)


def refuse_without_partition(run: dg.DagsterRun) -> None:
    """Raise dagster.Failure if the run selects the partitioned raw table and has no partition.

    Dagster itself would end the step of that table before `require_partition` is asked, in words of its own.
    """
    has_partition = not {"dagster/partition", _RANGE_START}.isdisjoint(run.tags)
    if not has_partition and dg.AssetKey([RAW, PARTITIONED]) in (run.asset_selection or ()):
        raise _no_partition()


def _require(context: dg.AssetExecutionContext) -> None:
    if not (context.has_partition_key or context.has_partition_key_range):
        raise _no_partition()


def _no_partition() -> dg.Failure:
    return dg.Failure(
        "This run has no partition, so it is not known which months to materialise: choose them in the dialog"
        " Materialize, or use `saas-platform run`.",
        allow_retries=False,
    )


def range_tags(first: Month, last: Month) -> dict[str, str]:
    """Return the tags that make a single run cover the months `first` to `last`."""
    return {
        _RANGE_START: key_of(first),
        "dagster/asset_partition_range_end": key_of(last),
    }
