"""Judge whether the newest change of a table's row count fits the pattern of the changes before it.

Contains: a pure function from the row counts of days to an outcome with a sentence. Out of scope: where the row
counts come from.

Growth is the logarithm of the ratio of two row counts, so that tables of every size are judged alike. The pattern
is the median of the daily growth, and its spread is the median absolute deviation from that, so that a single odd
day in the past does not widen it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from saas_platform.schema.describing import counted
from saas_platform.warehouse.logs import DayRows

#: How many days the pattern is learnt from, and the fewest changes between days that make a pattern.
LOOK_BACK = 60
LEAST_CHANGES = 7
#: How many standard deviations a change may be off. _SIGMA turns a median absolute deviation into a standard
#: deviation, as it is for a normal distribution.
_SPREADS = 6.0
_SIGMA = 1.4826
#: A count is never unusual if it is less than a quarter above, or less than a fifth below, the expected one.
_LEAST_DEVIATION = math.log(1.25)
#: Nor is it unusual if fewer rows than this explain it: small tables grow in jumps.
_LEAST_ROWS = 10
#: The expected growth is cut off here, beyond any real row count, to keep exp() finite.
_MOST = 50.0


@dataclass(frozen=True)
class Judgement:
    """How the newest row count compares with the pattern. Growth and deviation are logarithms."""

    outcome: Literal["usual", "unusual", "unknown"]
    message: str
    rows: int
    #: The row count that the pattern predicts from the one before; None if there is no pattern yet.
    expected: float | None
    #: The usual growth per day.
    growth: float | None
    deviation: float | None
    allowed: float | None
    #: How many changes the pattern was learnt from.
    changes: int


def judge(days: Sequence[DayRows]) -> Judgement:
    """Compare the newest day with the changes from day to day before it. `days` has the oldest first."""
    if not days:
        return _unknown(0, 0, "No row count has been proven yet.")
    rows = days[-1].rows
    rates = [_growth(one, two) / _days(one, two) for one, two in pairwise(days[:-1]) if one.rows]
    rates = [rate for rate in rates if math.isfinite(rate)]
    if len(days) < 2 or len(rates) < LEAST_CHANGES:
        known = f"{len(rates)} changes from day to day are known, and {LEAST_CHANGES} are needed"
        return _unknown(rows, len(rates), f"There is no pattern yet: {known}.")
    before = days[-2]
    if not before.rows:
        return _unknown(rows, len(rates), "The table was empty before, so its growth has no rate.")
    passed = _days(before, days[-1])
    usual = median(rates)
    spread = _SIGMA * median(abs(rate - usual) for rate in rates)
    expected = before.rows * math.exp(max(-_MOST, min(_MOST, usual * passed)))
    deviation = abs(_growth(before, days[-1]) - usual * passed)
    allowed = max(_LEAST_DEVIATION, _SPREADS * spread * passed)
    odd = deviation > allowed and abs(rows - expected) >= _LEAST_ROWS
    within = "a day" if passed == 1 else f"{passed} days"
    return Judgement(
        outcome="unusual" if odd else "usual",
        message=f"{counted(rows, 'row')}, after {before.rows:,} ({within} before). The pattern of {len(rates)} earlier changes"
        f" predicts about {expected:,.0f}. The count is {'far outside' if odd else 'within'} the pattern.",
        rows=rows,
        expected=expected,
        growth=usual,
        deviation=deviation,
        allowed=allowed,
        changes=len(rates),
    )


def _unknown(rows: int, changes: int, message: str) -> Judgement:
    return Judgement("unknown", message, rows, None, None, None, None, changes)


def _growth(one: DayRows, two: DayRows) -> float:
    """Return the growth of a table that was not empty; minus infinity if it became empty."""
    return math.log(two.rows / one.rows) if two.rows else -math.inf


def _days(one: DayRows, two: DayRows) -> int:
    return (two.day - one.day).days
