"""Test the slices of a table: each timestamp is in one of them, and they follow each other without a gap."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saas_platform.schema.slices import Slicing

GRAINS = pytest.mark.parametrize("grain", ["day", "month"])
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))
Grain = Literal["day", "month"]


@GRAINS
@given(at=TIMES)
def test_a_timestamp_is_between_the_bounds_of_its_slice(grain: Grain, at: datetime) -> None:
    slicing = Slicing("at", grain)
    first, after = slicing.bounds(slicing.id_of(at))
    assert first <= at < after
    assert slicing.id_of(first) == slicing.id_of(after - timedelta(microseconds=1))
    assert slicing.id_of(after) != slicing.id_of(first)


@pytest.mark.parametrize("month", range(1, 13))
def test_each_month_ends_with_the_next(month: int) -> None:
    after = Slicing("at", "month").bounds(f"2024-{month:02}")[1]
    assert after == (datetime(2025, 1, 1) if month == 12 else datetime(2024, month + 1, 1))


@GRAINS
@given(first=TIMES, days=st.integers(0, 200))
def test_the_slices_between_two_times_are_those_of_all_days(
    grain: Grain, first: datetime, days: int
) -> None:
    slicing, after = Slicing("at", grain), first + timedelta(days=days)
    moments = [first + timedelta(days=day) for day in range(days)]
    last = [after - timedelta(microseconds=1)] if days else []
    wanted = dict.fromkeys(slicing.id_of(each) for each in (*moments, *last))
    assert slicing.between(first, after) == [*wanted]


@GRAINS
def test_a_slice_that_begins_at_the_end_is_not_between(grain: Grain) -> None:
    found = Slicing("at", grain).between(datetime(2024, 1, 31), datetime(2024, 2, 1))
    assert found == [{"day": "2024-01-31", "month": "2024-01"}[grain]]
