"""The company's months as Dagster partitions."""

from __future__ import annotations

import dagster as dg

from saas_platform.clock import Month
from saas_platform.platform import Platform

#: A run of many months is one run, which costs seconds; one run for each would cost minutes.
ONE_RUN = dg.BackfillPolicy.single_run()


def monthly(platform: Platform) -> dg.MonthlyPartitionsDefinition:
    """SAAS_START to the month of the clock; with a clock that runs, the calendar's current month."""
    settings = platform.settings
    first = settings.start.start.strftime("%Y-%m-%d")
    if settings.as_of == "now":
        return dg.MonthlyPartitionsDefinition(first, end_offset=1)
    return dg.MonthlyPartitionsDefinition(
        first, end_date=settings.last_month.end.strftime("%Y-%m-%d")
    )


def key_of(month: Month) -> str:
    """The partition key of a month."""
    return f"{month}-01"


def months_of(context: dg.AssetExecutionContext) -> list[Month]:
    """The months that a run asks for, oldest first; none where it names none."""
    if not context.has_partition_key_range:
        return []
    return sorted(Month.parse(key.removesuffix("-01")) for key in context.partition_keys)


def range_tags(first: Month, last: Month) -> dict[str, str]:
    """Run tags that make one run of the months `first` to `last`."""
    return {
        "dagster/asset_partition_range_start": key_of(first),
        "dagster/asset_partition_range_end": key_of(last),
    }
