"""Our own cases: the company by months, for the comparison and at scale.

Holds: the configs that are measured, and where the CPU time of a month is split by kind of row. Does
not hold: any other generator.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from benchmarks.measure import Laps
from saas_platform.clock import Month
from saas_platform.company import Company, CompanyConfig, people
from saas_platform.company import company as company_module
from saas_platform.company.config import UsageKnobs

START = Month(2024, 1)
SEED = 7

#: Kind of row by table; every other one is "other", and so is the simulation behind all rows.
KINDS = {"accounts": "accounts", "users": "users", "usage_events": "events"}


def scale_config(accounts: int) -> CompanyConfig:
    """The company of the scale part: its users do more in a session, 6.8 things instead of 3.8, so that the
    largest one has more than 100 million events.
    """
    usage = UsageKnobs(actions=4.8)
    return CompanyConfig(seed=SEED, accounts=accounts, start=START, usage=usage)


def comparison(laps: Laps, *, accounts: int, months: int) -> None:
    """The whole company, CPU time split by kind of row."""
    _warm_up()
    with ExitStack() as patches:
        for module, function, kind in (
            (people, "account_rows", "accounts"),
            (people, "user_rows", "users"),
            (company_module, "usage_table", "events"),
        ):
            timed = _timed(laps, kind, getattr(module, function))
            patches.enter_context(patch.object(module, function, timed))
        render = company_module.render
        patches.enter_context(patch.object(company_module, "render", _timed_render(laps, render)))
        _generate(laps, CompanyConfig(seed=SEED, accounts=accounts, start=START), months)


def scale(laps: Laps, *, accounts: int, months: int) -> None:
    """The whole company as it is, nothing patched."""
    _warm_up()
    _generate(laps, scale_config(accounts), months)


def _generate(laps: Laps, config: CompanyConfig, months: int) -> None:
    """Months in order; each is counted and dropped, so that one at a time is in memory."""
    last = config.start.plus(months - 1)
    with laps.lap("other"):
        company = Company(config)
        for month in config.start.until(last):
            for table, rows in company.batch(month, last.end).rows.items():
                laps.rows[KINDS.get(table, "other")] += len(rows)


def _warm_up() -> None:
    """Loads the vocabularies, as Faker and Mimesis load theirs before they are timed."""
    Company(CompanyConfig(seed=SEED + 1, accounts=20, start=START)).batch(START, START.end)


def _timed(laps: Laps, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        with laps.lap(kind):
            return function(*args, **kwargs)

    return timed


def _timed_render(laps: Laps, render: Callable[..., Any]) -> Callable[..., Any]:
    def timed(name: str, *args: Any) -> Any:
        with laps.lap(KINDS.get(name, "other")):
            return render(name, *args)

    return timed
