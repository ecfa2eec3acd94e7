"""Tests of a connection that drops while rows are read.

The table reports the error, the other tables go on, and the next run repairs the mirror. The process
survives. Out of scope: a process that dies (test_killed.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import adbc_driver_manager.dbapi as adbc
import pyarrow as pa
import pytest
from adbc_driver_manager import AdbcStatusCode

from saas_platform.source.sqlite import streaming
from saas_platform.sync import repair, sync, verify
from saas_platform.sync.report import ProofReport, RepairReport, SyncReport
from saas_platform_tests.drawing import drawn
from saas_platform_tests.faults.child import before_each_batch
from saas_platform_tests.faults.conftest import Fresh
from saas_platform_tests.faults.operations import SYNCS, Workspace
from saas_platform_tests.faults.test_killed import assert_whole, goes_on, states

#: The errors of the driver, and of Arrow around it, when the connection is gone.
DROPS: dict[str, Exception] = {
    "driver": adbc.OperationalError("connection reset", status_code=AdbcStatusCode.IO),
    "stream": OSError("connection reset"),
    "arrow": pa.ArrowInvalid("connection reset"),
}
ACTS = ("first load", "incremental", "by digest alone", "repair", "verify")

_OPERATIONS: dict[str, Callable[..., list[Any]]] = {"repair": repair, "verify": verify}


def drop_at(monkeypatch: pytest.MonkeyPatch, batch: int, drop: Exception) -> None:
    """Raise an error instead of reading batch number `batch`."""
    counter = itertools.count(1)

    def dropped() -> None:
        if next(counter) == batch:
            raise drop

    before_each_batch(dropped, monkeypatch.setattr)
    monkeypatch.setattr(streaming, "_BATCH_ROWS", 8)


def problem(report: SyncReport | RepairReport | ProofReport) -> str | None:
    if isinstance(report, ProofReport):
        return report.problems[0] if report.problems else None
    return report.error


def count_batches(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, name: str, operation: Callable[..., list[Any]]
) -> int:
    """Return how many batches the operation reads if nothing fails."""
    workspace = Workspace(fresh(SYNCS[name]))
    batches: list[None] = []
    with monkeypatch.context() as patched:
        before_each_batch(lambda: batches.append(None), patched.setattr)
        patched.setattr(streaming, "_BATCH_ROWS", 8)
        reports = operation(workspace.source, workspace.warehouse, workspace.tables)
    assert not any(map(problem, reports))
    return len(batches)


@pytest.mark.slow
@pytest.mark.draws
@pytest.mark.parametrize(
    ("name", "drop"),
    [(name, drop) for name in ACTS for drop in DROPS],
)
def test_at_any_batch(fresh: Fresh, monkeypatch: pytest.MonkeyPatch, name: str, drop: str) -> None:
    """At the first, at the last, and at some between them; in `make test-deep` at all of them."""
    operation = _OPERATIONS.get(name, sync)
    count = count_batches(fresh, monkeypatch, name, operation)
    assert count > 1
    for batch in sorted({1, count, *drawn(range(1, count + 1), 4)}):
        workspace = Workspace(fresh(SYNCS[name]))
        before, logged = states(workspace)
        after = workspace.source_rows()
        with monkeypatch.context() as patched:
            drop_at(patched, batch, DROPS[drop])
            reports = operation(workspace.source, workspace.warehouse, workspace.tables)
        (sentence,) = [text for report in reports if (text := problem(report)) is not None]
        assert "connection reset" in sentence
        assert "\n" not in sentence
        assert len(reports) == len(workspace.tables)
        assert_whole(workspace, name, before, after, logged)
        goes_on(workspace, after, name)
