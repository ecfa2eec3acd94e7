"""Cases of benchmarks/verify.py for other tools, run by an interpreter that has them.

Both sides are PostgreSQL, because neither tool supports SQLite, and only one supports DuckDB. Out of scope:
our own package, and what is compared.
"""

from __future__ import annotations

import csv
import os
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import Laps
from benchmarks.sync_peers import KEYS

NEEDS = {"reladiff": ("reladiff", "psycopg2"), "validator": ("data_validation", "psycopg2")}
_COLUMNS = {
    "invoices": (
        "invoice_id bigint PRIMARY KEY, subscription_id bigint, number varchar(32),"
        " status varchar(13), issued_at timestamp, due_at timestamp, paid_at timestamp,"
        " subtotal_cents bigint, tax_cents bigint, total_cents bigint, updated_at timestamp,"
        " row_version bigint"
    ),
    "events": (
        "event_id bigint PRIMARY KEY, occurred_at timestamp, account_id bigint, user_id bigint,"
        " event_type varchar(11), feature_id bigint, updated_at timestamp, row_version bigint"
    ),
}
_USER = "postgres"


def available(laps: Laps) -> None:
    """Record 1 for each peer that can run here, and 0 for each that lacks a module."""
    for peer, modules in NEEDS.items():
        laps.rows[peer] = int(all(find_spec(module) for module in modules))


def fill(_laps: Laps, *, port: int, folder: str, damages: dict[str, str]) -> None:
    """Create the databases `source`, its copy `equal`, and `different` from the CSV files."""
    import psycopg2

    def run(database: str, *statements: str) -> None:
        connection = psycopg2.connect(host="127.0.0.1", port=port, user=_USER, dbname=database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                if " FROM STDIN " in statement:
                    text, file = statement.split(" < ")
                    with Path(folder, file).open() as rows:
                        cursor.copy_expert(text, rows)
                else:
                    cursor.execute(statement)
        connection.close()

    run("postgres", "CREATE DATABASE source")
    for name, columns in _COLUMNS.items():
        run(
            "source",
            f"CREATE TABLE {name} ({columns})",
            f"COPY {name} FROM STDIN (FORMAT csv, HEADER) < {name}.csv",
        )
    run("source", "VACUUM (ANALYZE)")
    for copy in ("equal", "different"):
        run("postgres", f"CREATE DATABASE {copy} TEMPLATE source")
    for name, key in KEYS.items():
        run(
            "different",
            f"CREATE TABLE picked ({key} bigint PRIMARY KEY)",
            f"COPY picked FROM STDIN (FORMAT csv, HEADER) < {name}_different.csv",
            f"UPDATE {name} t SET {damages[name]} FROM picked p WHERE p.{key} = t.{key}",
            "DROP TABLE picked",
        )
    run("different", "VACUUM (ANALYZE)")


def reladiff(laps: Laps, *, port: int, target: str) -> None:
    """Compare with reladiff and its defaults: checksums of segments, which it splits where they differ."""
    from reladiff import connect_to_table, diff_tables

    with laps.lap("peer"):
        for name, key in KEYS.items():
            columns = [part.split()[0] for part in _COLUMNS[name].split(", ")]
            sides = [
                connect_to_table(
                    f"postgresql://{_USER}:none@127.0.0.1:{port}/{database}", name, key
                )
                for database in ("source", target)
            ]
            others = tuple(column for column in columns if column != key)
            found = {row[0] for _, row in diff_tables(*sides, extra_columns=others)}
            laps.rows[name] = len(found)


def validator(laps: Laps, *, port: int, target: str, folder: str) -> None:
    """Compare with the validator, whose command line runs in this process: hashes of rows by the databases."""
    os.environ["PSO_DV_CONN_HOME"] = folder
    from data_validation import __main__ as program

    def run(file: Path, *arguments: str) -> None:
        sys.argv = ["data-validation", *arguments]
        with file.open("w") as lines, redirect_stdout(lines):
            program.main()

    for database in ("source", target):
        add = ["connections", "add", "--connection-name", database, "Postgres"]
        add += ["--host", "127.0.0.1", "--port", str(port), "--user", _USER]
        add += ["--password", "none", "--database", database]
        run(Path(folder) / "added.txt", *add)
    for name, key in KEYS.items():
        row = ["validate", "row", "-sc", "source", "-tc", target]
        row += ["-tbls", f"public.{name}=public.{name}", "--primary-keys", key, "--hash", "*"]
        row += ["--filter-status", "fail", "--format", "csv"]
        file = Path(folder) / f"found_{name}.csv"
        with laps.lap("peer"):
            run(file, *row)
        with file.open() as lines:
            laps.rows[name] = sum(1 for line in csv.reader(lines) if "fail" in line)
