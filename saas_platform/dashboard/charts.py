"""The kinds of charts on the page, and what a chart of each kind declares.

A series is the sum of a column over the rows of a period, or the quotient of two such sums. So a series stays
correct when rows are filtered. Out of scope: the charts themselves (sections.py) and how they are drawn
(static/charts).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ChartUnit = Literal["money", "count", "percent", "points", "days"]
#: The name of a colour in the palette of static/dashboard.css.
Colour = Literal["blue", "sky", "green", "orange", "red", "purple", "grey", "ink"]
Mark = Literal["bar", "line", "dashed", "area", "hidden"]


@dataclass(frozen=True)
class Series:
    """One series of a chart. A `hidden` series is not drawn but appears in the tooltip and in the table."""

    label: str
    column: str
    colour: Colour
    mark: Mark = "line"
    #: The column whose sum is the divisor of a quotient.
    per: str | None = None
    #: The unit, if it differs from the chart's. Such a series has its axis on the right.
    unit: ChartUnit | None = None


@dataclass(frozen=True)
class Chart:
    """What charts of all kinds declare, such as a title and a definition of what is shown."""

    id: str
    title: str
    definition: str
    table: str
    unit: ChartUnit


@dataclass(frozen=True)
class Periods(Chart):
    """Series over months or days. Bars are stacked."""

    x: str
    series: tuple[Series, ...]
    #: The value of a horizontal reference line, such as 100 %.
    reference: float | None = None
    kind: Literal["periods"] = "periods"


@dataclass(frozen=True)
class Split(Chart):
    """One series for each value of a column, drawn as stacked areas, or as lines if it is a ratio."""

    x: str
    by: str
    column: str
    per: str | None = None
    kind: Literal["split"] = "split"


@dataclass(frozen=True)
class Ranking(Chart):
    """The figures of the last month, with one bar for each value of a column."""

    x: str
    by: str
    column: str
    kind: Literal["ranking"] = "ranking"


@dataclass(frozen=True)
class Cohorts(Chart):
    """A grid with a row for each month of signup and a column for each month since the first payment."""

    column: str
    per: str
    #: The value at which a cell is neither good nor bad. Without it, a larger value is simply darker.
    middle: float | None = None
    kind: Literal["cohorts"] = "cohorts"


@dataclass(frozen=True)
class Intervals(Chart):
    """A difference with its interval for each campaign, and the numbers of accounts from which it comes."""

    difference: str
    treated: str
    holdout: str
    kind: Literal["intervals"] = "intervals"


@dataclass(frozen=True)
class Arms(Chart):
    """A figure of the treated accounts and of the holdout for each campaign."""

    series: tuple[Series, Series]
    kind: Literal["arms"] = "arms"


@dataclass(frozen=True)
class Calibration(Chart):
    """Predicted probabilities against observed shares, and against the simulator's true hazards."""

    kind: Literal["calibration"] = "calibration"


@dataclass(frozen=True)
class Section:
    """The charts under one heading."""

    id: str
    title: str
    charts: tuple[Chart, ...]
