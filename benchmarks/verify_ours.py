"""Cases of benchmarks/verify.py in this interpreter: ours, and the tables in the form that the peers need.

Out of scope: other tools (verify_peers.py), and what is compared.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.measure import Laps
from benchmarks.sync_data import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse

#: The update that makes a row of the mirror differ; PostgreSQL runs the same one.
DAMAGE = {"invoices": "total_cents = total_cents + 1", "events": "account_id = account_id + 1"}


def proof(laps: Laps, *, source: str, mirror: str) -> None:
    """Prove every slice of both tables by digest; find, count and name the rows that differ."""
    with laps.lap("proof"):
        reports = verify(SqliteSource(Path(source)), DuckdbWarehouse(Path(mirror)), TABLES.values())
    for report in reports:
        if report.problems:
            raise SystemExit(" ".join(report.problems))
        found = report.differences
        laps.rows[report.table] = (
            0 if found is None else found.missing + found.extra + found.different
        )


def export(_laps: Laps, *, mirror: str, folder: str) -> None:
    """Write the rows of the mirror as CSV."""
    with duckdb.connect(mirror, read_only=True) as duck:
        for name in TABLES:
            columns = ", ".join(column.name for column in TABLES[name].columns)
            duck.execute(f"COPY (SELECT {columns} FROM raw.{name}) TO '{folder}/{name}.csv'")


def damage(laps: Laps, *, mirror: str, folder: str, percent: int) -> None:
    """Make random rows of the mirror differ, and write their keys as CSV."""
    with duckdb.connect(mirror) as duck:
        for name, table in TABLES.items():
            (key,) = (column.name for column in table.primary_key)
            picked = f"hash({key}) % 100 < {percent}"
            duck.execute(f"UPDATE raw.{name} SET {DAMAGE[name]} WHERE {picked}")
            file = f"{folder}/{name}_different.csv"
            duck.execute(f"COPY (SELECT {key} FROM raw.{name} WHERE {picked}) TO '{file}'")
            ((laps.rows[name],),) = duck.execute(
                f"SELECT count(*) FROM raw.{name} WHERE {picked}"
            ).fetchall()
