"""Print every property of a real company with its target and its measured value; fail if a target is missed.

    python -m benchmarks.realism [SEED ...]

Contains: the printing. Out of scope: the properties (saas_platform_tests/company/realism.py).
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from saas_platform_tests.company.measures import World
from saas_platform_tests.company.realism import PROPERTIES, Property
from saas_platform_tests.company.world import DEFAULT, OTHER_SEEDS, world_of_seed


def _target(wanted: Property) -> str:
    if wanted.low == wanted.high:
        return f"{wanted.low:g}"
    if wanted.high == float("inf"):
        return f">= {wanted.low:g}"
    return f"{wanted.low:g} to {wanted.high:g}"


def report(worlds: dict[int, World], console: Console) -> int:
    """Print the table and return how many properties are missed."""
    table = Table(
        "Property", "Target", *(f"Seed {seed}" for seed in worlds), "Source of the target"
    )
    for column in table.columns:
        column.no_wrap = True
    missed = 0
    for wanted in PROPERTIES:
        cells = []
        for world in worlds.values():
            measured = wanted.measure(world)
            holds = wanted.holds(measured)
            missed += not holds
            cells.append(f"{measured:.4g}" if holds else f"[bold red]{measured:.4g} missed[/]")
        table.add_row(wanted.name, _target(wanted), *cells, wanted.source)
    console.print(table)
    console.print(
        f"{len(PROPERTIES)} properties, {len(worlds)} companies of {DEFAULT.accounts:,} accounts:"
        f" {'all hold' if not missed else f'{missed} missed'}."
    )
    return missed


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "seeds", nargs="*", type=int, help="seeds of the companies (default: 7 and two others)"
    )
    seeds = parser.parse_args().seeds or [DEFAULT.seed, *OTHER_SEEDS]
    worlds = {seed: world_of_seed(seed) for seed in seeds}
    return 1 if report(worlds, Console(width=170)) else 0


if __name__ == "__main__":
    sys.exit(main())
