"""Dagster's home, which lies inside SAAS_HOME so that the UI shows what the command line ran."""

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
# Written by saas-platform. You can edit this file: it is written again only if it is missing.
nux:
  enabled: false
telemetry:
  enabled: false
code_servers:
  local_startup_timeout: 900
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
    """Create Dagster's home and set DAGSTER_HOME for this process."""
    home.create()
    home.dagster.mkdir(exist_ok=True)
    config = home.dagster / "dagster.yaml"
    if not config.exists():
        config.write_text(_DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home.dagster)


@contextmanager
def fewer_disk_waits() -> Iterator[None]:
    """Sync Dagster's SQLite files to disk at the end of the block instead of at every event.

    Dagster opens and closes the files for each event, and the last connection that closes copies the
    write-ahead log back. Keeping a connection open with `synchronous = NORMAL` avoids that. A power cut may
    then lose the last events of the log, but it corrupts nothing, and the log holds no data of the platform.
    """
    kept: dict[str, sqlite3.Connection] = {}

    def on_connect(connection: object, _: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return  # dagster.yaml names another storage, such as PostgreSQL
        connection.execute("PRAGMA synchronous = NORMAL")
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        if path not in kept:
            kept[path] = sqlite3.connect(path, check_same_thread=False)
        # SQLite counts a connection as open only after it has read something.
        kept[path].execute("SELECT count(*) FROM sqlite_master").fetchone()

    sa.event.listen(sa.Engine, "connect", on_connect)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", on_connect)
        for connection in kept.values():
            connection.close()


class InstanceError(PlatformError):
    """Dagster's own storage can't be used."""


def open_instance(home: Home) -> dg.DagsterInstance:
    """Open the Dagster instance of this home.

    Raises InstanceError if its dagster.yaml is wrong, or names a server that does not answer.
    """
    prepare(home)
    try:
        instance = dg.DagsterInstance.get()
        instance.get_runs(limit=1)
    except Exception as error:  # Each storage has errors of its own, which have no common class.
        root = error
        while root.__cause__ is not None:
            root = root.__cause__  # type: ignore[assignment]
        said = " ".join(str(root).split()) or type(root).__name__
        raise InstanceError(
            f"Dagster's storage can't be used ({said}): correct {home.dagster / 'dagster.yaml'}, or start the server"
            " that it names."
        ) from error
    return instance


def _main() -> int:
    """Print the folder that DAGSTER_HOME must name so that `dagster dev` shows this SAAS_HOME."""
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
