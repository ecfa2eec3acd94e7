"""Tests of a process that is killed at any step, or in the middle of a write.

The files are as before the operation or as after it. The next run ends in a mirror that equals its source, by a
comparison without digests.

Contains: the death of the process. Out of scope: errors that it survives (the other modules).
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from saas_platform.sync import repair, sync
from saas_platform_tests.drawing import chance, drawn
from saas_platform_tests.faults.child import Fault, run
from saas_platform_tests.faults.conftest import Fresh
from saas_platform_tests.faults.operations import LOADS, REPAIRED, SYNCS, Rows, Workspace

#: The steps that make something durable.
_COMMITS = ("warehouse: COMMIT", "source: COMMIT", 'warehouse: INSERT INTO "raw"."_proof_log"')


def around_commits(steps: list[str]) -> list[int]:
    """Return the numbers of the first commit, the step after it, and the last step."""
    first = next(n for n, step in enumerate(steps, start=1) if step.startswith(_COMMITS))
    return sorted({first, first + 1, len(steps)})


def drawn_steps(steps: list[str]) -> list[int]:
    """Return the same numbers, and those of some other steps; in `make test-deep` those of all steps."""
    return sorted({*around_commits(steps), *drawn(range(1, len(steps) + 1), 6)})


Chosen = Callable[[list[str]], Iterable[int]]

HOW_MANY = pytest.mark.parametrize(
    "chosen",
    [
        around_commits,
        pytest.param(drawn_steps, marks=[pytest.mark.slow, pytest.mark.draws]),
    ],
)


def contents(path: Path) -> dict[str, Any]:
    """Return everything that a source's file holds, except what differs in every run."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        found: dict[str, Any] = {}
        for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master"):
            found[f"{kind} {name}"] = sql
            if kind == "table":
                rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()
                unlike = {"identity", "applied_at", "noted_at"}
                found[name] = sorted(
                    repr([row[key] for key in row.keys() if key not in unlike])  # noqa: SIM118
                    for row in rows
                )
        return found


@HOW_MANY
@pytest.mark.parametrize("name", LOADS)
def test_a_load_of_the_source(fresh: Fresh, name: str, chosen: Chosen) -> None:
    scenario = LOADS[name]
    straight = fresh(scenario)
    before = contents(straight / "source.db")
    steps = run(scenario.operation, straight).steps
    after = contents(straight / "source.db")
    assert len(steps) > 80
    committed = 0
    for number in chosen(steps):
        folder = fresh(scenario)
        end = run(scenario.operation, folder, Fault(kill_at=number))
        assert end.killed
        assert end.steps == steps[: number - 1]
        found = contents(folder / "source.db")
        done = "source: COMMIT" in end.steps
        assert found == (after if done else before), steps[number - 1]
        committed += done
        again = run(scenario.operation, folder)
        assert (again.killed, again.error) == (False, None)
        # The second run counts versions on, but gives no row a new one.
        assert without_counter(contents(folder / "source.db")) == without_counter(after)
        shutil.rmtree(folder)
    assert committed > 0


@pytest.mark.few
@HOW_MANY
@pytest.mark.parametrize("name", SYNCS)
def test_a_sync(fresh: Fresh, name: str, chosen: Chosen) -> None:
    scenario = SYNCS[name]
    workspace = Workspace(fresh(scenario))
    before, logged = states(workspace)
    steps = run(scenario.operation, workspace.folder).steps
    after = workspace.source_rows()
    assert workspace.mirror_rows() == after
    assert len(steps) > 25
    for number in chosen(steps):
        workspace = Workspace(fresh(scenario))
        end = run(scenario.operation, workspace.folder, Fault(kill_at=number))
        assert end.killed
        # The engine's threads read batches, so the last steps may come in another order.
        assert len(end.steps) == number - 1
        assert_whole(workspace, name, before, after, logged)
        goes_on(workspace, after, name)
        shutil.rmtree(workspace.folder)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        *((name, 2) for name in ("first load", "incremental", "later month")),
        *(pytest.param(name, 5, marks=pytest.mark.slow) for name in (*SYNCS, *LOADS)),
    ],
)
def test_in_the_middle_of_a_write(fresh: Fresh, name: str, places: int) -> None:
    """The signal for a file that grows too large kills: the part that fits is written, the rest is not."""
    scenario = {**SYNCS, **LOADS}[name]
    workspace = Workspace(fresh(scenario))
    before, logged = states(workspace) if name in SYNCS else ({}, {})
    source_before = contents(workspace.path)
    assert not run(scenario.operation, workspace.folder).killed
    after, source_after = workspace.source_rows(), contents(workspace.path)
    largest = max(file.stat().st_size for file in workspace.folder.iterdir())
    dice = chance(name)
    killed = 0
    # Every file has first bytes, so a place among them is always tried.
    for byte in [100, *(dice.randrange(largest) for _ in range(places - 1))]:
        workspace = Workspace(fresh(scenario))
        killed += run(scenario.operation, workspace.folder, Fault(kill_past=byte)).killed
        if name in SYNCS:
            assert_whole(workspace, name, before, after, logged)
            goes_on(workspace, after, name)
        else:
            assert contents(workspace.path) in (source_before, source_after)
            assert run(scenario.operation, workspace.folder).error is None
            assert without_counter(contents(workspace.path)) == without_counter(source_after)
        shutil.rmtree(workspace.folder)
    assert killed > 0


def without_counter(found: dict[str, Any]) -> dict[str, Any]:
    return {name: rows for name, rows in found.items() if name != "_row_version"}


def states(workspace: Workspace) -> tuple[dict[str, Rows | None], dict[str, int]]:
    return workspace.mirror_rows(), workspace.logged()


def assert_whole(
    workspace: Workspace,
    name: str,
    before: dict[str, Rows | None],
    after: dict[str, Rows],
    logged: dict[str, int],
) -> None:
    """Assert that each table is as before the sync or as after it, and that its log agrees."""
    found, entries = states(workspace)
    for table, rows in found.items():
        commits = entries.get(table, 0) - logged.get(table, 0)
        if commits == 0:
            assert rows == before[table]
        elif name == REPAIRED and table == "users" and commits == 1:
            # The rows that versions name are written, but not yet those that only the proof finds.
            assert rows not in (before[table], after[table])
            assert [row[0] for row in rows or ()] == [row[0] for row in after[table]]
        else:
            assert rows == after[table]


def goes_on(workspace: Workspace, after: dict[str, Rows], name: str = "") -> None:
    """Assert that the next run ends in a proven mirror without lost or repeated rows.

    The run after it has nothing to do.
    """
    tables = workspace.tables
    # No version shows damage by hand in the mirror, so only the repair that was begun can end it.
    operation: Callable[..., list[Any]] = repair if name == "repair" else sync
    reports = operation(workspace.source, workspace.warehouse, tables)
    assert [report.error for report in reports] == [None] * len(tables)
    assert all(report.proof is not None and report.proof.holds for report in reports)
    assert workspace.mirror_rows() == after == workspace.source_rows()
    assert {r.mode for r in sync(workspace.source, workspace.warehouse, tables)} == {None}
