"""Tests of a full disk: one sentence reports it, nothing is half done, and all is well once there is space.

A limit on the size of files stands for the disk, because it needs no privileges. A write past it fails with
"File too large", where a full disk gives "No space left on device". SQLite's own limit of pages gives
SQLite's error for a full disk. In DuckDB, the write-ahead log and the database itself meet the limit.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from saas_platform.warehouse.duckdb.errors import to_user_error
from saas_platform_tests.faults.child import Fault, run
from saas_platform_tests.faults.conftest import Fresh
from saas_platform_tests.faults.operations import (
    LOADS,
    Scenario,
    Workspace,
    changed_throughout,
    larger,
    sync_all,
)
from saas_platform_tests.faults.test_killed import (
    assert_whole,
    contents,
    goes_on,
    states,
    without_counter,
)


def limits(folder: Path, count: int) -> list[int]:
    """Return limits in bytes: 100, and some from 40 kB, enough to read a source, to half of the largest file."""
    largest = max(file.stat().st_size for file in folder.iterdir())
    return [100, *(40_000 + largest // 2 * step // count for step in range(count - 1))]


def assert_one_sentence(error: str | None, file: Path) -> None:
    assert error is not None
    assert "\n" not in error
    assert error.startswith(f"The {'source' if file.suffix == '.db' else 'warehouse'} {file} ")
    assert "free some space, then run again" in error


@pytest.mark.parametrize(
    "count", [pytest.param(2, id="few"), pytest.param(12, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("begins", [larger, changed_throughout])
def test_for_a_sync(fresh: Fresh, begins: Callable[[Path], None], count: int) -> None:
    scenario = Scenario(begins, sync_all)
    workspace = Workspace(fresh(scenario))
    before, logged = states(workspace)
    assert run(scenario.operation, workspace.folder).error is None
    after = workspace.source_rows()
    full = set()
    for limit in limits(workspace.folder, count):
        workspace = Workspace(fresh(scenario))
        end = run(scenario.operation, workspace.folder, Fault(disk_bytes=limit))
        assert not end.killed
        if end.error is not None:
            file = workspace.path if str(workspace.path) in end.error else workspace.warehouse.path
            assert_one_sentence(end.error, file)
            full.add(file.name)
        assert_whole(workspace, "", before, after, logged)
        goes_on(workspace, after)
        shutil.rmtree(workspace.folder)
    assert full == {"source.db", "warehouse.duckdb"}


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize(
    "count", [pytest.param(2, id="few"), pytest.param(12, id="many", marks=pytest.mark.slow)]
)
def test_for_a_load_of_the_source(fresh: Fresh, name: str, count: int) -> None:
    scenario = LOADS[name]
    workspace = Workspace(fresh(scenario))
    before = contents(workspace.path)
    assert run(scenario.operation, workspace.folder).error is None
    after = contents(workspace.path)
    sizes = [Fault(disk_bytes=limit) for limit in limits(workspace.folder, count)]
    pages = [
        Fault(source_pages=workspace.path.stat().st_size // 4096 * n // count) for n in range(count)
    ]
    failed = 0
    for fault in [*sizes, *pages]:
        workspace = Workspace(fresh(scenario))
        end = run(scenario.operation, workspace.folder, fault)
        assert not end.killed
        found = contents(workspace.path)
        if end.error is not None:
            assert_one_sentence(end.error, workspace.path)
            failed += 1
        assert found == (after if end.steps[-1] == "the end" else before)
        again = run(scenario.operation, workspace.folder)
        assert again.error is None
        assert without_counter(contents(workspace.path)) == without_counter(after)
        shutil.rmtree(workspace.folder)
    assert failed > 0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_every_message_of_the_system_is_known(number: int) -> None:
    """DuckDB ends its own message with that of the system."""
    error = duckdb.IOException(f'Could not write file "w.duckdb": {os.strerror(number)}')
    assert "free some space" in str(to_user_error(Path("w.duckdb"), error))
