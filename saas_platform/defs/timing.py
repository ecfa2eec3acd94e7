"""Measure how long the work itself took, so that Dagster's own share of a run is known, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol


class Progress(Protocol):
    """Shows how far the work is."""

    def begin(self, group: str) -> None:
        """Show that work of the group begins."""

    def end(self, group: str) -> None:
        """Show that work of the group ends, or fails."""

    def advance(self, group: str, units: int, rows: int) -> None:
        """Show that so many more units (months, tables, models) and rows are done."""


@dataclass
class Measurement:
    """The seconds of one block of work."""

    seconds: float = 0.0


class WorkTimer:
    """Adds up the seconds of work in this process, by group, and passes on how far it is."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def measure(self, group: str) -> Iterator[Measurement]:
        """Measure the block. The measurement has its seconds after the block has ended."""
        measured = Measurement()
        began = time.perf_counter()
        if self._progress:
            self._progress.begin(group)
        try:
            yield measured
        finally:
            measured.seconds = round(time.perf_counter() - began, 3)
            self.seconds[group] = self.seconds.get(group, 0.0) + measured.seconds
            if self._progress:
                self._progress.end(group)

    def done(self, group: str, *, units: int = 1, rows: int = 0) -> None:
        """Pass on that so many units (months, tables, models) of a group are done, with their rows."""
        if self._progress:
            self._progress.advance(group, units, rows)
