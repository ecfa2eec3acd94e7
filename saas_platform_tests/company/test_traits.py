"""The number of signups in a month is fixed, independent of what else is generated."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.clock import Month
from saas_platform.company.parameters import Growth
from saas_platform.company.traits import signups
from saas_platform_tests.drawing import examples

START = Month(2024, 1)
GROWTH = Growth()


@settings(max_examples=examples(40), deadline=None)
@given(accounts=st.integers(0, 20_000))
def test_the_first_24_months_sum_to_accounts(accounts: int) -> None:
    assert sum(signups(GROWTH, accounts, START, START.plus(k)) for k in range(24)) == accounts


@settings(max_examples=examples(40), deadline=None)
@given(accounts=st.integers(0, 5_000), more=st.integers(0, 500), month=st.integers(0, 60))
def test_more_accounts_never_take_a_signup_away(accounts: int, more: int, month: int) -> None:
    at = START.plus(month)
    assert signups(GROWTH, accounts + more, START, at) >= signups(GROWTH, accounts, START, at)


def test_growth_goes_on_after_the_window() -> None:
    yearly = [
        sum(signups(GROWTH, 5000, START, START.plus(12 * y + k)) for k in range(12))
        for y in range(5)
    ]
    assert yearly == sorted(yearly)
    assert signups(GROWTH, 5000, START, START.plus(-1)) == 0
