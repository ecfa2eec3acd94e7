"""The kinds of charts that the page knows: what has to be declared of each.

A series is the sum of a column over the rows of a period, or the quotient of two such sums, so that filtered
rows add up correctly. Out of scope: the charts themselves (sections.py) and drawing (static/dashboard.js).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["money", "count", "percent", "points", "days"]
#: A name of the palette in static/dashboard.css.
Colour = Literal["blue", "sky", "green", "orange", "red", "purple", "grey", "ink"]
Mark = Literal["bar", "line", "dashed", "area", "untold"]


@dataclass(frozen=True)
class Series:
    """`untold` is not drawn: the tooltip and the table have it."""

    label: str
    column: str
    colour: Colour
    mark: Mark = "line"
    #: The column whose sum divides.
    per: str | None = None
    #: Where it is not the chart's; then the axis is on the right.
    unit: Unit | None = None


@dataclass(frozen=True)
class Chart:
    """What all kinds have: a title that says what is shown, and the definition in a sentence."""

    id: str
    title: str
    definition: str
    table: str
    unit: Unit


@dataclass(frozen=True)
class Periods(Chart):
    """Series over months or days; bars are stacked."""

    x: str
    series: tuple[Series, ...]
    #: A line across, such as 100 %.
    reference: float | None = None
    kind: Literal["periods"] = "periods"


@dataclass(frozen=True)
class Split(Chart):
    """One series for each value of a column: stacked areas, or lines for ratios."""

    x: str
    by: str
    column: str
    per: str | None = None
    kind: Literal["split"] = "split"


@dataclass(frozen=True)
class Ranking(Chart):
    """The last month, one bar for each value of a column."""

    x: str
    by: str
    column: str
    kind: Literal["ranking"] = "ranking"


@dataclass(frozen=True)
class Cohorts(Chart):
    """Month of signup down, months since the first payment across."""

    column: str
    per: str
    #: Where a cell is neither good nor bad; without one, more is simply darker.
    middle: float | None = None
    kind: Literal["cohorts"] = "cohorts"


@dataclass(frozen=True)
class Intervals(Chart):
    """For each campaign a difference and its interval, and how many accounts stand behind it."""

    difference: str
    treated: str
    holdout: str
    kind: Literal["intervals"] = "intervals"


@dataclass(frozen=True)
class Arms(Chart):
    """For each campaign a figure of the treated and of the holdout."""

    series: tuple[Series, Series]
    kind: Literal["arms"] = "arms"


@dataclass(frozen=True)
class Calibration(Chart):
    """Predicted against observed, and against the truth that the simulator kept."""

    kind: Literal["calibration"] = "calibration"


@dataclass(frozen=True)
class Section:
    """Charts under one heading."""

    id: str
    title: str
    charts: tuple[Chart, ...]
