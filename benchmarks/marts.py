"""Times the marts: all of dbt's work on DuckDB, and its peak memory; fails where a target is missed.

    python -m benchmarks.marts [--accounts 5000] [--months 24] [--repeat 3]

Holds: the company as raw tables, and the build of its marts. Does not hold: how a case is measured
(measure.py), or the time of Dagster around a build.
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

#: Seconds of the default company, and GB of any.
SECONDS, GIGABYTES = 10.0, 4.0
DEFAULT_ACCOUNTS = 5000


def load(laps: Laps, path: str, accounts: int, months: int) -> None:
    """The company's months as a mirror would hold them: the last state of each key, less erasures."""
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
            laps.rows["rows"] += connection.execute(f"SELECT count(*) FROM raw.{name}").fetchone()[
                0
            ]
        connection.execute("DROP SCHEMA loading CASCADE; DROP TABLE erased")


def build(laps: Laps, path: str, folder: str, as_of: str) -> None:
    """All models and tests, as an asset run has them: with the project parsed before."""
    # Imported before the lap, as for every case: `marts` would do it in the midst of it.
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=DEFAULT_ACCOUNTS)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--repeat", type=int, default=3)
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
        missed.append(f"The best build took {seconds:.1f} s; at most {SECONDS:.0f} are wanted.")
    if gigabytes > GIGABYTES:
        missed.append(f"The peak was {gigabytes:.1f} GB; at most {GIGABYTES:.0f} are wanted.")
    for sentence in missed:
        output.print(sentence)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
