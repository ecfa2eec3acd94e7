"""dbt's command line in a process of its own, forked from one that has imported dbt already. An import takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import pytest
from dagster_dbt.core import dbt_cli_invocation

_SERVER = multiprocessing.get_context("forkserver")


class WarmDbt:
    """What dagster-dbt needs of the process that it starts."""

    def __init__(self, args: Sequence[str], *, env: dict[str, str], cwd: Any, **_: int) -> None:
        self.args = args
        reader, writer = _SERVER.Pipe(duplex=False)
        self._process = _SERVER.Process(
            target=_run, args=(writer, [*args], env, str(cwd)), daemon=True
        )
        self._process.start()
        writer.close()
        self.pid = self._process.pid
        self.stdout = os.fdopen(os.dup(reader.fileno()), "rb")
        reader.close()

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, and return the exit code."""
        self._process.join(timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.pid is not None
        os.kill(self.pid, number)


def _run(output: Connection, args: list[str], env: dict[str, str], cwd: str) -> None:
    """Run dbt in the process that was forked."""
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = args

    from dbt.cli.main import cli

    cli.main(args[1:], prog_name="dbt")


@contextmanager
def warm_dbt() -> Iterator[None]:
    """Let dagster-dbt start dbt in this way."""
    _SERVER.set_forkserver_preload(["dbt.cli.main", "dbt.adapters.duckdb"])
    started = SimpleNamespace(Popen=WarmDbt, PIPE=subprocess.PIPE, STDOUT=subprocess.STDOUT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt_cli_invocation, "subprocess", started)
        yield
