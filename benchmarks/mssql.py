"""Measure the extract from the SQL Server that SAAS_TEST_MSSQL_URL names: ours next to `pandas.read_sql`.

Contains: what is compared, and the table that is printed. Out of scope: the cases (mssql_ours.py), and how a
case is measured.

    SAAS_TEST_MSSQL_URL=... python -m benchmarks.mssql [--rows N] [--repeat N]

Exit code 0: measured; 2: no server is named. There are no targets, because they would depend on the server.
"""

from __future__ import annotations

import argparse
import os

from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.measure import Measurement, run_case
from benchmarks.printing import output, spread

_WAYS = {
    "ours": "ours",
    "pyodbc_alone": "ours, without mssql-python",
    "pandas": "pandas.read_sql",
    "digests": "digests in the server",
}


def main() -> int:
    """Run the command and return its exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--rows", type=int, default=1_000_000, help="number of events (default 1000000)"
    )
    arguments.add_argument(
        "--repeat", type=int, default=3, help="number of runs of each way (default 3)"
    )
    asked = arguments.parse_args()
    if not os.environ.get("SAAS_TEST_MSSQL_URL"):
        output.print(
            "SAAS_TEST_MSSQL_URL is not set. Set it to the URL of a database: mssql+pyodbc://..."
        )
        return 2
    table = Table("way", "rows/s", "client CPU-s", "peak MB", box=SIMPLE_HEAD)
    loaded = run_case("benchmarks.mssql_ours:load", rows=asked.rows)
    table.add_row("load and apply a month", *_cells([loaded]))
    runs: dict[str, list[Measurement]] = {way: [] for way in _WAYS}
    try:
        for _ in range(asked.repeat):
            for way, measured in runs.items():
                measured.append(run_case(f"benchmarks.mssql_ours:{way}"))
    finally:
        run_case("benchmarks.mssql_ours:drop")
    for way, measured in runs.items():
        table.add_row(_WAYS[way], *_cells(measured))
    output.print(table)
    return 0


def _cells(runs: list[Measurement]) -> tuple[str, str, str]:
    return (
        spread([run.all_rows / run.wall for run in runs]),
        spread([run.all_cpu for run in runs], 1),
        spread([run.peak_megabytes for run in runs]),
    )


if __name__ == "__main__":
    raise SystemExit(main())
