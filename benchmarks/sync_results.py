"""The results of benchmarks/sync.py: the tables that are printed, and the targets that they are held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.measure import Measurement
from benchmarks.printing import output, spread
from benchmarks.sync_tools import ALONE, BEFORE, CONNECTORX, LIMITS, PROVEN

Runs = list[Measurement]

MOST_MEGABYTES = 500
#: Most CPU time of a recent change with its proof, as a part of a full load with its proof.
MOST_OF_FULL = 0.2
#: The situations in which ours must beat the peers even with its proof; the peers make none.
PROVEN_WITHIN = ("full", "recent")
#: Most CPU time of ours, as a multiple of the version before; without imports.
MOST_OF_BEFORE = {("full", ALONE): 1.15, ("full", PROVEN): 1.5, ("recent", PROVEN): 1.3}


@dataclass(frozen=True)
class Wrong:
    """Numbers of rows of the mirror that differ from the source."""

    missing: int
    extra: int
    different: int

    @property
    def all(self) -> int:
        return self.missing + self.extra + self.different


@dataclass(frozen=True)
class Result:
    """All runs of a tool in one situation, and the wrong rows of its mirror after the last run."""

    runs: Runs
    wrong: Wrong


def work(runs: Runs) -> float:
    """Return the median of the CPU seconds, without imports."""
    return median(run.all_cpu for run in runs)


def limits_table(limits: dict[str, Runs], rows: int) -> Table:
    table = Table(title=f"The limit: {rows:,} rows", box=SIMPLE_HEAD)
    for column in ("what", "CPU s", "wall s", "peak MB"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for title, runs in limits.items():
        table.add_row(
            title,
            spread([run.all_cpu for run in runs], 2),
            spread([run.wall for run in runs], 2),
            spread([run.peak_megabytes for run in runs]),
        )
    fetched, ingested, hashed = (work(limits[title]) for title in list(LIMITS)[2:5])
    table.caption = (
        f"Reading rows as Arrow twice, ingesting once, hashing twice: {2 * fetched + ingested + 2 * hashed:.1f}"
        " CPU s, the least that a load and its proof can take."
    )
    return table


def results_table(title: str, results: dict[str, Result], rows: int) -> Table:
    table = Table(
        title=title,
        box=SIMPLE_HEAD,
        caption="Median, and least-most. CPU s: of the work alone; process: with imports and start.",
    )
    for column in (
        "tool", "CPU s", "process", "wall s", "thousand rows/s", "peak MB", "rows wrong",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column == "tool" else "right", overflow="fold")
    for name, result in results.items():
        runs, wrong = result.runs, result.wrong
        kinds = {
            "missing": wrong.missing, "extra": wrong.extra, "different": wrong.different,
        }  # fmt: skip
        kinds_found = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items() if number)
        table.add_row(
            name,
            spread([run.all_cpu for run in runs], 2),
            spread([run.process_cpu for run in runs], 2),
            spread([run.wall for run in runs], 2),
            f"{median(rows / run.wall / 1000 for run in runs):,.0f}",
            spread([run.peak_megabytes for run in runs]),
            f"[red]{wrong.all:,}[/red]\n[dim]{kinds_found}[/dim]" if wrong.all else "0",
        )
    return table


def missed(results: dict[str, dict[str, Result]], peers: Sequence[str]) -> list[str]:
    """Return a sentence for each missed target, except those against the version before."""
    sentences = []
    for which, found in results.items():
        for peer in peers:
            if peer not in found:
                continue
            theirs = work(found[peer].runs)
            for ours in (ALONE, PROVEN) if which in PROVEN_WITHIN else (ALONE,):
                mine = work(found[ours].runs)
                if mine >= theirs:
                    aim = ours == PROVEN and peer == CONNECTORX
                    sentences.append(
                        f"{which}: {ours} takes {mine:.2f} CPU s, {peer} takes {theirs:.2f};"
                        f" the {'aim' if aim else 'target'} is less."
                    )
        for ours in (ALONE, PROVEN):
            if found[ours].wrong.all:
                sentences.append(f"{which}: {ours} ends with {found[ours].wrong.all:,} wrong rows.")
            sentences.extend(too_large(f"{which}: {ours}", found[ours].runs))
    part = work(results["recent"][PROVEN].runs) / work(results["full"][PROVEN].runs)
    output.print(
        f"A recent change takes {part:.1%} of the CPU time of the full load, both proven"
        f" (at most {MOST_OF_FULL:.0%})."
    )
    if part > MOST_OF_FULL:
        sentences.append(
            f"A recent change takes {part:.1%} of the CPU time of the full load;"
            f" the target is at most {MOST_OF_FULL:.0%}."
        )
    return sentences


def costlier(results: dict[str, dict[str, Result]]) -> list[str]:
    """Print the CPU time of ours as a multiple of the version before; return the missed targets."""
    sentences = []
    for which, found in results.items():
        for ours, theirs in BEFORE.items():
            if theirs not in found:
                continue
            times = work(found[ours].runs) / work(found[theirs].runs)
            most = MOST_OF_BEFORE.get((which, ours))
            ratio = f"{which}: {ours} takes {times:.2f} times the CPU time of the version before"
            output.print(f"{ratio}{'' if most is None else f' (at most {most})'}.")
            if most is not None and times > most:
                sentences.append(f"{ratio}; the target is at most {most}.")
    return sentences


def too_large(what: str, runs: Runs) -> list[str]:
    peak = max(run.peak_megabytes for run in runs)
    if peak < MOST_MEGABYTES:
        return []
    return [f"{what} takes {peak:,.0f} MB at its peak; the target is below {MOST_MEGABYTES}."]
