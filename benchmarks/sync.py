"""Measure how ours, the version before, dlt, Sling and pandas move two tables from SQLite to DuckDB.

Contains: the rounds of all tools. Out of scope: the tools (sync_tools.py), their cases (sync_ours.py, sync_peers.py,
sync_wrong.py), the rows (sync_data.py), the tables and targets (sync_results.py), and how a case is measured
(measure.py).

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
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.measure import CaseFailedError, Measurement, run_case
from benchmarks.printing import output
from benchmarks.sync_results import (
    Result,
    Runs,
    Wrong,
    costlier,
    limits_table,
    missed,
    results_table,
    too_large,
)
from benchmarks.sync_tools import (
    ALONE,
    LIMITS,
    OURS,
    PROVEN,
    Tool,
    earlier,
    present_peers,
)

ROWS = {"invoices": 1_000_000, "events": 3_000_000}
CHANGED, DELETED = 0.01, 0.001
CHANGES = ("recent", "random")
#: A peer that takes longer in the first round runs only once: noise does not decide there.
SLOW_SECONDS = 20.0
#: Sizes of the memory part, as multiples of the tables.
SIZES = (0.25, 1.0, 4.0)


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
    output.print(limits_table(limits, total))
    tools = (*OURS, *before, *peers)
    results = {"full": bench.full(tools)}
    output.print(results_table(f"Full load of {total:,} rows", results["full"], total))
    loaded = [tool for tool in tools if tool.title in results["full"]]
    for which in CHANGES:
        results[which] = bench.changes(loaded, which)
        output.print(
            results_table(
                f"{CHANGED:.0%} changed and {DELETED:.1%} deleted, {which}: {bench.touched:,} rows",
                results[which],
                bench.touched,
            )
        )
    return bench.failed + missed(results, titles) + costlier(results)


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
            sentences.extend(too_large(f"{sum(sized.values()):,} rows, {which}", result.runs))
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
