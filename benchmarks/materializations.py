"""Compare the materializations of dbt-duckdb with shorter ones: time of a build, and what a kill leaves.

    python -m benchmarks.materializations [--accounts 5000] [--months 24] [--repeat 3]

Contains: the dbt project as it is and with materializations.sql, their builds in turns, and the kills. Out of
scope: the raw tables, and what of a build is timed (marts.py).
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.marts import DEFAULT_ACCOUNTS
from benchmarks.measure import ROOT, Laps, Measurement, run_case
from benchmarks.printing import output, spread

PROJECT = ROOT / "saas_platform" / "marts"
SHORTER = ROOT / "benchmarks" / "materializations.sql"
VARIANTS = ("the adapter's", "one statement")
CASE = "benchmarks.materializations:build"


def build(laps: Laps, project: str, path: str, folder: str, as_of: str) -> None:
    """Build the marts with the dbt project in the folder `project`."""
    from benchmarks import marts
    from saas_platform.dbt_runner import project as runner

    runner.PROJECT_DIR = Path(project)
    marts.build(laps, path, folder, as_of)


def leftovers(path: Path) -> list[str]:
    """Return the names that dbt uses while it replaces a relation, and that are in the marts now."""
    import duckdb

    with duckdb.connect(str(path)) as connection:
        rows = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts'"
            " AND regexp_matches(table_name, '__dbt_(tmp|backup)') ORDER BY 1"
        ).fetchall()
    return [name for (name,) in rows]


def killed(arguments: dict[str, Any], seconds: float) -> tuple[list[str], list[str]]:
    """Kill a build on a copy of the warehouse. Return what it left, and what the next build then left."""
    copy = Path(arguments["folder"], "killed", "warehouse.duckdb")
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(arguments["path"], copy)
    arguments = {**arguments, "path": str(copy)}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.measure", CASE, json.dumps(arguments)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = leftovers(copy)
    if left:
        run_case(CASE, **arguments)
    return left, leftovers(copy)


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=DEFAULT_ACCOUNTS, help="default 5000")
    parser.add_argument("--months", type=int, default=24, help="default 24")
    parser.add_argument("--repeat", type=int, default=3, help="number of rounds (default 3)")
    parser.add_argument("--kills", type=int, default=0, help="number of killed builds (default 0)")
    given = parser.parse_args()
    as_of = str(datetime(2024 + given.months // 12, 1 + given.months % 12, 1))
    with tempfile.TemporaryDirectory() as folder:
        loaded = Path(folder, "loaded.duckdb")
        run_case(
            "benchmarks.marts:load", path=str(loaded), accounts=given.accounts, months=given.months
        )
        cases: dict[str, dict[str, Any]] = {}
        for name in VARIANTS:
            home = Path(folder, name)
            shutil.copytree(PROJECT, home / "project")
            if name == "one statement":
                shutil.copy(SHORTER, home / "project" / "macros")
            shutil.copy(loaded, home / "warehouse.duckdb")
            cases[name] = {
                "project": str(home / "project"),
                "path": str(home / "warehouse.duckdb"),
                "folder": str(home),
                "as_of": as_of,
            }
        # The first build parses the project and creates everything.
        first = {name: run_case(CASE, **cases[name]) for name in cases}
        rounds: list[dict[str, Measurement]] = [
            {name: run_case(CASE, **cases[name]) for name in cases} for _ in range(given.repeat)
        ]
        seconds = median(each[VARIANTS[0]].wall for each in rounds)
        left = {
            name: [killed(cases[name], 2 + seconds * n / given.kills) for n in range(given.kills)]
            for name in cases
        }
    table = Table(
        "Materializations",
        "First, CPU s",
        "CPU s",
        "Wall s",
        "Kills that left names",
        "After the next build",
    )
    for name in VARIANTS:
        runs = [each[name] for each in rounds]
        table.add_row(
            name,
            f"{first[name].all_cpu:.1f}",
            spread([run.all_cpu for run in runs], 1),
            spread([run.wall for run in runs], 1),
            f"{sum(bool(names) for names, _ in left[name])} of {given.kills}",
            f"{sum(bool(names) for _, names in left[name])} of {given.kills}",
        )
    output.print(table)
    output.print(
        f"Left by the kills: {[names for name in VARIANTS for names, _ in left[name] if names]}"
    )
    for what in ("all_cpu", "wall"):
        adapters, shorter = ([getattr(each[name], what) for each in rounds] for name in VARIANTS)
        ratios = ", ".join(f"{one / two:.2f}" for one, two in zip(adapters, shorter, strict=True))
        saved = median(adapters) - median(shorter)
        output.print(f"{what}: the adapter's over one statement {ratios}; {saved:.1f} s saved")
    return 0


if __name__ == "__main__":
    sys.exit(main())
