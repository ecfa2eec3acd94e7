"""Measure the generation of the company: its speed and memory next to the peers, and its scale.

Contains: what is compared, the targets, and the tables that are printed. Out of scope: the cases (ours.py,
peers.py), and how a case is measured (measure.py).

    python -m benchmarks.generate            # next to the peers
    python -m benchmarks.generate --scale    # 1,000 to 100,000 accounts over 36 months

Exit code 0: every target is reached; 1: a target is missed, and a sentence says which; 2: a peer is not
installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.measure import Measurement, run_case
from benchmarks.printing import output, spread

Runs = Sequence[Measurement]

NAMES = ("accounts", "users")
EVENTS = ("events",)
ENTITIES = (*NAMES, "other")
ALL = (*ENTITIES, *EVENTS)

#: The least ratio of rows a CPU-second, ours over theirs.
TARGETS = {"faker": 500.0, "mimesis": 25.0}
PEERS = {
    "faker": "Faker()",
    "faker_unweighted": "Faker unweighted",
    "mimesis": "Mimesis",
    "mimesis_schema": "Mimesis Schema",
}
JAFGEN = "jafgen 1"
OURS = "ours"


@dataclass(frozen=True)
class Comparison:
    """Which of our rows are compared with which of a peer's; the targets apply only if it is judged."""

    title: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    judged: bool


COMPARISONS = (
    Comparison("all rows", ALL, ALL, judged=False),
    Comparison("rows with names", NAMES, NAMES, judged=True),
    Comparison("events", EVENTS, EVENTS, judged=False),
    Comparison("all but events / rows with names", ENTITIES, NAMES, judged=False),
    Comparison("all rows / rows with names", ALL, NAMES, judged=False),
)

#: Accounts of the three companies of the scale part, followed by that part's targets.
SIZES = (1_000, 10_000, 100_000)
SCALE_MONTHS = 36
MOST_MEGABYTES = 4 * 1024
LEAST_EVENTS = 100_000_000
#: Most time a row at the largest size, as a multiple of that at the middle one: only noise raises it above 1.
MOST_GROWTH = 1.15


def rate(runs: Runs, kinds: tuple[str, ...]) -> list[float]:
    """Return thousand rows a CPU-second of the given kinds, one number a run."""
    return [
        sum(run.rows.get(kind, 0) for kind in kinds)
        / sum(run.cpu.get(kind, 0) for kind in kinds)
        / 1000
        for run in runs
        if any(run.cpu.get(kind) for kind in kinds)
    ]


def rounds(
    number: int, cases: dict[str, tuple[str, dict[str, Any]]]
) -> dict[str, list[Measurement]]:
    """Run every case `number` times, in turns, so that a busy minute affects all of them."""
    runs: dict[str, list[Measurement]] = {name: [] for name in cases}
    for turn in range(number):
        for name, (case, arguments) in cases.items():
            with output.status(f"Round {turn + 1} of {number}: {name} ..."):
                runs[name].append(run_case(case, **arguments))
    return runs


def compare(repeat: int, accounts: int, months: int, share: float) -> list[str]:
    """Measure and print the comparison; return a sentence for each missed target."""
    company: dict[str, Any] = {"accounts": accounts, "months": months}
    with output.status("Counting our rows ..."):
        counted = run_case("benchmarks.ours:comparison", **company).rows
    numbers = {kind: max(months, round(counted[kind] * share)) for kind in (*NAMES, *EVENTS)}
    numbers["batches"] = months
    cases = {
        OURS: ("benchmarks.ours:comparison", company),
        **{PEERS[peer]: (f"benchmarks.peers:{peer}", numbers) for peer in PEERS},
        JAFGEN: ("benchmarks.peers:jafgen", {"years": 1}),
    }
    runs = rounds(repeat, cases)
    output.print(_rates(runs, f"{accounts:,} accounts, {months} months"))
    table, missed = _ratios(runs)
    output.print(table)
    return missed


def _rates(runs: dict[str, list[Measurement]], company: str) -> Table:
    table = Table(
        title=f"Thousand rows a CPU-second of generation: {company}",
        box=SIMPLE_HEAD,
        caption="Median, and least-most. Faker and Mimesis make accounts, users and events in our"
        " proportions; jafgen makes a year of its own shop. Memory: peak of the process, and before generation.",
    )
    for column in (
        "generator", "rows", "CPU s", "all rows", "names", "events", "peak MB", "before",
    ):  # fmt: skip
        table.add_column(
            column, justify="left" if column == "generator" else "right", overflow="fold"
        )
    for name, measured in runs.items():
        split = [rate(measured, NAMES), rate(measured, EVENTS)]
        table.add_row(
            name,
            f"{measured[0].all_rows:,}",
            spread([run.all_cpu for run in measured], 2),
            spread(rate(measured, ALL), 1),
            *(spread(rates, 1) if rates else "" for rates in split),
            spread([run.peak_megabytes for run in measured]),
            f"{median(run.megabytes_before for run in measured):,.0f}",
        )
    return table


def _ratios(runs: dict[str, list[Measurement]]) -> tuple[Table, list[str]]:
    table = Table(
        title="Rows a CPU-second: ratios of the medians, ours over theirs", box=SIMPLE_HEAD
    )
    for column in ("ours / theirs", *(each.title for each in COMPARISONS)):
        table.add_column(column, justify="left" if column == "ours / theirs" else "right")
    missed = []
    for peer, title in PEERS.items():
        cells = []
        for each in COMPARISONS:
            ratio = median(rate(runs[OURS], each.ours)) / median(rate(runs[title], each.theirs))
            target = TARGETS.get(peer) if each.judged else None
            cells.append(_verdict(ratio, target))
            if target is not None and ratio < target:
                missed.append(
                    f"Ours makes {ratio:,.1f} times as many {each.title} a CPU-second as {title};"
                    f" the target is {target:,.0f}."
                )
        table.add_row(title, *cells)
    # Its rows are not split by kind, so they are compared only with all of ours.
    shop = median(rate(runs[OURS], ALL)) / median(rate(runs[JAFGEN], ALL))
    table.add_row(JAFGEN, _verdict(shop, None))
    return table, missed


def _verdict(ratio: float, target: float | None) -> str:
    if target is None:
        return f"{ratio:,.1f}x"
    word = "[green]pass[/green]" if ratio >= target else "[red]miss[/red]"
    return f"{ratio:,.1f}x\nof {target:,.0f}x: {word}"


def measure_scale(repeat: int) -> list[str]:
    """Measure and print the growth from size to size; return a sentence for each missed target."""
    cases = {
        f"{accounts:,}": (
            "benchmarks.ours:scale",
            {"accounts": accounts, "months": SCALE_MONTHS},
        )
        for accounts in SIZES
    }
    runs = rounds(repeat, cases)
    table = Table(
        title=f"Scale, {SCALE_MONTHS} months in order: median, and least-most", box=SIMPLE_HEAD
    )
    for column in (
        "accounts", "rows", "usage events", "CPU s", "wall s", "ns a row", "peak MB", "before",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for name, measured in runs.items():
        table.add_row(
            name,
            f"{measured[0].all_rows:,}",
            f"{measured[0].rows['events']:,}",
            spread([run.all_cpu for run in measured], 1),
            spread([run.wall for run in measured], 1),
            spread(nanoseconds(measured)),
            spread([run.peak_megabytes for run in measured]),
            spread([run.megabytes_before for run in measured]),
        )
    output.print(table)
    middle, largest = list(runs.values())[-2:]
    return _scale_missed(middle, largest)


def nanoseconds(runs: Runs) -> list[float]:
    """Return CPU nanoseconds a row, one number a run."""
    return [run.all_cpu * 1e9 / run.all_rows for run in runs]


def _scale_missed(middle: Runs, largest: Runs) -> list[str]:
    growth = median(nanoseconds(largest)) / median(nanoseconds(middle))
    peak = max(run.peak_megabytes for run in largest)
    events = largest[0].rows["events"]
    output.print(
        f"Time a row from {SIZES[-2]:,} to {SIZES[-1]:,} accounts: {growth:.2f} times"
        f" (at most {MOST_GROWTH}). Peak memory: {peak:,.0f} MB (below {MOST_MEGABYTES:,})."
        f" Usage events: {events:,} (at least {LEAST_EVENTS:,})."
    )
    missed = []
    if growth > MOST_GROWTH:
        missed.append(
            f"Time grows faster than rows: a row at {SIZES[-1]:,} accounts takes {growth:.2f} times what"
            f" one at {SIZES[-2]:,} takes; the target is at most {MOST_GROWTH}."
        )
    if peak >= MOST_MEGABYTES:
        missed.append(f"Peak memory is {peak:,.0f} MB; the target is below {MOST_MEGABYTES:,}.")
    if events < LEAST_EVENTS:
        missed.append(
            f"The largest company has {events:,} usage events; the target is at least {LEAST_EVENTS:,}."
        )
    return missed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generate", description="Measure the generation of the company."
    )
    parser.add_argument(
        "--scale", action="store_true", help="measure the growth to 100,000 accounts instead"
    )
    parser.add_argument(
        "--repeat", type=int, default=3, help="number of runs of each case (default 3)"
    )
    parser.add_argument(
        "--accounts", type=int, default=100_000, help="number of accounts of our company"
    )
    parser.add_argument("--months", type=int, default=12, help="number of months of our company")
    parser.add_argument(
        "--share",
        type=float,
        default=0.02,
        help="share of our accounts, users and events that Faker and Mimesis make (default 0.02)",
    )
    chosen = parser.parse_args(arguments)
    if chosen.scale:
        missed = measure_scale(chosen.repeat)
    elif absent := [name for name in ("mimesis", "jafgen") if not importlib.util.find_spec(name)]:
        output.print(f"Not installed: {', '.join(absent)}. Run: pip install -e '.\\[dev]'")
        return 2
    else:
        missed = compare(chosen.repeat, chosen.accounts, chosen.months, chosen.share)
    for sentence in missed:
        output.print(f"[red]Missed:[/red] {sentence}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
