"""The judgement on a table's row count: by examples that a reader can check, and by properties."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saas_platform.sync.growth import LEAST_CHANGES, Judgement, judge
from saas_platform.warehouse.logs import DayRows

_FIRST = date(2026, 1, 1)


def judged(rows: Sequence[int], gaps: Sequence[int] | None = None) -> Judgement:
    """Judge row counts that are one day apart, or with the given gaps in days before each but the first."""
    days, day = [], _FIRST
    for n, count in enumerate(rows):
        day += timedelta(days=0 if n == 0 else gaps[n - 1] if gaps else 1)
        days.append(DayRows(day, count))
    return judge(days)


GROWING = [1000, 1010, 1021, 1030, 1041, 1051, 1062, 1073, 1084]


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([*GROWING, 1095], "usual"),
        ([*GROWING, 1084], "usual"),
        ([*GROWING, 542], "unusual"),
        ([*GROWING, 2168], "unusual"),
        ([*GROWING, 0], "unusual"),
        # One odd day in the past does not widen the pattern.
        ([*GROWING, 2168, 2190, 2212, 1106], "unusual"),
        # Days that differ wildly do widen it.
        ([1000, 2000, 900, 2100, 1000, 1900, 800, 2000, 1000, 2000], "usual"),
        # A small table grows in jumps.
        ([6] * 9 + [9], "usual"),
        ([60] * 9 + [90], "unusual"),
        (GROWING[:LEAST_CHANGES], "unknown"),
        ([0] * 20 + [5000], "unknown"),
        ([0] * 20, "unknown"),
        ([7], "unknown"),
        ([], "unknown"),
    ],
)
def test_examples(rows: list[int], outcome: str) -> None:
    assert judged(rows).outcome == outcome


def test_what_it_says() -> None:
    assert judged([*GROWING, 542]).message == (
        "542 rows, after 1,084 (a day before). The pattern of 8 earlier changes predicts about 1,095."
        " The count is far outside the pattern."
    )
    assert judged([*GROWING, 1110], [1] * 8 + [3]).message == (
        "1,110 rows, after 1,084 (3 days before). The pattern of 8 earlier changes predicts about 1,118."
        " The count is within the pattern."
    )
    assert judged(GROWING[:5]).message == (
        "There is no pattern yet: 3 changes from day to day are known, and 7 are needed."
    )


def test_the_fewest_changes_are_enough() -> None:
    assert judged(GROWING[: LEAST_CHANGES + 1]).outcome == "unknown"
    assert judged(GROWING[: LEAST_CHANGES + 2]).outcome == "usual"


rates = st.floats(-0.15, 0.15)
gaps = st.lists(st.integers(1, 9), min_size=9, max_size=30)


def steady(rate: float, apart: Sequence[int], first: int = 10**9) -> list[int]:
    """Return row counts that grow by the same share each day."""
    days = [0]
    for gap in apart:
        days.append(days[-1] + gap)
    return [round(first * math.exp(rate * day)) for day in days]


@given(rates, gaps)
def test_steady_growth_is_never_unusual(rate: float, apart: list[int]) -> None:
    assert judged(steady(rate / 10, apart), apart).outcome == "usual"


@given(st.integers(0, 200), st.integers(0, 40), gaps)
def test_nor_is_growth_by_the_same_number_of_rows(first: int, more: int, apart: list[int]) -> None:
    rows, count = [first], first
    for gap in apart:
        count += more * gap
        rows.append(count)
    if first >= more * 9 * 4:
        assert judged(rows, apart).outcome != "unusual"


@given(rates, gaps, st.sampled_from([0.5, 2.0, 0.1, 30.0, 0.0]))
def test_half_or_double_what_is_expected_is_unusual(
    rate: float, apart: list[int], factor: float
) -> None:
    rows = steady(rate / 10, apart)
    assert judged([*rows[:-1], round(rows[-1] * factor)], apart).outcome == "unusual"


counts = st.lists(st.integers(100, 10**6), min_size=10, max_size=40)


@given(counts, st.integers(1, 10**6))
def test_size_does_not_matter(rows: list[int], scale: int) -> None:
    small, large = judged(rows), judged([count * scale for count in rows])
    assert small.deviation == pytest.approx(large.deviation, abs=1e-9)
    assert small.allowed == pytest.approx(large.allowed, abs=1e-9)
    assert small.deviation is not None
    assert small.allowed is not None
    if not math.isclose(small.deviation, small.allowed, abs_tol=1e-6):
        assert small.outcome == large.outcome


@given(counts, st.integers(0, 10**7), st.integers(0, 10**7))
def test_farther_off_is_never_less_unusual(rows: list[int], one: int, two: int) -> None:
    """Of two counts on the same side of the expected one, the farther is unusual if the nearer is."""
    expected = judged([*rows, rows[-1]]).expected
    assert expected is not None
    nearer, farther = sorted((one, two), key=lambda count: abs(count - expected))
    if (nearer < expected) == (farther < expected) and judged([*rows, nearer]).outcome == "unusual":
        assert judged([*rows, farther]).outcome == "unusual"


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 5))
def test_any_small_counts_have_an_answer(rows: list[int], last: int) -> None:
    assert judged([*rows, last]).message
