"""Measure how long the work itself took, so that Dagster's own share of a run is known."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Measurement:
    """The seconds of one block of work."""

    seconds: float = 0.0


class WorkTimer:
    """Adds up the seconds of work in this process, by group."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, group: str) -> Iterator[Measurement]:
        """Measure the block. The measurement has its seconds after the block has ended."""
        measured = Measurement()
        began = time.perf_counter()
        try:
            yield measured
        finally:
            measured.seconds = round(time.perf_counter() - began, 3)
            self.seconds[group] = self.seconds.get(group, 0.0) + measured.seconds
