"""The tiles at the top of the page: eight figures of the last full month, each with its change.

Out of scope: SQL and HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from saas_platform.dashboard.data import Facts

TileUnit = Literal["money", "count", "percent"]

#: The size of the box in which a tile's small line chart is drawn.
_WIDTH, _HEIGHT = 120.0, 28.0
_MONTHS_DRAWN = 13


@dataclass(frozen=True)
class Tile:
    """One figure and its history, one value for each month. A value is None if it is NULL in the mart."""

    key: str
    label: str
    definition: str
    unit: TileUnit
    history: Sequence[float | None]
    #: Whether a rise of the figure is good news.
    rising_is_good: bool = True

    @property
    def value(self) -> float | None:
        """The figure of the last full month."""
        return self.history[-1]

    @property
    def text(self) -> str:
        """The figure as the page shows it."""
        return "–" if self.value is None else _text(self.value, self.unit)

    @property
    def change(self) -> float | None:
        """The relative change on the month before, or the difference if the figure is a ratio."""
        before = self.history[-2] if len(self.history) > 1 else None
        if self.value is None or before is None:
            return None
        if self.unit == "percent":
            return self.value - before
        return self.value / before - 1 if before else None

    @property
    def change_text(self) -> str:
        """The change as the page shows it."""
        if self.change is None:
            return "nothing to compare with"
        sign = "+" if self.change >= 0 else "−"
        unit = "pp" if self.unit == "percent" else "%"
        # A space that breaks no line: the number stays with its unit.
        return f"{sign}{abs(self.change) * 100:.1f}\u00a0{unit}"

    @property
    def tone(self) -> Literal["good", "bad", "even"]:
        """Whether the change is good news, bad news or neither."""
        if self.change is None or abs(self.change) < 0.0005:
            return "even"
        return "good" if (self.change > 0) == self.rising_is_good else "bad"

    @property
    def path(self) -> str:
        """The last months as points of an SVG polyline, or an empty text if there are too few."""
        recent = list(self.history[-_MONTHS_DRAWN:])
        known = [value for value in recent if value is not None]
        if len(known) < 2:
            return ""
        low, high = min(known), max(known)
        points = []
        for position, value in enumerate(recent):
            if value is not None:
                x = _WIDTH * position / (len(recent) - 1)
                y = _HEIGHT / 2 if high == low else _HEIGHT * (high - value) / (high - low)
                points.append(f"{x:.1f},{y + 2:.1f}")
        return " ".join(points)


def _text(value: float, unit: TileUnit) -> str:
    if unit == "percent":
        return f"{value * 100:.1f} %"
    # Eight digits do not fit on a tile.
    text = f"{value:,.0f}" if abs(value) < 1e7 else f"{value / 1e6:,.1f}M"
    return f"${text}" if unit == "money" else text


def tiles(facts: Facts) -> list[Tile]:
    """Return the tiles in the order of the page. There must be at least one full month."""
    company, users = facts.tables["company_months"], facts.tables["user_months"]
    return [
        Tile(
            "mrr", "MRR", "at month end, net of discounts", "money", company.numbers("closing_mrr")
        ),
        Tile("arr", "ARR", "12 × MRR", "money", company.numbers("arr")),
        Tile(
            "paying_accounts",
            "Paying accounts",
            "MRR above 0 at month end",
            "count",
            company.numbers("paying_accounts"),
        ),
        Tile("arpa", "ARPA", "MRR / paying accounts", "money", company.numbers("arpa")),
        Tile(
            "nrr_12m",
            "NRR, 12 months",
            "last year’s payers: MRR now / MRR then",
            "percent",
            company.numbers("nrr_12m"),
        ),
        Tile(
            "grr_12m",
            "GRR, 12 months",
            "the same, without expansion",
            "percent",
            company.numbers("grr_12m"),
        ),
        Tile(
            "logo_churn",
            "Logo churn",
            "lost in the month / customers at its start",
            "percent",
            _logo_churn(facts),
            rising_is_good=False,
        ),
        Tile("mau", "MAU", "users active in the last 28 days", "count", users.numbers("mau")),
    ]


def _logo_churn(facts: Facts) -> list[float | None]:
    """Return the logo churn of all segments together for each month."""
    table = facts.tables["churn_months"]
    totals = {month: [0.0, 0.0] for month in facts.months}
    for month, opening, churned in zip(
        table.columns["month"],
        table.numbers("opening_customers"),
        table.numbers("churned_customers"),
        strict=True,
    ):
        totals[str(month)][0] += opening or 0
        totals[str(month)][1] += churned or 0
    return [churned / opening if opening else None for opening, churned in totals.values()]
