"""A run whose command was killed does not stay in progress, which would keep Dagster from starting any other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from saas_platform.defs.instance import open_instance
from saas_platform.defs.unfinished import command_line_tags, is_running
from saas_platform.platform import Platform
from saas_platform_tests.end_to_end.command_line import command

pytestmark = pytest.mark.slow


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Platform.load().home) as made:
        yield made


@pytest.fixture
def running(home: Path, instance: dg.DagsterInstance) -> Iterator[subprocess.Popen[bytes]]:
    """A `saas-platform run` in the middle of its work."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("DROP TABLE marts.mrr_monthly")
    words = [sys.executable, "-m", "saas_platform", "run"]
    with subprocess.Popen(words, env=dict(os.environ), stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 120
            while newest(instance).status != dg.DagsterRunStatus.STARTED:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield process
        finally:
            process.kill()


def newest(instance: dg.DagsterInstance) -> dg.DagsterRun:
    (run,) = instance.get_runs(limit=1)
    return run


def test_a_command_that_runs_is_left_alone(
    home: Path, instance: dg.DagsterInstance, running: subprocess.Popen[bytes]
) -> None:
    for _ in range(3):
        assert is_running(instance, Platform.load().home)
    assert newest(instance).status == dg.DagsterRunStatus.STARTED
    assert running.wait(120) == 0
    assert not (home / "run.unended").exists()
    assert newest(instance).status == dg.DagsterRunStatus.SUCCESS
    assert not is_running(instance, Platform.load().home)


def test_a_killed_run_is_reported_as_failed(
    home: Path, instance: dg.DagsterInstance, running: subprocess.Popen[bytes]
) -> None:
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    killed = newest(instance)
    assert killed.status == dg.DagsterRunStatus.STARTED
    assert (home / "run.unended").exists(), "the next run looks for it"
    assert not is_running(instance, Platform.load().home)
    ended = instance.get_run_by_id(killed.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.FAILURE


def test_the_next_run_ends_a_killed_one(
    instance: dg.DagsterInstance, running: subprocess.Popen[bytes]
) -> None:
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    killed = newest(instance)
    next_one = command("run")
    assert next_one.code == 0, next_one.err
    statuses = {run.run_id: run.status for run in instance.get_runs()}
    assert statuses[killed.run_id] == dg.DagsterRunStatus.FAILURE
    assert newest(instance).status == dg.DagsterRunStatus.SUCCESS


def test_a_run_with_nothing_to_do_ends_a_killed_one(
    home: Path, instance: dg.DagsterInstance
) -> None:
    """dbt may have gone on and built what was stale, after the command was killed."""
    instance.add_run(
        dg.DagsterRun(
            "everything",
            status=dg.DagsterRunStatus.STARTED,
            tags=command_line_tags(Platform.load().home),
        )
    )
    (home / "run.unended").touch()
    output = command("run")
    assert output.code == 0
    assert "nothing to do" in output.err
    assert newest(instance).status == dg.DagsterRunStatus.FAILURE
    assert not (home / "run.unended").exists()


def test_a_run_of_dagster_itself_is_not_ended(instance: dg.DagsterInstance) -> None:
    instance.add_run(dg.DagsterRun("refresh", status=dg.DagsterRunStatus.STARTED))
    assert is_running(instance, Platform.load().home)
    assert newest(instance).status == dg.DagsterRunStatus.STARTED
