"""Test the live display of a run: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import dagster as dg
import pytest
from rich.text import Text

from saas_platform.clock import Month
from saas_platform.defs.plan import Plan

#: Works as a run does: while a step runs, Dagster sends standard error to a file.
_RUN = """
import os, sys, time
from saas_platform.cli.bars import Bars
from saas_platform.defs.timing import WorkTimer
from saas_platform.terminal import errors, say

bars = Bars()
work = WorkTimer(bars)
bars.say("a reason")
with bars.showing({"source": 2, "raw": 1}):
    terminal = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with work.measure("source"):
        work.done("source", rows=1200)
        time.sleep(0.6)
        say(errors, "a warning")
        work.done("source", rows=34)
    with work.measure("a group that has no bar"):
        work.done("a group that has no bar")
    os.dup2(terminal, 2)
say(errors, "the end")
"""


def drawn_on_a_terminal() -> str:
    """Return all that the run writes to a terminal, control codes included."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _RUN],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 65_536)
            except OSError:  # Linux reports the end of a terminal as an error.
                break
            if not part:
                break
            written += part
    os.close(ours)
    assert process.returncode == 0, written
    return written.decode().replace("\r", "")


def test_a_terminal_shows_bars() -> None:
    written = drawn_on_a_terminal()
    assert written.index("a reason") < written.index("1/2") < written.index("2/2")
    assert written.index("1/2") < written.index("a warning") < written.rindex("2/2")
    last = Text.from_ansi(written[written.rindex("source") :]).plain
    assert "2/2" in last
    assert "1,234 rows" in last
    assert "0.6 s" in last
    assert "0/1" in last.splitlines()[1]
    assert last.splitlines()[-1] == "the end"


def test_elsewhere_lines_are_printed() -> None:
    found = subprocess.run([sys.executable, "-c", _RUN], capture_output=True, text=True, check=True)
    assert found.stderr.split("\n") == ["  a reason", "the end", ""]
    assert found.stdout == ""


@pytest.mark.parametrize(
    ("assets", "expected"),
    [
        (
            ["synthetic/plans", "synthetic/users", "synthetic/truth", "source/plans", "raw/plans"],
            {"synthetic": 4, "source": 3, "raw": 1},
        ),
        (["synthetic/truth", "marts/a", "marts/b"], {"synthetic": 1, "marts": 2}),
    ],
)
def test_a_bar_counts_months_where_months_are_written_and_assets_elsewhere(
    assets: list[str], expected: dict[str, int]
) -> None:
    keys = tuple(dg.AssetKey(name.split("/")) for name in assets)
    plan = Plan(keys, (Month(2024, 11), Month(2025, 1)), ())
    assert plan.units() == expected
