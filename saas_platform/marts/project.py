"""Where the dbt project lies, and running it in this process on a DuckDB file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from saas_platform.errors import PlatformError

#: The folder with dbt_project.yml and profiles.yml.
PROJECT_DIR = Path(__file__).parent
#: The environment variable from which profiles.yml takes the DuckDB file.
PATH_VARIABLE = "SAAS_DBT_DUCKDB_PATH"

#: The environment variable from which the models take what is to be built again; see macros/rebuild.sql.
#: A variable of dbt's own would have the whole project parsed again at each new value.
REBUILD_VARIABLE = "SAAS_DBT_REBUILD"

#: A unit test judges the code, on rows of its own: that is for development, not for each load.
UNIT_TESTS_LEFT_OUT = ("--exclude-resource-type", "unit_test")


class MartsError(PlatformError):
    """A model failed to build, or a test on one did not hold."""


def build(
    warehouse_path: Path,
    as_of: datetime,
    target_path: Path,
    log_path: Path,
    select: Sequence[str] | None = None,
    touched: Mapping[str, str] | None = None,
) -> Any:
    """Build and test the marts (`dbt build`), all of them or those that `select` names.

    `touched` names the first month of each table of raw that has changed since they were built, as
    `YYYY-MM-DD`; without it they are built anew. Returns dbt's result, one entry per model and test. Raises MartsError, naming what failed. The
    DuckDB file is closed again in either case.
    """
    arguments = ["build", *UNIT_TESTS_LEFT_OUT, *options(as_of, target_path, log_path)]
    if select:
        # A test that needs a model besides the selected ones would read a table that is not there.
        arguments += ["--select", *select, "--indirect-selection", "cautious"]
    more, variables = rebuilding(touched)
    with environment(variables):
        return run(warehouse_path, [*arguments, *more])


def rebuilding(touched: Mapping[str, str] | None) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment that tell dbt what to build again."""
    if touched is None:
        return ["--full-refresh"], {}
    return [], {REBUILD_VARIABLE: json.dumps(touched)}


def options(as_of: datetime, target_path: Path, log_path: Path) -> list[str]:
    """The options that every dbt command on the project takes."""
    return [
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(target_path), "--log-path", str(log_path)),
        *("--vars", json.dumps({"as_of": as_of.isoformat(" ")})),
        "--quiet",
    ]


def run(warehouse_path: Path, arguments: Sequence[str]) -> Any:
    """One dbt command in this process. Raises MartsError unless all of it succeeded."""
    # dbt takes a second to import; only who runs it should wait.
    from dbt.cli.main import dbtRunner

    with _warehouse(warehouse_path):
        outcome: Any = dbtRunner().invoke(list(arguments))
    if outcome.exception is not None:
        raise MartsError(f"dbt {arguments[0]} could not run: {outcome.exception}")
    if not outcome.success:
        failures = [
            f"{result.node.name} ({result.message})"
            for result in outcome.result
            if result.status in ("error", "fail", "runtime error")
        ]
        raise MartsError(f"dbt {arguments[0]} failed: " + "; ".join(failures))
    return outcome.result


@contextmanager
def _warehouse(path: Path) -> Iterator[None]:
    """Name the DuckDB file to dbt, and close it afterwards: dbt-duckdb keeps it open in the process."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import cleanup_connections, reset_adapters

    with environment({PATH_VARIABLE: str(path)}):
        try:
            yield
        finally:
            cleanup_connections()
            DuckDBConnectionManager.close_all_connections()
            reset_adapters()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """With these environment variables set, as dbt reads them; afterwards as they were before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
