"""What a build of the marts says when it fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from saas_platform.defs.marts import _doubted, _reason, _results
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.refresh.mart_months import rebuild

PlatformOf = Callable[..., Platform]

#: What dbt prints if another process holds the file, as dagster-dbt hands it on.
LOCKED = """The dbt CLI process with command

`dbt build`

failed with exit code `1`. Check the stdout in the Dagster compute logs for the full information about the error.

Errors parsed from dbt logs:

Runtime Error
  IO Error: Could not set lock on file "/home/x/warehouse.duckdb": Conflicting lock is held in /usr/bin/python3.11 (PID 4711) by user x. See also https://duckdb.org/docs/stable/connect/concurrency"""


def test_a_warehouse_held_elsewhere_is_named_with_its_holder(platform_of: PlatformOf) -> None:
    platform = platform_of()
    path = platform.settings.warehouse.database
    assert _reason({"results": []}, LOCKED, platform.warehouse) == (
        f"The warehouse {path} is in use by process 4711: wait until it ends, or stop it."
    )


def test_without_results_dbts_own_words_are_told(platform_of: PlatformOf) -> None:
    error = (
        "failed.\n\nErrors parsed from dbt logs:\n\nCompilation Error\n  in model x (models/x.sql)"
    )
    assert _reason({"results": []}, error, platform_of().warehouse) == (
        "dbt build failed: Compilation Error in model x (models/x.sql)"
    )


def test_results_name_what_failed_and_nothing_else(platform_of: PlatformOf) -> None:
    results = [
        {"unique_id": "model.saas_marts.a", "status": "success", "message": "OK"},
        {"unique_id": "model.saas_marts.b", "status": "error", "message": "no such column"},
        {"unique_id": "test.saas_marts.c.1234", "status": "fail", "message": "Got 2 results"},
        {"unique_id": "model.saas_marts.d", "status": "skipped", "message": None},
    ]
    assert _reason({"results": results}, LOCKED, platform_of().warehouse) == (
        "dbt build failed: b (no such column); c (Got 2 results)"
    )


def test_a_failed_test_doubts_all_that_it_reads_and_a_failed_mart_only_itself() -> None:
    nodes = {
        "nodes": {
            "model.saas_marts.a": {"depends_on": {"nodes": ["source.saas_marts.raw.x"]}},
            "model.saas_marts.b": {"depends_on": {"nodes": ["model.saas_marts.a"]}},
            "test.saas_marts.c.1234": {
                "depends_on": {"nodes": ["model.saas_marts.d", "model.saas_marts.e"]}
            },
            "test.saas_marts.f": {"depends_on": {"nodes": ["model.saas_marts.g"]}},
        }
    }
    results = [
        {"unique_id": "model.saas_marts.b", "status": "error"},
        {"unique_id": "test.saas_marts.c.1234", "status": "fail"},
        {"unique_id": "test.saas_marts.f", "status": "pass"},
    ]
    marts = {f"marts/{name}" for name in "abdeg"}
    assert _doubted({"results": results}, nodes, marts) == {
        "marts/b": "could not be built",
        "marts/d": "failed its test c",
        "marts/e": "failed its test c",
    }


class Ended:
    """Stands for an invocation of dbt that ended, with or without a file of results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get_artifact(self, name: str) -> Any:
        return {"results": [{"text": (self.folder / name).read_text()}]}


def test_a_build_without_results_has_none(tmp_path: Path) -> None:
    assert _results(Ended(tmp_path)) == {"results": []}  # type: ignore[arg-type]
    (tmp_path / "run_results.json").write_text("some")
    assert _results(Ended(tmp_path)) == {"results": [{"text": "some"}]}  # type: ignore[arg-type]


def test_marts_without_raw_name_the_remedy(platform_of: PlatformOf) -> None:
    with pytest.raises(PlatformError, match="raw, which is empty: run `saas-platform run`"):
        rebuild(platform_of())
