"""Whether the newest change of a table's row count is in the pattern of the changes before it.

Holds the judgement, pure: days with their rows in, a verdict with its sentence out. Does not hold: where
the days come from.

Growth is the logarithm of the ratio of two row counts, so that a table of any size is judged the same; the
pattern is the median of the growth a day, and how far the days lie from it (their median absolute
deviation), so that a single odd day in the past does not widen it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from saas_platform.warehouse.logs import DayRows

#: Days that are learnt from, and the fewest changes between them that tell of a pattern.
LOOK_BACK = 60
LEAST_CHANGES = 7
#: Standard deviations, as a normal spread would have them, that a change may be off.
_SPREADS = 6.0
_SIGMA = 1.4826
#: A change is never told below a quarter more, or a fifth less, than expected,
_LEAST_DEVIATION = math.log(1.25)
#: nor when so few rows explain it: small tables grow in jumps.
_LEAST_ROWS = 10
#: Growth of a day beyond which no count follows; keeps exp() finite.
_MOST = 50.0


@dataclass(frozen=True)
class Judgement:
    """How the newest row count stands to the pattern; growth and deviation are logarithms."""

    verdict: Literal["usual", "unusual", "unknown"]
    says: str
    rows: int
    #: What the pattern made of the count before; None: there is no pattern yet.
    expected: float | None
    #: Usual growth of a day.
    growth: float | None
    deviation: float | None
    allowed: float | None
    #: Changes that the pattern was learnt from.
    changes: int


def judge(days: Sequence[DayRows]) -> Judgement:
    """The newest of the days, oldest first, against the changes from day to day before it."""
    if not days:
        return _unknown(0, 0, "No row count was proven yet.")
    rows = days[-1].rows
    rates = [_growth(one, two) / _days(one, two) for one, two in pairwise(days[:-1]) if one.rows]
    rates = [rate for rate in rates if math.isfinite(rate)]
    if len(days) < 2 or len(rates) < LEAST_CHANGES:
        known = f"{len(rates)} changes from day to day are known, {LEAST_CHANGES} are needed"
        return _unknown(rows, len(rates), f"Too little is known to tell: {known}.")
    before = days[-2]
    if not before.rows:
        return _unknown(rows, len(rates), "The table was empty before, which is no pattern.")
    passed = _days(before, days[-1])
    usual = median(rates)
    spread = _SIGMA * median(abs(rate - usual) for rate in rates)
    expected = before.rows * math.exp(max(-_MOST, min(_MOST, usual * passed)))
    deviation = abs(_growth(before, days[-1]) - usual * passed)
    allowed = max(_LEAST_DEVIATION, _SPREADS * spread * passed)
    odd = deviation > allowed and abs(rows - expected) >= _LEAST_ROWS
    within = "a day" if passed == 1 else f"{passed} days"
    return Judgement(
        verdict="unusual" if odd else "usual",
        says=f"{rows:,} rows, {before.rows:,} before ({within}); expected about {expected:,.0f} by"
        f" {len(rates)} changes before, {'far outside' if odd else 'within'} the pattern.",
        rows=rows,
        expected=expected,
        growth=usual,
        deviation=deviation,
        allowed=allowed,
        changes=len(rates),
    )


def _unknown(rows: int, changes: int, says: str) -> Judgement:
    return Judgement("unknown", says, rows, None, None, None, None, changes)


def _growth(one: DayRows, two: DayRows) -> float:
    """Of a table that is not empty; minus infinity where it became empty."""
    return math.log(two.rows / one.rows) if two.rows else -math.inf


def _days(one: DayRows, two: DayRows) -> int:
    return (two.day - one.day).days
