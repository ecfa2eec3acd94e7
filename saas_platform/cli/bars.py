"""The live display of a run: a bar for each group, with its units (months, tables, models), rows and seconds.

Contains: the bars of a terminal, and the lines that stand for them where there is none. Out of scope: the lines
that report an asset or a failed check (defs/progress.py).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID
from rich.table import Column
from rich.text import Text

from saas_platform.terminal import errors, is_live, say

_PER_SECOND = 5


class _Rows(ProgressColumn):
    """The rows that a group has written."""

    def __init__(self) -> None:
        super().__init__(Column(justify="right", min_width=15))

    def render(self, task: Task) -> Text:
        rows = task.fields["rows"]
        return Text(f"{rows:,} rows" if rows else "")


class _Seconds(ProgressColumn):
    """The seconds that a group has worked, up to now."""

    def __init__(self) -> None:
        super().__init__(Column(justify="right", min_width=8))

    def render(self, task: Task) -> Text:
        seconds, began = task.fields["seconds"], task.fields["began"]
        if began is not None:
            seconds += time.perf_counter() - began
        return Text(f"{seconds:.1f} s" if seconds else "", style="dim")


class Bars:
    """Shows the reasons for a run, and how far it is. It shows the bars on a terminal only."""

    def __init__(self) -> None:
        self._bars = Progress(
            "  {task.description:<10}",
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _Rows(),
            _Seconds(),
            console=errors,
            refresh_per_second=_PER_SECOND,
            redirect_stdout=False,
        )
        self._tasks: dict[str, TaskID] = {}

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show a text on a terminal while the block runs."""
        if not is_live():
            yield
            return
        with errors.status(text):
            yield

    def say(self, line: str) -> None:
        """Print a line."""
        say(errors, f"  {line}")

    @contextmanager
    def showing(self, units: Mapping[str, int]) -> Iterator[None]:
        """Show a bar for each group of `units` while the block runs; the bars stay when it ends."""
        if not is_live():
            yield
            return
        self._tasks = {
            group: self._bars.add_task(group, total=total, rows=0, seconds=0.0, began=None)
            for group, total in units.items()
        }
        # While a step runs, Dagster sends what is written to standard error to a file.
        before = errors.file
        with os.fdopen(os.dup(before.fileno()), "w") as terminal:
            errors.file = terminal
            try:
                with self._bars:
                    yield
            finally:
                errors.file = before

    def begin(self, group: str) -> None:
        """Let the seconds of the group run."""
        if group in self._tasks:
            self._bars.update(self._tasks[group], began=time.perf_counter())

    def end(self, group: str) -> None:
        """Stop the seconds of the group."""
        if group in self._tasks:
            fields = self._fields(group)
            worked = fields["seconds"] + time.perf_counter() - fields["began"]
            self._bars.update(self._tasks[group], seconds=worked, began=None)

    def advance(self, group: str, units: int, rows: int) -> None:
        """Move the group's bar on."""
        if group in self._tasks:
            written = self._fields(group)["rows"] + rows
            self._bars.update(self._tasks[group], advance=units, rows=written)

    def _fields(self, group: str) -> dict[str, float]:
        (task,) = (task for task in self._bars.tasks if task.id == self._tasks[group])
        return task.fields
