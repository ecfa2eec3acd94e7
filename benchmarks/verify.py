"""Measure how two tables are proven equal: ours, the version before, Google's data validator and reladiff.

Contains: what is compared, the targets, and the tables that are printed. Out of scope: the cases
(verify_ours.py, verify_peers.py), the rows (sync_data.py), the server (postgres.py), and how a case is
measured (measure.py).

    python -m benchmarks.verify --peers-python PATH    # PATH: an interpreter that has the peers
    python -m benchmarks.verify --before PATH          # PATH: a checkout of an earlier version

Exit code 0: every target is reached; 1: a target is missed, and a sentence says which; 2: there is nothing
to compare with.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.measure import ROOT, CaseFailedError, Measurement, run_case
from benchmarks.postgres import Server, programs, server
from benchmarks.printing import output, spread
from benchmarks.sync import ROWS, SLOW_SECONDS

PERCENT = 1
OURS, BEFORE = "ours", "before"
PEERS = {"reladiff": "reladiff", "validator": "Google's data validator"}
SITUATIONS = ("equal", "different")
#: The update that makes the peers' rows differ, the same as in benchmarks/verify_ours.py.
DAMAGE = {"invoices": "total_cents = total_cents + 1", "events": "account_id = account_id + 1"}


@dataclass(frozen=True)
class Run:
    """One run, and the CPU seconds and MB of the database server; ours has its databases in its own process."""

    measured: Measurement
    server_cpu: float = 0.0
    server_megabytes: float = 0.0

    @property
    def cpu(self) -> float:
        return self.measured.all_cpu + self.server_cpu

    @property
    def megabytes(self) -> float:
        return self.measured.peak_megabytes + self.server_megabytes


def prepare(folder: Path, rows: dict[str, int], checkouts: Mapping[str, Path]) -> dict[str, int]:
    """Create the SQLite file, and for each version of ours an equal mirror and one with differences.

    Return how many rows of each table differ. It is the same for all versions, because the rows' keys decide.
    """
    source = folder / "source.db"
    (folder / "ready").mkdir()
    with output.status("Making the tables ..."):
        run_case(
            "benchmarks.sync_data:make_source",
            source=str(source),
            ready=str(folder / "ready"),
            rows=rows,
        )
    different: dict[str, int] = {}
    for version, root in checkouts.items():
        with output.status(f"Making the mirrors of {version} ..."):
            different = _mirrors(folder, version, root)
    return different


def _mirrors(folder: Path, version: str, root: Path) -> dict[str, int]:
    """Create the mirrors of one version; return how many rows of each table differ in the second."""
    equal, different = (_mirror(folder, version, situation) for situation in SITUATIONS)
    source = str(folder / "source.db")
    run_case("benchmarks.sync_ours:proven", root=root, source=source, target=str(equal))
    # Every version writes the same rows, and the peers read them from these files.
    run_case("benchmarks.verify_ours:export", root=root, mirror=str(equal), folder=str(folder))
    copy(equal, different)
    return run_case(
        "benchmarks.verify_ours:damage",
        root=root,
        mirror=str(different),
        folder=str(folder),
        percent=PERCENT,
    ).rows


def _mirror(folder: Path, version: str, situation: str) -> Path:
    return folder / f"{version}_{situation}.duckdb"


def measure(
    folder: Path,
    checkouts: Mapping[str, Path],
    peers: Sequence[str],
    python: str,
    running: Server | None,
    repeat: int,
) -> tuple[dict[str, dict[str, list[Run]]], list[str]]:
    """Return the runs by situation and tool, made in turn, and a sentence for each tool that failed.

    Args:
        folder: where the files are.
        checkouts: the versions of ours by name, with the checkout of each.
        peers: the names of the other tools.
        python: the interpreter that has the peers.
        running: the peers' database server, if there are peers.
        repeat: the number of runs of each case.
    """
    if running is not None:
        with output.status("Filling PostgreSQL ..."):
            run_case(
                "benchmarks.verify_peers:fill",
                python=python,
                port=running.port,
                folder=str(folder),
                damages=DAMAGE,
            )
    failed = []
    runs: dict[str, dict[str, list[Run]]] = {}
    for situation in SITUATIONS:
        found: dict[str, list[Run]] = {name: [] for name in (*checkouts, *peers)}
        for turn in range(repeat):
            for name in list(found):
                if turn and name in PEERS and found[name][0].cpu > SLOW_SECONDS:
                    continue
                with output.status(f"{situation}, round {turn + 1} of {repeat}: {name} ..."):
                    try:
                        run = _run(folder, name, situation, checkouts, python, running)
                    except CaseFailedError:
                        if name == OURS:
                            raise  # there is nothing left to compare
                        failed.append(f"{situation}: {name} failed; its output is above.")
                        del found[name]
                    else:
                        found[name].append(run)
                        # Print each result at once: the slowest tools take minutes, and the table comes last.
                        output.print(f"{situation}, {name}: {run.cpu:.1f} CPU s")
        runs[situation] = found
    return runs, failed


def _run(
    folder: Path,
    name: str,
    situation: str,
    checkouts: Mapping[str, Path],
    python: str,
    running: Server | None,
) -> Run:
    if name in checkouts or running is None:
        mirror = _mirror(folder, name, situation)
        source = folder / "source.db"
        return Run(
            run_case(
                "benchmarks.verify_ours:proof",
                root=checkouts[name],
                source=str(source),
                mirror=str(mirror),
            )
        )
    case = f"benchmarks.verify_peers:{name}"
    extra: dict[str, Any] = {"folder": str(folder)} if name == "validator" else {}
    before = running.cpu()
    with running.watched() as peak:
        measured = run_case(case, python=python, port=running.port, target=situation, **extra)
    return Run(measured, running.cpu() - before, peak[0])


def report(
    runs: dict[str, dict[str, list[Run]]], rows: int, different: dict[str, int]
) -> list[str]:
    """Print a table for each situation; return a sentence for each missed target."""
    missed = []
    for situation, found in runs.items():
        expected = different if situation == "different" else dict.fromkeys(different, 0)
        table = Table(
            title=f"{rows:,} rows, {sum(expected.values()):,} of them different",
            box=SIMPLE_HEAD,
            caption="Median, and least-most. CPU s and peak MB include the database server's, which are shown"
            " next to them; ours has its databases in its own process.",
        )
        for column in (
            "tool",
            "CPU s",
            "server",
            "wall s",
            "peak MB",
            "server",
            "differences found",
        ):
            table.add_column(column, justify="left" if column == "tool" else "right")
        for name, each in found.items():
            counted = each[0].measured.rows
            table.add_row(
                PEERS.get(name, name),
                spread([run.cpu for run in each], 1),
                spread([run.server_cpu for run in each], 1),
                spread([run.measured.wall for run in each], 1),
                spread([run.megabytes for run in each]),
                spread([run.server_megabytes for run in each]),
                f"{sum(counted.values()):,}",
            )
            if name == OURS and dict(counted) != expected:
                missed.append(
                    f"{situation}: ours finds {dict(counted)} differing rows; there are {expected}."
                )
            if name in PEERS:
                missed.extend(_behind(situation, PEERS[name], found[OURS], each))
        output.print(table)
        if BEFORE in found:
            mine, before = (median(run.cpu for run in found[name]) for name in (OURS, BEFORE))
            output.print(
                f"{situation}: ours takes {mine / before:.2f} times the CPU time of the version before."
            )
    return missed


def _behind(situation: str, peer: str, ours: list[Run], theirs: list[Run]) -> list[str]:
    sentences = []
    for what, of in (
        ("CPU s", lambda run: run.cpu),
        ("wall s", lambda run: run.measured.wall),
        ("MB", lambda run: run.megabytes),
    ):
        mine, other = median(map(of, ours)), median(map(of, theirs))
        if mine >= other:
            sentences.append(
                f"{situation}: ours takes {mine:,.1f} {what}, {peer} takes {other:,.1f};"
                " the target is less."
            )
    return sentences


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.verify", description="Measure the proof that tables are equal."
    )
    parser.add_argument(
        "--peers-python", default=sys.executable, help="interpreter that has the peers"
    )
    parser.add_argument(
        "--before", type=Path, help="checkout of an earlier version, which is measured as well"
    )
    parser.add_argument(
        "--repeat", type=int, default=3, help="number of runs of each case (default 3)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows (default 1)")
    parser.add_argument(
        "--folder", type=Path, help="folder for the files (default: a temporary one)"
    )
    chosen = parser.parse_args(arguments)
    rows = {name: round(number * chosen.scale) for name, number in ROWS.items()}
    found = run_case("benchmarks.verify_peers:available", python=chosen.peers_python).rows
    peers = [peer for peer in PEERS if found[peer]]
    for peer in PEERS.keys() - peers:
        output.print(f"{PEERS[peer]} is left out: {chosen.peers_python} lacks its packages.")
    binaries = programs()
    if binaries is None:
        output.print("The peers are left out: PostgreSQL's initdb is not on the PATH.")
        peers = []
    checkouts = {OURS: ROOT}
    if chosen.before is not None:
        checkouts[BEFORE] = chosen.before.resolve()
    if not peers and BEFORE not in checkouts:
        output.print(
            "There is nothing to compare with. See benchmarks/README.md for --before and --peers-python."
        )
        return 2
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name).resolve()
        different = prepare(folder, rows, checkouts)
        serving = server(folder, binaries) if binaries and peers else nullcontext()
        with serving as running:
            runs, sentences = measure(
                folder, checkouts, peers, chosen.peers_python, running, chosen.repeat
            )
    sentences += report(runs, sum(rows.values()), different)
    for sentence in sentences:
        output.print(f"[red]Missed:[/red] {sentence}")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
