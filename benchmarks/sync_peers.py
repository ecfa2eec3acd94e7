"""Cases of benchmarks/sync.py for other tools, run by an interpreter that has them.

Contains: each tool as its documentation recommends it, with the row version as its cursor. Out of scope: our
own package, which that interpreter need not have; and what is compared.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from benchmarks.measure import Laps

KEYS = {"invoices": "invoice_id", "events": "event_id"}
CURSOR = "row_version"
TIMESTAMPS = {
    "invoices": ["issued_at", "due_at", "paid_at", "updated_at"],
    "events": ["occurred_at", "updated_at"],
}
#: The extensions that Sling makes DuckDB's command line load.
EXTENSIONS = ("duckdb_extension_json", "duckdb_extension_httpfs")
#: The modules that each peer needs.
NEEDS = {
    "dlt_pyarrow": ("dlt", "sqlalchemy", "pyarrow"),
    "dlt_connectorx": ("dlt", "sqlalchemy", "connectorx"),
    "sling": ("sling_linux_amd64", "duckdb_cli", *EXTENSIONS),
    "pandas": ("pandas", "duckdb"),
}


def available(laps: Laps) -> None:
    """Record 1 for each peer that can run here, and 0 for each that lacks a module."""
    for peer, modules in NEEDS.items():
        laps.rows[peer] = int(all(find_spec(module) for module in modules))


def dlt_pyarrow(laps: Laps, *, source: str, target: str, full: bool) -> None:
    """Load with dlt's pyarrow backend."""
    _dlt(laps, source, target, full, "pyarrow")


def dlt_connectorx(laps: Laps, *, source: str, target: str, full: bool) -> None:
    """Load with dlt's connectorx backend."""
    _dlt(laps, source, target, full, "connectorx")


def _dlt(
    laps: Laps, source: str, target: str, full: bool, backend: Literal["pyarrow", "connectorx"]
) -> None:
    """Replace the tables the first time, which is dlt's fastest way; then merge by key."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.sql_database import sql_table

    folder = Path(target).parent
    with laps.lap("peer"):
        pipeline = dlt.pipeline(
            "mirror",
            destination=dlt.destinations.duckdb(target),
            dataset_name="mirror",
            pipelines_dir=str(folder / "pipelines"),
        )
        resources: list[Any] = [
            sql_table(
                credentials=f"sqlite:///{source}",
                table=name,
                backend=backend,
                incremental=dlt.sources.incremental(CURSOR),
                primary_key=KEYS[name],
                backend_kwargs={"conn": f"sqlite://{source}"} if backend == "connectorx" else None,
            )
            for name in KEYS
        ]
        pipeline.run(
            resources, write_disposition="replace" if full else "merge"
        ).raise_on_failed_jobs()


def pandas(laps: Laps, *, source: str, target: str, full: bool) -> None:  # noqa: ARG001
    """Read and write everything again, because pandas has no incremental way."""
    import duckdb
    import pandas as pd

    with laps.lap("peer"), closing(sqlite3.connect(source)) as lite, duckdb.connect(target) as duck:
        for name in KEYS:
            # Without a format, a timestamp in another form than the first one becomes NaT.
            iso = {column: {"format": "ISO8601"} for column in TIMESTAMPS[name]}
            rows = pd.read_sql(f"SELECT * FROM {name}", lite, parse_dates=iso)
            duck.register("rows", rows)
            duck.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM rows")
            duck.unregister("rows")
            del rows


def _carried(module: str, pattern: str) -> Path:
    """Return a file that a package contains.

    The `sling` package itself would download its program on its first run.
    """
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.rglob(pattern))


def _sling_home(home: Path) -> None:
    """Create a home where DuckDB's command line finds the extensions that Sling loads without a download."""
    for module in EXTENSIONS:
        extension = _carried(module, "*.duckdb_extension")
        folder = home / ".duckdb" / "extensions" / extension.parent.name / "linux_amd64"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(extension, folder)


def sling(laps: Laps, *, source: str, target: str, full: bool) -> None:
    """Run one process for each table, as Sling's command line does."""
    program = str(_carried("sling_linux_amd64", "sling-linux-amd64"))
    home = Path(target).parent / "sling"
    _sling_home(home)
    environment = {
        **os.environ,
        "HOME": str(home),
        "SLING_HOME_DIR": str(home),
        "SLING_DISABLE_TELEMETRY": "TRUE",
        "DUCKDB_PATH": str(_carried("duckdb_cli", "duckdb")),
        "DUCKDB_USE_INSTALLED": "TRUE",
        "SOURCE": f"sqlite://{source}",
        "TARGET": f"duckdb://{target}",
    }
    mode = "full-refresh" if full else "incremental"
    with laps.lap("peer"):
        for name, key in KEYS.items():
            command = [program, "run", "--src-conn", "SOURCE", "--src-stream", f"main.{name}"]
            command += ["--tgt-conn", "TARGET", "--tgt-object", f"main.{name}", "--mode", mode]
            command += ["--primary-key", key, "--update-key", CURSOR]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"Sling failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
