"""How long the work itself took, so that Dagster's own share can be told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Lap:
    """The seconds of one block of work."""

    seconds: float = 0.0


class WorkClock:
    """Adds up the seconds spent in work, by group, within this process."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, group: str) -> Iterator[Lap]:
        """Time the block; the lap has its seconds once it is left."""
        lap = Lap()
        began = time.perf_counter()
        try:
            yield lap
        finally:
            lap.seconds = round(time.perf_counter() - began, 3)
            self.seconds[group] = self.seconds.get(group, 0.0) + lap.seconds
