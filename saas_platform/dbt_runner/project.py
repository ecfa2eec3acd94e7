"""Locate the dbt project and run dbt commands on one of its targets, in this process."""

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

#: A unit test checks the code on its own rows. It belongs to development, not to every load.
UNIT_TESTS_LEFT_OUT = ("--exclude-resource-type", "unit_test")


def build(
    target: MartsTarget,
    as_of: datetime,
    target_path: Path,
    log_path: Path,
    select: Sequence[str] | None = None,
    touched: Mapping[str, str] | None = None,
) -> Any:
    """Build and test the marts with `dbt build`.

    The warehouse is closed again whether the build succeeds or fails.

    Args:
        target: the warehouse.
        as_of: the timestamp of the company's clock.
        target_path: the folder for dbt's artefacts.
        log_path: the folder for dbt's logs.
        select: the dbt models to build; None means all of them.
        touched: for each raw table that changed since the last build, its first changed month as
            `YYYY-MM-DD`. None means a full refresh.

    Returns:
        dbt's result, with one entry for each dbt model and test.

    Raises:
        MartsError: a dbt model or a test failed. The message names it.
    """
    arguments = ["build", *UNIT_TESTS_LEFT_OUT, *options(as_of, target_path, log_path)]
    if select:
        # A test that also needs a dbt model outside the selection could read a table that does not exist.
        arguments += ["--select", *select, "--indirect-selection", "cautious"]
    return run(target.rebuilding(touched), [*arguments, *refresh(touched)])


def compiled(
    target: MartsTarget, as_of: datetime, target_path: Path, log_path: Path, *kinds: str
) -> list[dict[str, Any]]:
    """Compile the nodes of the given kinds and return them with their SQL.

    The SQL is that of a full refresh, which builds all months.

    Args:
        target: the warehouse.
        as_of: the timestamp of the company's clock.
        target_path: the folder for dbt's artefacts.
        log_path: the folder for dbt's logs.
        *kinds: the kinds of nodes: `model`, `test` or `analysis`.

    Returns:
        The nodes, as they are in dbt's manifest.

    Raises:
        MartsError: a node does not compile.
    """
    chosen = ["--select", *(f"resource_type:{kind}" for kind in kinds)]
    run(target, ["compile", *options(as_of, target_path, log_path), *refresh(None), *chosen])
    nodes = json.loads((target_path / "manifest.json").read_text())["nodes"].values()
    return [node for node in nodes if node["resource_type"] in kinds]


def refresh(touched: Mapping[str, str] | None) -> list[str]:
    """Return the arguments for a full refresh if it is unknown which months are touched."""
    return ["--full-refresh"] if touched is None else []


def options(as_of: datetime, target_path: Path, log_path: Path) -> list[str]:
    """Return the options that every dbt command on the project takes."""
    return [
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(target_path), "--log-path", str(log_path)),
        *("--vars", json.dumps({"as_of": as_of.isoformat(" ")})),
        # dbt's errors are raised, and the log file has them too.
        *("--log-level", "none"),
    ]


def run(target: MartsTarget, arguments: Sequence[str]) -> Any:
    """Run one dbt command in this process. Raises MartsError unless all of it succeeds."""
    target.require_adapter()
    # dbt takes a second to import. Only its users should wait for it.
    from dbt.cli.main import dbtRunner

    with target.in_environment(), _closing(target):
        outcome: Any = dbtRunner().invoke([*arguments, "--target", target.name])
    if outcome.exception is not None:
        said = " ".join(str(outcome.exception).split())
        raise MartsError(f"dbt {arguments[0]} could not run: {said}")
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
    """Close dbt's connections at the end. Otherwise dbt-duckdb would keep the file open in this process."""
    from dbt.adapters.factory import cleanup_connections, reset_adapters

    try:
        yield
    finally:
        cleanup_connections()
        if target.name == "duckdb":
            from dbt.adapters.duckdb.connections import DuckDBConnectionManager

            DuckDBConnectionManager.close_all_connections()
        reset_adapters()
