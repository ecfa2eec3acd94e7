"""How long the work itself took, so that Dagster's own share can be told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class WorkClock:
    """Adds up the seconds spent in work, by group, within this process."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, group: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[group] = self.seconds.get(group, 0.0) + time.perf_counter() - began
