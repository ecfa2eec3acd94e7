"""Measure the time and peak memory of a build of the marts by dbt on DuckDB; fail if a target is missed.

    python -m benchmarks.marts [--accounts 5000] [--months 24] [--repeat 3]

Contains: the company as raw tables, and the build of its marts. Out of scope: how a case is measured
(measure.py), and the time that Dagster takes around a build.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from rich.table import Table

from benchmarks.measure import Laps, run_case
from benchmarks.printing import output, spread

#: Most seconds of dbt for the default company, and most GB for any company.
SECONDS, GIGABYTES = 10.0, 4.0
DEFAULT_ACCOUNTS = 5000


def load(laps: Laps, path: str, accounts: int, months: int) -> None:
    """Write the company's months as a mirror would hold them: the last state of each key, less erasures."""
    import duckdb

    from saas_platform.clock import Month
    from saas_platform.company import Company, CompanyConfig
    from saas_platform.schema import TABLES

    first = Month(2024, 1)
    as_of = first.plus(months).start
    company = Company(CompanyConfig(seed=7, accounts=accounts, start=first))
    with duckdb.connect(path) as connection, laps.lap("rows"):
        connection.execute(
            "CREATE SCHEMA loading; CREATE SCHEMA raw; CREATE TABLE erased (id BIGINT)"
        )
        for number, month in enumerate(first.until(first.plus(months - 1))):
            batch = company.batch(month, as_of)
            for name in TABLES:
                connection.register("given", batch.rows[name])
                verb = (
                    f"INSERT INTO loading.{name}" if number else f"CREATE TABLE loading.{name} AS"
                )
                connection.execute(f"{verb} SELECT *, {number} AS batch_no FROM given")
            connection.register("given", batch.erasures)
            connection.execute("INSERT INTO erased SELECT user_id FROM given")
        for name, table in TABLES.items():
            (key,) = (column.name for column in table.primary_key.columns)
            gone = "user_id IN (SELECT id FROM erased)"
            columns, where = "* EXCLUDE (batch_no)", ""
            if name == "users":
                where = f"WHERE NOT {gone}"
            elif "user_id" in table.c:
                columns += f" REPLACE (CASE WHEN {gone} THEN NULL ELSE user_id END AS user_id)"
            last = (
                ""
                if name == "usage_events"  # only ever added to
                else f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY batch_no DESC) = 1"
            )
            connection.execute(
                f"CREATE TABLE raw.{name} AS SELECT {columns} FROM loading.{name} {where} {last}"
            )
            ((rows,),) = connection.execute(f"SELECT count(*) FROM raw.{name}").fetchall()
            laps.rows["rows"] += rows
        connection.execute("DROP SCHEMA loading CASCADE; DROP TABLE erased")


def build(laps: Laps, path: str, folder: str, as_of: str) -> None:
    """Build all models and run all tests, as a run of the assets does: with the project already parsed."""
    # Imported before the lap, as in every case: otherwise `build` would import them within it.
    import dbt.adapters.duckdb
    import dbt.cli.main  # noqa: F401

    from saas_platform.dbt_runner import MartsTarget, build

    with laps.lap("models and tests"):
        results = build(
            MartsTarget.duckdb(Path(path)),
            datetime.fromisoformat(as_of),
            Path(folder) / "target",
            Path(folder),
        )
        laps.rows["models and tests"] += len(results.results)


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--accounts",
        type=int,
        default=DEFAULT_ACCOUNTS,
        help="number of accounts of the company (default 5000)",
    )
    parser.add_argument(
        "--months", type=int, default=24, help="number of months of the company (default 24)"
    )
    parser.add_argument("--repeat", type=int, default=3, help="number of later builds (default 3)")
    given = parser.parse_args()
    as_of = str(datetime(2024 + given.months // 12, 1 + given.months % 12, 1))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "warehouse.duckdb")
        rows = run_case(
            "benchmarks.marts:load", path=path, accounts=given.accounts, months=given.months
        ).all_rows
        # The first build parses the project as well.
        runs = [
            run_case("benchmarks.marts:build", path=path, folder=folder, as_of=as_of)
            for _ in range(given.repeat + 1)
        ]
    table = Table("Build", "Raw rows", "Wall s", "CPU s", "Peak MB")
    for name, some in (("first, parsed too", runs[:1]), ("later", runs[1:])):
        table.add_row(
            name,
            f"{rows:,}",
            spread([run.wall for run in some], 1),
            spread([run.all_cpu for run in some], 1),
            spread([run.peak_megabytes for run in some]),
        )
    output.print(table)
    seconds = min(run.wall for run in runs[1:])
    gigabytes = max(run.peak_megabytes for run in runs) / 1024
    missed = []
    if given.accounts <= DEFAULT_ACCOUNTS and seconds > SECONDS:
        missed.append(f"The best build took {seconds:.1f} s; the target is at most {SECONDS:.0f}.")
    if gigabytes > GIGABYTES:
        missed.append(f"The peak was {gigabytes:.1f} GB; the target is at most {GIGABYTES:.0f}.")
    for sentence in missed:
        output.print(sentence)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
