"""Measure how ours, the version before, dlt, Sling and pandas move two tables from SQLite to DuckDB.

Contains: what is compared, the targets, and the tables that are printed. Out of scope: the cases (sync_ours.py,
sync_peers.py, sync_wrong.py), the rows (sync_data.py), and how a case is measured (measure.py).

    python -m benchmarks.sync --peers-python PATH    # PATH: an interpreter that has the peers
    python -m benchmarks.sync --before PATH          # PATH: a checkout of an earlier version
    python -m benchmarks.sync --memory               # ours alone, at three sizes

Exit code 0: every target is reached; 1: a target is missed, and a sentence says which; 2: there is nothing to
compare with.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.measure import ROOT, CaseFailedError, Measurement, run_case
from benchmarks.printing import output, spread

Runs = list[Measurement]

ROWS = {"invoices": 1_000_000, "events": 3_000_000}
CHANGED, DELETED = 0.01, 0.001
CHANGES = ("recent", "random")
#: A peer that takes longer in the first round runs only once: noise does not decide there.
SLOW_SECONDS = 20.0
MOST_MEGABYTES = 500
#: Most CPU time of a recent change with its proof, as a part of a full load with its proof.
MOST_OF_FULL = 0.2
#: Sizes of the memory part, as multiples of the tables.
SIZES = (0.25, 1.0, 4.0)

ALONE, PROVEN = "ours, without proof", "ours, proven"
BEFORE = {ALONE: "before, without proof", PROVEN: "before, proven"}
CONNECTORX = "dlt, connectorx"
#: The situations in which ours must beat the peers even with its proof; the peers make none.
PROVEN_WITHIN = ("full", "recent")
#: Most CPU time of ours, as a multiple of the version before; without imports.
MOST_OF_BEFORE = {("full", ALONE): 1.15, ("full", PROVEN): 1.5, ("recent", PROVEN): 1.3}


@dataclass(frozen=True)
class Tool:
    """A tool: the case of its full load, the case of its changes, and the schema of its mirror."""

    title: str
    load: str
    changes: str
    schema: str
    peer: bool = True
    #: The checkout whose code runs.
    root: Path = ROOT


OURS = (
    Tool(
        ALONE,
        "benchmarks.sync_ours:load_alone",
        "benchmarks.sync_ours:changes_alone",
        "raw",
        peer=False,
    ),
    Tool(PROVEN, "benchmarks.sync_ours:proven", "benchmarks.sync_ours:proven", "raw", peer=False),
)


def earlier(checkout: Path) -> list[Tool]:
    """Return the tools of the version before: the same cases, with the code of its own checkout."""
    return [replace(tool, title=BEFORE[tool.title], root=checkout) for tool in OURS]


PEERS = {
    "dlt_connectorx": (CONNECTORX, "mirror"),
    "dlt_pyarrow": ("dlt, pyarrow", "mirror"),
    "sling": ("Sling", "main"),
    "pandas": ("pandas read_sql", "main"),
}

#: The limits that no tool can beat, by title: the case, what it reads, and whether it writes.
LIMITS = {
    "reading the file": ("read_file", "source", False),
    "every value decoded by SQLite": ("scan", "source", False),
    "rows as Arrow, through the driver": ("fetch", "source", False),
    "ready Arrow data into DuckDB": ("ingest", "ready", True),
    "hash of ready Arrow data": ("digest", "ready", False),
    "driver's Arrow data into DuckDB, untyped": ("plain", "source", True),
}


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


class Bench:
    """A folder with the source, its changed copies, and a folder for each tool's mirror."""

    def __init__(
        self,
        folder: Path,
        rows: dict[str, int],
        repeat: int,
        peers_python: str = sys.executable,
        peers: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.rows = rows
        self.peers_python = peers_python
        self.peers = peers
        self.repeat = repeat
        self.failed: list[str] = []
        (folder / "ready").mkdir(parents=True)
        with output.status(f"Making {sum(rows.values()):,} rows ..."):
            run_case(
                "benchmarks.sync_data:make_source",
                source=str(self.source()),
                ready=str(folder / "ready"),
                rows=rows,
            )
        for which in CHANGES:
            shutil.copy(self.source(), self.source(which))
            with output.status(f"Changing {which} rows ..."):
                self.touched = run_case(
                    "benchmarks.sync_data:change",
                    source=str(self.source(which)),
                    which=which,
                    changed=CHANGED,
                    deleted=DELETED,
                ).all_rows

    def source(self, which: str = "full") -> Path:
        return self.folder / f"source_{which}.db"

    def _copy(self, which: str) -> Path:
        """Return a copy of the source in the form that the comparison of rows needs."""
        copy = self.folder / f"copy_{which}.duckdb"
        if not copy.exists():
            run_case("benchmarks.sync_wrong:read", source=str(self.source(which)), copy=str(copy))
        return copy

    def mirror(self, tool: Tool, which: str) -> Path:
        name = tool.title.replace(" ", "_").replace(",", "")
        return self.folder / f"{name}_{which}" / "warehouse.duckdb"

    def limits(self) -> dict[str, Runs]:
        def run(title: str) -> Measurement:
            case, reads, writes = LIMITS[title]
            target = self.folder / "limit.duckdb"
            target.unlink(missing_ok=True)
            found = {"source": str(self.source()), "ready": str(self.folder / "ready")}
            arguments: dict[str, Any] = {reads: found[reads]}
            if writes:
                arguments["target"] = str(target)
            return run_case(f"benchmarks.sync_ours:{case}", **arguments)

        return self._rounds(list(LIMITS), run)

    def full(self, tools: Sequence[Tool]) -> dict[str, Result]:
        def run(title: str) -> Measurement:
            tool = by_title[title]
            folder = self.mirror(tool, "full").parent
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            return self._run(tool, tool.load, "full", full=True)

        by_title = {tool.title: tool for tool in tools}
        return self._judged(tools, "full", self._rounds(list(by_title), run))

    def changes(self, tools: Sequence[Tool], which: str) -> dict[str, Result]:
        def run(title: str) -> Measurement:
            tool = by_title[title]
            folder = self.mirror(tool, which).parent
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.mirror(tool, "full").parent, folder)
            return self._run(tool, tool.changes, which, full=False)

        by_title = {tool.title: tool for tool in tools}
        return self._judged(tools, which, self._rounds(list(by_title), run))

    def _run(self, tool: Tool, case: str, which: str, *, full: bool) -> Measurement:
        places: dict[str, Any] = {
            "source": str(self.source(which)), "target": str(self.mirror(tool, which)),
        }  # fmt: skip
        if tool.peer:
            return run_case(case, python=self.peers_python, full=full, **places)
        return run_case(case, root=tool.root, **places)

    def _rounds(self, titles: Sequence[str], run: Callable[[str], Measurement]) -> dict[str, Runs]:
        """Run all titles in turn, so that a busy minute affects all of them.

        A tool that fails is left out of the further rounds; ours raises CaseFailedError.
        """
        runs: dict[str, Runs] = {title: [] for title in titles}
        for turn in range(self.repeat):
            for title in list(runs):
                if turn and title in self.peers and runs[title][0].all_cpu > SLOW_SECONDS:
                    continue
                with output.status(f"Round {turn + 1} of {self.repeat}: {title} ..."):
                    try:
                        runs[title].append(run(title))
                    except CaseFailedError:
                        if title in (ALONE, PROVEN):
                            raise  # there is nothing left to compare
                        self.failed.append(f"{title} failed; its output is above.")
                        del runs[title]
        return runs

    def _judged(
        self, tools: Sequence[Tool], which: str, runs: dict[str, Runs]
    ) -> dict[str, Result]:
        results = {}
        for tool in tools:
            if tool.title not in runs:
                continue
            with output.status(f"Comparing the rows of {tool.title} ..."):
                counted = run_case(
                    "benchmarks.sync_wrong:count",
                    copy=str(self._copy(which)),
                    target=str(self.mirror(tool, which)),
                    schema=tool.schema,
                ).rows
            results[tool.title] = Result(runs[tool.title], Wrong(**counted))
        return results


def present_peers(peers_python: str) -> tuple[list[Tool], list[str]]:
    """Return the peers that the interpreter has, and a sentence for each that it lacks."""
    found = run_case("benchmarks.sync_peers:available", python=peers_python).rows
    present, absent = [], []
    for peer, (title, schema) in PEERS.items():
        if found[peer]:
            case = f"benchmarks.sync_peers:{peer}"
            present.append(Tool(title, case, case, schema))
        else:
            absent.append(f"{title} is left out: {peers_python} lacks its packages.")
    return present, absent


def work(runs: Runs) -> float:
    """Return the median of the CPU seconds, without imports."""
    return median(run.all_cpu for run in runs)


def compare(
    folder: Path,
    rows: dict[str, int],
    before: Sequence[Tool],
    peers: Sequence[Tool],
    peers_python: str,
    repeat: int,
) -> list[str]:
    """Measure and print the comparison; return a sentence for each missed target.

    Args:
        folder: where the files go; it exists and is empty.
        rows: the number of rows of each table.
        before: the tools of the version before, if any.
        peers: the other tools, if any.
        peers_python: the interpreter that has the peers.
        repeat: the number of runs of each case.
    """
    titles = [tool.title for tool in peers]
    bench = Bench(folder, rows, repeat, peers_python, titles)
    total = sum(rows.values())
    limits = bench.limits()
    output.print(_limits_table(limits, total))
    tools = (*OURS, *before, *peers)
    results = {"full": bench.full(tools)}
    output.print(_table(f"Full load of {total:,} rows", results["full"], total))
    loaded = [tool for tool in tools if tool.title in results["full"]]
    for which in CHANGES:
        results[which] = bench.changes(loaded, which)
        output.print(
            _table(
                f"{CHANGED:.0%} changed and {DELETED:.1%} deleted, {which}: {bench.touched:,} rows",
                results[which],
                bench.touched,
            )
        )
    return bench.failed + missed(results, titles) + costlier(results)


def _limits_table(limits: dict[str, Runs], rows: int) -> Table:
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


def _table(title: str, results: dict[str, Result], rows: int) -> Table:
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
            sentences.extend(_too_large(f"{which}: {ours}", found[ours].runs))
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


def _too_large(what: str, runs: Runs) -> list[str]:
    peak = max(run.peak_megabytes for run in runs)
    if peak < MOST_MEGABYTES:
        return []
    return [f"{what} takes {peak:,.0f} MB at its peak; the target is below {MOST_MEGABYTES}."]


def measure_memory(folder: Path, rows: dict[str, int]) -> list[str]:
    """Measure and print ours at each size; return a sentence for each missed target."""
    table = Table(title="Ours, proven: memory by size", box=SIMPLE_HEAD)
    for column in ("rows", "what", "CPU s", "CPU us a row", "peak MB", "rows wrong"):
        table.add_column(column, justify="left" if column == "what" else "right")
    sentences: list[str] = []
    proven = OURS[1]
    for size in SIZES:
        sized = {name: round(number * size) for name, number in rows.items()}
        bench = Bench(folder / f"size_{size}", sized, repeat=1)
        for which in ("full", *CHANGES):
            found = bench.full([proven]) if which == "full" else bench.changes([proven], which)
            result = found[PROVEN]
            (run,) = result.runs
            table.add_row(
                f"{sum(sized.values()):,}",
                which,
                f"{run.all_cpu:.2f}",
                f"{run.all_cpu * 1e6 / sum(sized.values()):.2f}",
                f"{run.peak_megabytes:,.0f}",
                f"{result.wrong.all:,}",
            )
            sentences.extend(_too_large(f"{sum(sized.values()):,} rows, {which}", result.runs))
            if result.wrong.all:
                sentences.append(f"{which}: {result.wrong.all:,} wrong rows.")
        shutil.rmtree(bench.folder)
    output.print(table)
    return sentences


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sync", description="Measure the sync from SQLite to DuckDB."
    )
    parser.add_argument(
        "--peers-python", default=sys.executable, help="interpreter that has the peers"
    )
    parser.add_argument(
        "--before", type=Path, help="checkout of an earlier version, which is measured as well"
    )
    parser.add_argument("--memory", action="store_true", help="measure only ours, at three sizes")
    parser.add_argument(
        "--repeat", type=int, default=3, help="number of runs of each case (default 3)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows (default 1)")
    parser.add_argument(
        "--folder", type=Path, help="folder for the files (default: a temporary one)"
    )
    chosen = parser.parse_args(arguments)
    rows = {name: round(number * chosen.scale) for name, number in ROWS.items()}
    before = [] if chosen.before is None else earlier(chosen.before.resolve())
    peers: list[Tool] = []
    if not chosen.memory:
        peers, absent = present_peers(chosen.peers_python)
        for sentence in absent:
            output.print(sentence)
        if not peers and not before:
            output.print(
                "There is nothing to compare with. See benchmarks/README.md for --before and --peers-python."
            )
            return 2
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name).resolve()
        if chosen.memory:
            sentences = measure_memory(folder, rows)
        else:
            sentences = compare(folder, rows, before, peers, chosen.peers_python, chosen.repeat)
    for sentence in sentences:
        output.print(f"[red]Missed:[/red] {sentence}")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
