"""Our cases of benchmarks/generate.py: the company by months, for the comparison and at scale.

Contains: the configs that are measured, and the split of a month's CPU time by kind of row. Out of scope: the
other generators (peers.py).
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

#: Kind of row by table. Every other table is "other", and so is the simulation behind all rows.
KINDS = {"accounts": "accounts", "users": "users", "usage_events": "events"}


def scale_config(accounts: int) -> CompanyConfig:
    """Return the company of the scale part.

    Its users do 6.8 things in a session instead of 3.8, so that the largest company has more than 100 million
    events.
    """
    usage = UsageKnobs(actions=4.8)
    return CompanyConfig(seed=SEED, accounts=accounts, start=START, usage=usage)


def comparison(laps: Laps, *, accounts: int, months: int) -> None:
    """Generate the whole company, with the CPU time split by kind of row."""
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
    """Generate the whole company as it is, without any patch."""
    _warm_up()
    _generate(laps, scale_config(accounts), months)


def _generate(laps: Laps, config: CompanyConfig, months: int) -> None:
    """Generate the months in order; count and drop each, so that only one month is in memory."""
    last = config.start.plus(months - 1)
    with laps.lap("other"):
        company = Company(config)
        for month in config.start.until(last):
            for table, rows in company.batch(month, last.end).rows.items():
                laps.rows[KINDS.get(table, "other")] += len(rows)


def _warm_up() -> None:
    """Load the vocabularies, as Faker and Mimesis load theirs before they are timed."""
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
