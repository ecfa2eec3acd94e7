"""Time inside the simulator: int64 seconds since 1970 (UTC), and months counted from year 0.

Contains: the arithmetic of months and billing days on arrays. Out of scope: the clock itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from saas_platform.clock import Month
from saas_platform.company.columns import Array

HOUR = 3_600
DAY = 24 * HOUR
#: Marks a timestamp that has not come yet or never will.
NEVER = -1


def epoch_seconds(timestamp: datetime) -> int:
    """Return the seconds since 1970 of a naive UTC timestamp, rounded up so that `< cutoff` stays correct."""
    passed = timestamp - datetime(1970, 1, 1)
    return passed.days * DAY + passed.seconds + (passed.microseconds > 0)


def month_starts(months: Array) -> Array:
    """Return the first second of each month index."""
    return (
        (np.asarray(months) - 1970 * 12)
        .astype("datetime64[M]")
        .astype("datetime64[s]")
        .astype(np.int64)
    )


def months_of(timestamps: Array) -> Array:
    """Return the month index of each timestamp."""
    return (
        np.asarray(timestamps).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
        + 1970 * 12
    )


def days_of_month(timestamps: Array) -> Array:
    """Return the day of the month of each timestamp, 1 to 31."""
    return (timestamps - month_starts(months_of(timestamps))) // DAY + 1


def billing_timestamps(months: Array | int, day: Array, second_of_day: Array) -> Array:
    """Return when a subscription with an anchor day is billed in a month, at the latest on its last day."""
    starts = month_starts(np.asarray(months))
    lengths = (month_starts(np.asarray(months) + 1) - starts) // DAY
    return starts + (np.minimum(day, lengths) - 1) * DAY + second_of_day


@dataclass(frozen=True)
class Span:
    """One month of the simulation: [start, end) in seconds."""

    month: Month
    start: int
    end: int

    @classmethod
    def of(cls, month: Month) -> Span:
        return cls(month, epoch_seconds(month.start), epoch_seconds(month.end))

    @property
    def index(self) -> int:
        return self.month.index

    @property
    def days(self) -> int:
        return (self.end - self.start) // DAY

    def holds(self, timestamps: Array) -> Array:
        """Return whether each timestamp is in the month."""
        return (timestamps >= self.start) & (timestamps < self.end)
