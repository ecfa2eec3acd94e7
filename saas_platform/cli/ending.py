"""End `saas-platform run`: bring Dagster's record up to date, and print what was done, what is proven and what is left.

Out of scope: the run itself (defs/launch.py), and the form of what is printed (printing.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from saas_platform.cli.discover import unnamed_and_left_behind
from saas_platform.cli.printing import print_run, print_warnings
from saas_platform.cli.summary import summarise, ui_command
from saas_platform.clock import Month
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.refresh.staleness import listed, staleness
from saas_platform.terminal import errors, say, say_warning

if TYPE_CHECKING:
    from saas_platform.defs.launch import RunOutcome


def end_run(
    platform: Platform, reasons: Sequence[str], outcome: RunOutcome | None, *, as_json: bool
) -> bool:
    """Print what a run did, and what is proven of each table. Return whether no table differs from its source."""
    try:
        tables = summarise(platform)
    except PlatformError as error:
        if outcome is None:
            raise
        # A part of the chain was asked for, and it is done; what comes after it is not there yet.
        say_warning(f"What was selected is done. {error}")
        tables = []
    print_warnings(unnamed_and_left_behind(platform))
    page = platform.home.dashboard / "index.html"
    shown = page if page.exists() and platform.is_company else None
    ui = ui_command(platform)
    return print_run(tables, reasons, outcome, shown, ui, as_json=as_json)


def end_killed_run(platform: Platform) -> None:
    """Report to Dagster that a run ended whose command was killed. The caller holds the lock of the home."""
    if platform.home.unended.exists():
        # Loading Dagster takes seconds, which a command with nothing to do should not cost.
        from saas_platform.defs.instance import open_instance
        from saas_platform.defs.unfinished import end_killed

        with open_instance(platform.home) as instance:
            end_killed(instance, platform.home)


def say_what_is_left(platform: Platform, through: Month) -> None:
    """Say in a line what is still stale after a run of selected assets."""
    stale = staleness(platform, through)
    left = [f"raw/{name}" for name in stale.changed]
    if stale.months:
        left = [stale.reasons[0]]
    elif left or not stale.groups:
        left += stale.causes
    # Else the only question is whether tables without a row version have changed, which is not known.
    if left:
        say(errors, f"Still stale: {listed(left)}. Run `saas-platform run` to build that too.")
