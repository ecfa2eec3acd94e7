"""Proving two tables equal: ours, the version before, Google's data validator and reladiff, in one run.

Holds: what is compared, the targets, the tables that are printed. Does not hold: the cases (verify_ours.py,
verify_peers.py), the rows (sync_data.py), the server (postgres.py), nor how a case is measured.

    python -m benchmarks.verify --peers-python PATH    # PATH: an interpreter that has the peers
    python -m benchmarks.verify --before PATH          # PATH: a checkout of an earlier version

Exit code 0: every target reached; 1: one missed, and a sentence says which; 2: there is nothing to compare with.
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
#: What the others update, as benchmarks/verify_ours.py does in the mirror.
DAMAGE = {"invoices": "total_cents = total_cents + 1", "events": "account_id = account_id + 1"}


@dataclass(frozen=True)
class Run:
    """One run, and what the database server took for it; ours has its databases within."""

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
    """The SQLite file, and by each version of ours an equal mirror and one with differences.

    Returns how many rows differ, which is the same for all: their keys decide.
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
    """The mirrors of one version; returns how many rows differ in the second."""
    equal, different = (_mirror(folder, version, situation) for situation in SITUATIONS)
    source = str(folder / "source.db")
    run_case("benchmarks.sync_ours:proven", root=root, source=source, target=str(equal))
    # Every version writes the same rows, and the peers take them from these files.
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
    """Runs by situation and tool, everyone in turn; and who failed."""
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
                        failed.append(f"{situation}: {name} failed; what it said stands above.")
                        del found[name]
                    else:
                        found[name].append(run)
                        # The slowest take minutes: the table at the end is long in coming.
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
    """Prints a table for each situation; returns what was missed."""
    missed = []
    for situation, found in runs.items():
        expected = different if situation == "different" else dict.fromkeys(different, 0)
        table = Table(
            title=f"{rows:,} rows, {sum(expected.values()):,} of them different",
            box=SIMPLE_HEAD,
            caption="Median, and least-most. CPU s and peak MB: with what the database server took, which"
            " stands beside it; ours has its databases within.",
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
            told = each[0].measured.rows
            table.add_row(
                PEERS.get(name, name),
                spread([run.cpu for run in each], 1),
                spread([run.server_cpu for run in each], 1),
                spread([run.measured.wall for run in each], 1),
                spread([run.megabytes for run in each]),
                spread([run.server_megabytes for run in each]),
                f"{sum(told.values()):,}",
            )
            if name == OURS and dict(told) != expected:
                missed.append(f"{situation}: ours finds {dict(told)}, there are {expected}.")
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
    said = []
    for what, of in (
        ("CPU s", lambda run: run.cpu),
        ("wall s", lambda run: run.measured.wall),
        ("MB", lambda run: run.megabytes),
    ):
        mine, other = median(map(of, ours)), median(map(of, theirs))
        if mine >= other:
            said.append(
                f"{situation}: ours takes {mine:,.1f} {what}, {peer} {other:,.1f}; the target is less."
            )
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.verify", description="Measures the proof that tables are equal."
    )
    parser.add_argument(
        "--peers-python", default=sys.executable, help="an interpreter that has the peers"
    )
    parser.add_argument(
        "--before", type=Path, help="a checkout of an earlier version, which is measured as well"
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of each case (default 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the rows (default 1)")
    parser.add_argument("--folder", type=Path, help="where the files go (default: a temporary one)")
    chosen = parser.parse_args(arguments)
    rows = {name: round(number * chosen.scale) for name, number in ROWS.items()}
    found = run_case("benchmarks.verify_peers:available", python=chosen.peers_python).rows
    peers = [peer for peer in PEERS if found[peer]]
    for peer in PEERS.keys() - peers:
        output.print(f"{PEERS[peer]} is left out: {chosen.peers_python} lacks its packages.")
    binaries = programs()
    if binaries is None:
        output.print("The peers are left out: there is no initdb of PostgreSQL on the PATH.")
        peers = []
    checkouts = {OURS: ROOT}
    if chosen.before is not None:
        checkouts[BEFORE] = chosen.before.resolve()
    if not peers and BEFORE not in checkouts:
        output.print("Nothing to compare with: see benchmarks/README.md.")
        return 2
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name).resolve()
        different = prepare(folder, rows, checkouts)
        serving = server(folder, binaries) if binaries and peers else nullcontext()
        with serving as running:
            runs, said = measure(
                folder, checkouts, peers, chosen.peers_python, running, chosen.repeat
            )
    said += report(runs, sum(rows.values()), different)
    for sentence in said:
        output.print(f"[red]Missed:[/red] {sentence}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
