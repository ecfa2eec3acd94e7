"""Cases of benchmarks/mssql.py: read one table of events from SQL Server in four ways.

Contains: the rows and the ways to read them. Out of scope: the use of the numbers.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from benchmarks.measure import Laps
from saas_platform.clock import Month
from saas_platform.schema import TABLES, arrow_schema
from saas_platform.schema.kinds import TextForm, kind_of
from saas_platform.source.interface import MonthBatch
from saas_platform.source.mssql import Address, MssqlSource, connection

_SCHEMA = "saas_platform_benchmark"
_EVENTS = TABLES["usage_events"]
_MONTH = Month(2024, 1)


def source() -> MssqlSource:
    """Return the source that SAAS_TEST_MSSQL_URL names, in a schema of the benchmark's own."""
    url = sa.make_url(os.environ["SAAS_TEST_MSSQL_URL"])
    return MssqlSource(Address.of(url.update_query_dict({"schema": _SCHEMA})))


def load(laps: Laps, rows: int) -> None:
    """Create an empty source, then load a month with that many events."""
    made = source()
    made.drop()
    made.create_schema()
    batch = _batch(rows)
    with laps.lap("events"):
        made.apply(batch)
    laps.rows["events"] += rows


def _batch(rows: int) -> MonthBatch:
    start = datetime(2024, 1, 1)
    account = {c.name: _some(c) for c in TABLES["accounts"].columns if c.name != "row_version"}
    tables = {name: arrow_schema(table).empty_table() for name, table in TABLES.items()}
    tables["accounts"] = pa.Table.from_pylist([account], schema=arrow_schema(TABLES["accounts"]))
    tables["usage_events"] = pa.table(
        {
            "event_id": pa.array(range(rows), pa.int64()),
            "occurred_at": pa.array(
                (
                    start + timedelta(microseconds=2_500_000 * n % 2_600_000_000_000)
                    for n in range(rows)
                ),
                pa.timestamp("us"),
            ),
            "account_id": pa.array([1] * rows, pa.int64()),
            "user_id": pa.nulls(rows, pa.int64()),
            "event_type": pa.array(["login"] * rows),
            "feature_id": pa.nulls(rows, pa.int64()),
        },
        schema=arrow_schema(_EVENTS),
    )
    erasures = pa.schema([("user_id", pa.int64()), ("erased_at", pa.timestamp("us"))])
    return MonthBatch(
        "benchmark", _MONTH, _MONTH, _MONTH.end, "benchmark", tables, erasures.empty_table()
    )


def _some(column: sa.Column[Any]) -> Any:
    some: dict[TextForm, Any] = {"time": datetime(2024, 1, 1), "digits": 1}
    return some.get(kind_of(column).text, column.info.get("values", ["some"])[0])


def ours(laps: Laps) -> None:
    """Read the events with mssql-python if it is installed."""
    with source().snapshot() as snapshot, laps.lap("events"):
        for batch in snapshot.rows(_EVENTS):
            laps.rows["events"] += batch.num_rows


def pyodbc_alone(laps: Laps) -> None:
    """Read the events with pyodbc, even if mssql-python is installed."""
    connection.mssql_python = lambda: None
    ours(laps)


def digests(laps: Laps) -> None:
    """Compute the digests in the server, without reading a row."""
    with source().snapshot() as snapshot, laps.lap("events"):
        found = snapshot.digests(_EVENTS)
    if found is None:
        raise SystemExit("The server can't hash UTF-8.")
    laps.rows["events"] += sum(digest.rows for digest in found.values())


def pandas(laps: Laps) -> None:
    """Read the events with `pandas.read_sql`, as most people do at first."""
    import pandas as pd

    address = source().address
    engine = sa.create_engine(
        "mssql+pyodbc://",
        creator=lambda: connection.load_pyodbc().connect(address.for_pyodbc(), autocommit=True),
    )
    with engine.connect() as connected, laps.lap("events"):
        laps.rows["events"] += len(
            pd.read_sql(sa.text(f"SELECT * FROM {_SCHEMA}.usage_events"), connected)
        )


def drop(laps: Laps) -> None:
    """Drop the tables of the benchmark."""
    with laps.lap("events"):
        source().drop()
