"""Calendar months, and the company's clock.

Every figure is computed as of this clock's `as_of`, never as of the system time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, order=True)
class Month:
    """A UTC calendar month.

    >>> Month.parse("2024-12").next()
    Month(year=2025, number=1)
    >>> str(Month.of(datetime(2024, 2, 29)))
    '2024-02'
    """

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Parse a month written as `YYYY-MM`. Raises a readable ValueError for anything else."""
        match = _MONTH.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a month: write it as YYYY-MM, such as 2024-03")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        """Return the month that contains the day."""
        return cls(day.year, day.month)

    @classmethod
    def from_index(cls, index: int) -> Month:
        """Return the month whose `index` is given."""
        return cls(index // 12, index % 12 + 1)

    @property
    def index(self) -> int:
        """The number of months since year 0. The difference of two indexes counts the months between them."""
        return self.year * 12 + self.number - 1

    @property
    def start(self) -> datetime:
        """The timestamp at which the month begins (UTC, naive)."""
        return datetime(self.year, self.number, 1)

    @property
    def end(self) -> datetime:
        """The timestamp at which the next month begins (UTC, naive)."""
        return self.next().start

    def next(self) -> Month:
        """Return the month after this one."""
        return self.plus(1)

    def plus(self, months: int) -> Month:
        """Return the month that lies this many months later, or earlier if negative."""
        return Month.from_index(self.index + months)

    def until(self, last: Month) -> Iterator[Month]:
        """Return this month and the following ones, up to and including `last`."""
        return (Month.from_index(index) for index in range(self.index, last.index + 1))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


def start_month(value: Any) -> Month:
    """Parse a month written as `YYYY-MM`, or as its first day `YYYY-MM-01`.

    Raises a readable ValueError for anything else.
    """
    if isinstance(value, Month):
        return value
    text = str(value)
    return Month.parse(text.removesuffix("-01") if text.count("-") == 2 else text)


@dataclass(frozen=True)
class Clock:
    """The company's clock, set to a fixed day or to the calendar (`now`).

    `as_of` is a UTC midnight and exclusive: only events before it have happened. With `now` it is the
    last midnight, so that all runs of one day see the same company.
    """

    setting: date | Literal["now"]

    @property
    def as_of(self) -> datetime:
        """The UTC midnight before which everything has happened (naive)."""
        day = self.setting if isinstance(self.setting, date) else datetime.now(UTC).date()
        return datetime(day.year, day.month, day.day)

    @property
    def last_month(self) -> Month:
        """The month that contains the last instant before `as_of`."""
        as_of = self.as_of
        month = Month.of(as_of)
        return month.plus(-1) if as_of == month.start else month
