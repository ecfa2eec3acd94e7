"""Where the dbt project lies, and running it in this process on one of its targets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from saas_platform.dbt_runner.errors import MartsError
from saas_platform.dbt_runner.target import MartsTarget

#: The folder with dbt_project.yml and profiles.yml.
PROJECT_DIR = Path(__file__).parents[1] / "marts"

#: A unit test judges the code, on rows of its own: that is for development, not for each load.
UNIT_TESTS_LEFT_OUT = ("--exclude-resource-type", "unit_test")


def build(
    target: MartsTarget,
    as_of: datetime,
    target_path: Path,
    log_path: Path,
    select: Sequence[str] | None = None,
    touched: Mapping[str, str] | None = None,
) -> Any:
    """Build and test the marts (`dbt build`), all of them or those that `select` names.

    `touched` names the first month of each table of raw that has changed since they were built, as
    `YYYY-MM-DD`; without it they are built anew. Returns dbt's result, one entry per model and test.
    Raises MartsError, naming what failed. The warehouse is closed again in either case.
    """
    arguments = ["build", *UNIT_TESTS_LEFT_OUT, *options(as_of, target_path, log_path)]
    if select:
        # A test that needs a model besides the selected ones would read a table that is not there.
        arguments += ["--select", *select, "--indirect-selection", "cautious"]
    return run(target.rebuilding(touched), [*arguments, *refresh(touched)])


def compiled(
    target: MartsTarget, as_of: datetime, target_path: Path, log_path: Path, *kinds: str
) -> list[dict[str, Any]]:
    """The nodes of some kinds (`model`, `test`, `analysis`) with their SQL, as of a build of all months.

    Raises MartsError where one does not compile.
    """
    chosen = ["--select", *(f"resource_type:{kind}" for kind in kinds)]
    run(target, ["compile", *options(as_of, target_path, log_path), *refresh(None), *chosen])
    nodes = json.loads((target_path / "manifest.json").read_text())["nodes"].values()
    return [node for node in nodes if node["resource_type"] in kinds]


def refresh(touched: Mapping[str, str] | None) -> list[str]:
    """The arguments that have all months built anew, where nothing is known of what is touched."""
    return ["--full-refresh"] if touched is None else []


def options(as_of: datetime, target_path: Path, log_path: Path) -> list[str]:
    """The options that every dbt command on the project takes."""
    return [
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(target_path), "--log-path", str(log_path)),
        *("--vars", json.dumps({"as_of": as_of.isoformat(" ")})),
        "--quiet",
    ]


def run(target: MartsTarget, arguments: Sequence[str]) -> Any:
    """One dbt command in this process. Raises MartsError unless all of it succeeded."""
    target.require_adapter()
    # dbt takes a second to import; only who runs it should wait.
    from dbt.cli.main import dbtRunner

    with target.in_environment(), _closing(target):
        outcome: Any = dbtRunner().invoke([*arguments, "--target", target.name])
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
def _closing(target: MartsTarget) -> Iterator[None]:
    """Close what dbt opened; dbt-duckdb would keep the file open in the process."""
    from dbt.adapters.factory import cleanup_connections, reset_adapters

    try:
        yield
    finally:
        cleanup_connections()
        if target.name == "duckdb":
            from dbt.adapters.duckdb.connections import DuckDBConnectionManager

            DuckDBConnectionManager.close_all_connections()
        reset_adapters()
