"""Run one case in a separate process, and measure its rows, CPU seconds, wall seconds and peak memory.

Contains: the start and end of the process, and the stopwatch that a case uses. Out of scope: the cases, and
the use of the numbers.

A case is a function `case(laps, **arguments)`. Only what it does inside a lap is timed, so that imports
and warm-up are not timed for any tool. The memory is that of the whole process, imports included.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


class CaseFailedError(SystemExit):
    """A case ended with an error, which it has printed itself."""


class Laps:
    """A stopwatch of CPU time (user and system, all threads, ended child processes) by kind of row.

    Laps nest: an inner lap stops the clock of the outer one.
    """

    def __init__(self) -> None:
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self.rows: Counter[str] = Counter()
        self.wall = 0.0
        self.megabytes_before: float | None = None
        self._running: list[str] = []
        self._last = 0.0

    @contextmanager
    def lap(self, kind: str) -> Iterator[None]:
        """Time the work inside as work on rows of a kind."""
        if self.megabytes_before is None:
            self.megabytes_before = _megabytes(resource.getrusage(resource.RUSAGE_SELF))
        outermost = not self._running
        began = time.perf_counter()
        self._charge()
        self._running.append(kind)
        try:
            yield
        finally:
            self._charge()
            self._running.pop()
            if outermost:
                self.wall += time.perf_counter() - began

    def _charge(self) -> None:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        now = time.process_time() + children.ru_utime + children.ru_stime
        if self._running:
            self.cpu[self._running[-1]] += now - self._last
        self._last = now


@dataclass(frozen=True)
class Measurement:
    """The measurements of one run of a case. `cpu` and `rows` are by kind, without imports and warm-up."""

    rows: dict[str, int]
    cpu: dict[str, float]
    wall: float
    #: CPU seconds of the whole process, imports and warm-up included.
    process_cpu: float
    #: Peak resident memory of the whole process, and what it was before the first lap.
    peak_megabytes: float
    megabytes_before: float

    @property
    def all_rows(self) -> int:
        return sum(self.rows.values())

    @property
    def all_cpu(self) -> float:
        return sum(self.cpu.values())


def run_case(
    case: str, *, python: str = sys.executable, root: Path = ROOT, **arguments: Any
) -> Measurement:
    """Run `case` (`module:function`) in a fresh interpreter and measure it.

    `root` is the checkout whose code runs. It is the working folder, which `-m` puts first on the path, so it
    takes precedence over an installed version and over PYTHONPATH.

    The CPU time of the process includes that of its child processes; the peak is that of the largest of them.
    The caller must be small, because Linux counts the peak memory of a process from before its `exec`, when
    it is still the caller's.

    Raises CaseFailedError if the process ends with an error.
    """
    child = subprocess.Popen(
        [python, "-m", "benchmarks.measure", case, json.dumps(arguments)],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child.stdout:
        printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise CaseFailedError(f"The case {case} ended with code {child.returncode}; see above.")
    # A peer may print while it works, so the result is the last line.
    result = json.loads(printed.splitlines()[-1])
    return Measurement(
        **result,
        process_cpu=usage.ru_utime + usage.ru_stime,
        peak_megabytes=_megabytes(usage),
    )


def _megabytes(usage: resource.struct_rusage) -> float:
    """Return the peak resident memory in MB; Linux reports it in KiB, macOS in bytes."""
    return usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def _child(case: str, arguments: str) -> None:
    module, function = case.split(":")
    laps = Laps()
    getattr(importlib.import_module(module), function)(laps, **json.loads(arguments))
    result = {
        "rows": laps.rows,
        "cpu": laps.cpu,
        "wall": laps.wall,
        "megabytes_before": laps.megabytes_before or 0.0,
    }
    sys.stdout.write(f"\n{json.dumps(result)}\n")


if __name__ == "__main__":
    _child(*sys.argv[1:])
