"""The command line works on a Dagster home whose storage is PostgreSQL. Runs a server of its own, if one is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from saas_platform.defs.instance import open_instance
from saas_platform.platform import Platform
from saas_platform_tests.end_to_end.command_line import command

pytestmark = pytest.mark.slow

_FOLDERS = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))
_PROGRAMS = os.pathsep.join([os.environ.get("PATH", ""), *_FOLDERS])


def _run(program: str, *arguments: str) -> None:
    path = shutil.which(program, path=_PROGRAMS)
    if path is None:
        pytest.skip(f"PostgreSQL is not installed: there is no {program}")
    # The server refuses to run as root, and its own user can't enter every folder.
    owner: dict[str, Any] = {"user": "postgres"} if os.getuid() == 0 else {}
    done = subprocess.run([path, *arguments], capture_output=True, text=True, cwd="/", **owner)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def server() -> Iterator[int]:
    """Start a server without a password, on a port of its own. Return the port."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        if os.getuid() == 0:
            shutil.chown(data, "postgres", "postgres")
        yield from _running(data)


def _running(data: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    _run("initdb", "-D", data, "-A", "trust", "-U", "dagster", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    _run("pg_ctl", "-D", data, "-w", "-l", f"{data}/log", "-o", options, "start")
    yield port
    _run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ({"postgres": {"postgres_db": {"password": {"env": "NOT_SET_ANYWHERE"}}}}, "NOT_SET_ANYWHERE"),
        ({"postgrest": {}}, "postgrest"),
    ],
    ids=["a variable that is not set", "a name that is not known"],
)  # fmt: skip
def test_a_storage_that_can_not_be_used_is_one_sentence(
    home: Path, storage: dict[str, Any], said: str
) -> None:
    place = {
        "scheme": "postgresql+psycopg2",
        "hostname": "127.0.0.1",
        "username": "x",
        "db_name": "x",
    }
    if "postgres" in storage:
        storage["postgres"]["postgres_db"] |= place
    file = home / "dagster" / "dagster.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "storage": storage}))
    (home / "dashboard" / "index.html").unlink()
    output = command("run")
    assert output.code == 2
    assert "error: Dagster's storage can't be used" in output.error_text
    assert said in output.error_text
    assert str(file) in output.error_text.replace(" ", "")
    assert "Traceback" not in output.out + output.err


def test_run_on_a_dagster_home_in_postgresql(home: Path, server: int) -> None:
    place = {
        # SQLAlchemy would take psycopg 3 otherwise, which dagster-postgres does not install.
        "scheme": "postgresql+psycopg2",
        "hostname": "127.0.0.1",
        "port": server,
        "username": "dagster",
        "password": "",
        "db_name": "postgres",
    }
    config = yaml.safe_load((home / "dagster" / "dagster.yaml").read_text())
    config["storage"] = {"postgres": {"postgres_db": place}}
    (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(config))
    (home / "dashboard" / "index.html").unlink()
    output = command("run")
    assert output.code == 0, output.err
    assert "page is missing" in output.err
    with open_instance(Platform.load().home) as instance:
        assert type(instance.run_storage).__name__ == "PostgresRunStorage"
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert instance.get_latest_materialization_event(dg.AssetKey(["dashboards", "page"]))
    assert "nothing to do" in command("run").err
