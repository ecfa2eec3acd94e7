"""Dagster's own home inside SAAS_HOME, so that the UI shows what the command line ran."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import sqlalchemy as sa

from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.storage.home import Home

_DAGSTER_YAML = """\
# Written by saas-platform; edit it as you like, it is written only where it is missing.
nux:
  enabled: false
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
  pools:
    granularity: op
    default_limit: 4
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 300
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 7
      failure: 30
      success: 90
"""


def prepare(home: Home) -> None:
    """Make Dagster's home, and point this process at it."""
    home.create()
    home.dagster.mkdir(exist_ok=True)
    config = home.dagster / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home.dagster)


@contextmanager
def fewer_disk_waits() -> Iterator[None]:
    """Within it, Dagster's SQLite files are synced to disk at the end instead of at every event.

    Dagster opens and closes them for each event, and the last one to close a write-ahead log copies
    it back. A connection kept open, and `synchronous = NORMAL`, spare that: a power cut may lose the
    last events of the log, but corrupts nothing, and no data of ours is in there.
    """
    kept: dict[str, sqlite3.Connection] = {}

    def on_connect(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        if path not in kept:
            kept[path] = sqlite3.connect(path, check_same_thread=False)
        # It counts as open only once it has read.
        kept[path].execute("SELECT count(*) FROM sqlite_master").fetchone()

    sa.event.listen(sa.Engine, "connect", on_connect)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", on_connect)
        for connection in kept.values():
            connection.close()


def open_instance(home: Home) -> dg.DagsterInstance:
    prepare(home)
    return dg.DagsterInstance.get()


def _main() -> int:
    """Print the folder that DAGSTER_HOME has to be for `dagster dev` to show this SAAS_HOME."""
    try:
        home = Platform.load().home
        prepare(home)
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{home.dagster}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(_main())
