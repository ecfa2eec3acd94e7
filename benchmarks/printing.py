"""The console and the cells that the tables of all benchmarks share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median

from rich.console import Console

#: In a file, tables are wide enough for the spreads.
output = Console(highlight=False, width=None if sys.stdout.isatty() else 112)


def spread(numbers: Sequence[float], digits: int = 0) -> str:
    """Format the median of the numbers, and their range if there are several."""
    middle = f"{median(numbers):,.{digits}f}"
    if len(numbers) == 1:
        return middle
    return f"{middle}\n[dim]{min(numbers):,.{digits}f}-{max(numbers):,.{digits}f}[/dim]"
