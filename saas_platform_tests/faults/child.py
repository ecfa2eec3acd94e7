"""A child process that ends as a test wants: killed at a step or in a write, on a full disk, or slowly.

Contains: what counts as a step, and the ways to end. Out of scope: what the process does (operations.py), and what
must be true afterwards (the tests).
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import adbc_driver_manager.dbapi as adbc

from saas_platform.errors import PlatformError
from saas_platform.source.sqlite import streaming
from saas_platform.warehouse.duckdb import connection as duckdb_connection

#: A server that has imported everything and opened nothing forks the children: each takes 30 ms, not 2 s.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["pytest", "saas_platform_tests.faults.operations"])

Operation = Callable[[Path], None]


@dataclass(frozen=True)
class Fault:
    """How the process ends. If nothing is set, it ends when the operation does."""

    #: The process is killed by SIGKILL in place of the step with this number, counted from 1.
    kill_at: int | None = None
    #: The process is killed in the first write past this byte of any file. The part that fits is written.
    kill_past: int | None = None
    #: No file can hold more bytes: a write past them fails, as on a full disk.
    disk_bytes: int | None = None
    #: No source file can have more pages: SQLite itself reports a full disk.
    source_pages: int | None = None
    #: The beginning of a step's name, and the seconds to wait at the first such step before it goes on.
    pause: tuple[str, float] | None = None


@dataclass
class End:
    """How the process ended."""

    killed: bool = False
    #: The message of a PlatformError.
    error: str | None = None
    #: The steps that the process began, in order.
    steps: list[str] = field(default_factory=list)


def run(operation: Operation, folder: Path, fault: Fault | None = None) -> End:
    """Do the operation in a child process and wait for its end.

    Raises AssertionError if the process ended with another error.
    """
    with started(operation, folder, fault or Fault()) as child:
        return child.wait()


@contextmanager
def started(operation: Operation, folder: Path, fault: Fault) -> Iterator[Child]:
    """Start the operation in a child process, which is killed at the end of the block."""
    child = Child(operation, folder, fault)
    try:
        yield child
    finally:
        child.process.kill()
        child.process.join()


class Child:
    """A running operation."""

    def __init__(self, operation: Operation, folder: Path, fault: Fault) -> None:
        self._pipe, child_end = _PROCESSES.Pipe(duplex=False)
        self.process = _PROCESSES.Process(target=_live, args=(operation, folder, fault, child_end))
        self.process.start()
        child_end.close()
        self._end = End()

    def reaches(self, beginning: str) -> None:
        """Wait until the process begins a step whose name begins so."""
        while not self._end.steps or not self._end.steps[-1].startswith(beginning):
            assert self._hear(), f"never reached {beginning}: {self._end}"

    def wait(self) -> End:
        """Wait for the end of the process and return how it ended."""
        while self._hear():
            pass
        self.process.join()
        self._end.killed = self.process.exitcode in (-signal.SIGKILL, -signal.SIGXFSZ)
        assert self._end.killed or self.process.exitcode == 0, self._end
        return self._end

    def _hear(self) -> bool:
        """Read one message. Return false if there are no more."""
        try:
            kind, text = self._pipe.recv()
        except EOFError:
            return False
        if kind == "step":
            self._end.steps.append(text)
        else:
            self._end.error = text
        return True


class _Watched:
    """A reader of the driver that calls a function before it returns a batch."""

    def __init__(self, reader: Any, before: Callable[[], None]) -> None:
        self._reader, self._before = reader, before
        self.schema = reader.schema

    def __enter__(self) -> _Watched:
        self._reader.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._reader.__exit__(*error)

    def __iter__(self) -> Iterator[Any]:
        for batch in self._reader:
            self._before()
            yield batch


def before_each_batch(before: Callable[[], None], patch: Callable[[Any, str, Any], None]) -> None:
    """Call a function before each batch that is read from the source, by either of its ways to read."""
    fetch = adbc.Cursor.fetch_record_batch

    def watched(self: adbc.Cursor) -> _Watched:
        return _Watched(fetch(self), before)

    patch(adbc.Cursor, "fetch_record_batch", watched)


def _live(operation: Operation, folder: Path, fault: Fault, pipe: Pipe) -> None:
    os.chdir(folder)
    step = _watch(fault, lambda name: pipe.send(("step", name)))
    limit = fault.kill_past if fault.kill_past is not None else fault.disk_bytes
    if limit is not None:
        # Python ignores this signal, so that a write past the limit is an error. By default it kills.
        signal.signal(
            signal.SIGXFSZ, signal.SIG_DFL if fault.kill_past is not None else signal.SIG_IGN
        )
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        operation(folder)
        step("the end")
    except PlatformError as error:
        pipe.send(("error", str(error)))


def _watch(fault: Fault, report: Callable[[str], None]) -> Callable[[str], None]:
    """Count each statement to either database, and each batch of rows from the source, as a step.

    Return a function that counts one more step.
    """
    numbers = itertools.count(1)
    pauses = [fault.pause] if fault.pause else []

    def step(name: str) -> None:
        if next(numbers) == fault.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        report(name)
        if pauses and name.startswith(pauses[0][0]):
            time.sleep(pauses.pop()[1])

    to_warehouse = duckdb_connection.Connection.run
    execute, ingest = adbc.Cursor.execute, adbc.Cursor.adbc_ingest

    def watched_run(
        self: duckdb_connection.Connection, sql: str, parameters: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        step(f"warehouse: {sql[:120]}")
        return to_warehouse(self, sql, parameters)

    def watched_execute(self: adbc.Cursor, statement: str, *args: Any, **more: Any) -> Any:
        step(f"source: {statement[:120]}")
        done = execute(self, statement, *args, **more)
        if fault.source_pages is not None and statement.startswith("PRAGMA cache_size"):
            execute(self, f"PRAGMA max_page_count = {fault.source_pages}")
        return done

    def watched_ingest(self: adbc.Cursor, name: str, *args: Any, **more: Any) -> int:
        step(f"source: ingest {name}")
        return ingest(self, name, *args, **more)

    def count_batch() -> None:
        step("source: batch of rows")

    duckdb_connection.Connection.run = watched_run  # type: ignore[method-assign]
    cursor: Any = adbc.Cursor
    cursor.execute, cursor.adbc_ingest = watched_execute, watched_ingest
    before_each_batch(count_batch, setattr)
    # With this, streams of a few rows have several batches, too.
    streaming._BATCH_ROWS = 5
    return step
