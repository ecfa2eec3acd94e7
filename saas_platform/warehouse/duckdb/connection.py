"""Connections to a DuckDB file: opened briefly, with waiting for another process and errors in words.

Does not hold: any table of ours.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from saas_platform.warehouse.interface import (
    WarehouseError,
    WarehouseMemoryError,
    WarehouseUnusableError,
)
from saas_platform.warehouse.stream import RowStream

T = TypeVar("T")

#: The catalogue of `Connection.staging_file`.
STAGING = "_staging"
#: What the engine may keep in memory. By its own default it would keep all that it has ever written or
#: read, up to 80 % of the machine, so that memory grew with the table.
MEMORY_LIMIT = "256MB"
#: Bytes of a row from which that is too little: 122,880 rows are worked on together.
_WIDE = 2048
_PAUSE_SECONDS = 0.1
_LOCKED = "Could not set lock"
_CORRUPT = ("not a valid DuckDB database", "Corrupt database", "checksum", "Failed to deserialize")
#: As the system says it: no space, a limit on the size of files, a quota.
_FULL = ("No space left on device", "File too large", "Disk quota exceeded")
_ANOTHER_VERSION = "read a database file with version"


def in_words(path: Path, error: duckdb.Error) -> WarehouseError:
    """The sentence for an error of the engine."""
    said = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return WarehouseMemoryError(
            f"The warehouse {path} needs more memory than this machine has for it: close other programs, or"
            " leave some of the table's columns out."
        )
    if _LOCKED in said:
        holder = re.search(r"PID (\d+)", said)
        who = f"process {holder[1]}" if holder else "another process"
        return WarehouseUnusableError(
            f"The warehouse {path} is in use by {who}: wait until it ends, or stop it."
        )
    if any(sign in said for sign in _CORRUPT):
        return WarehouseUnusableError(
            f"The warehouse {path} is damaged or no DuckDB file: delete it and run"
            " `saas-platform run`, which fills it again from the source."
        )
    if any(sign in said for sign in _FULL):
        return WarehouseUnusableError(
            f"The warehouse {path} can't grow, the disk is full: free some space, then run again."
        )
    if _ANOTHER_VERSION in said:
        return WarehouseUnusableError(
            f"The warehouse {path} was written by another version of DuckDB: install that version,"
            " or delete the file and run `saas-platform run`, which fills it again."
        )
    first = said.strip().splitlines()[0].rstrip(".")
    return WarehouseError(f"The warehouse {path} answered: {first}.")


class Connection:
    """One open connection: statements, streams in, transactions."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, staging: Path | None = None) -> None:
        self._connection = connection
        self._streams = 0
        self._staging = staging
        self._has_staging = False
        self._may_ask_again = True

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._with_room(lambda: self._connection.execute(sql, list(parameters)).fetchall())

    def columns(self, table: str) -> dict[str, str]:
        """Columns of a table or view and their types, in order; empty where there is none."""
        try:
            # The catalogue's views tell it too, but take 30 ms in each new connection.
            rows = self.run(f"DESCRIBE {table}")
        except duckdb.CatalogException:
            return {}
        return {row[0]: row[1] for row in rows}

    def arrow(self, sql: str) -> pa.Table:
        """The result of a SELECT; an empty table for a statement that has none."""

        def ask() -> pa.Table:
            result = self._connection.sql(sql)
            return pa.table({}) if result is None else result.to_arrow_table()

        return self._with_room(ask)

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """The result of a SELECT as it is computed; to be read before the next statement."""
        return self._connection.sql(sql).to_arrow_reader()

    @contextmanager
    def registered(self, rows: pa.Table | pa.RecordBatchReader) -> Iterator[str]:
        """The rows under a name that a statement may select from; a reader once only."""
        self._streams += 1
        name = f"_stream_{self._streams}"
        self._connection.register(name, rows)
        try:
            yield name
        except BaseException:
            # An error within a transaction makes this one fail too: the first error is the one.
            with suppress(duckdb.Error):
                self._connection.unregister(name)
            raise
        self._connection.unregister(name)

    @contextmanager
    def streaming(self, stream: RowStream) -> Iterator[str]:
        """The stream's rows under a name that one statement may select from."""
        reader = pa.RecordBatchReader.from_batches(
            stream.schema, self._making_room(stream.reader())
        )
        with stream.reraise_source_error(), self._asking_once(), self.registered(reader) as name:
            yield name

    def _making_room(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        roomy = False
        for batch in batches:
            if not roomy and batch.nbytes > _WIDE * batch.num_rows:
                self.lift_limit()
                roomy = True
            yield batch

    def _with_room(self, ask: Callable[[], T]) -> T:
        """What it gives; where memory does not suffice, once more with all that the machine has."""
        try:
            return ask()
        except duckdb.OutOfMemoryException:
            if not self._may_ask_again:
                raise
            self.lift_limit()
            return ask()

    def lift_limit(self) -> None:
        """Let the engine use the memory that it uses by its own default."""
        # By another connection to the same database: this one may be in the midst of a statement.
        self._connection.cursor().execute("RESET memory_limit")

    @contextmanager
    def _asking_once(self) -> Iterator[None]:
        """Within it, a statement that fails is not asked again: what it read, or a transaction, is gone."""
        before, self._may_ask_again = self._may_ask_again, False
        try:
            yield
        finally:
            self._may_ask_again = before

    @contextmanager
    def staging_file(self) -> Iterator[None]:
        """Within it, tables of the catalogue STAGING lie in a file that is deleted at its end.

        Temporary tables would lie in memory, as large as they are. It takes no part in a transaction.
        A connection without such a file has them in memory. May be nested: the outer one's is used.
        """
        if self._has_staging:
            yield
            return
        file = self._staging
        if file is None:
            self.run(f"ATTACH ':memory:' AS {STAGING}")
        else:
            # One that a killed process left: the warehouse is ours alone, and so is this.
            file.unlink(missing_ok=True)
            path = str(file).replace("'", "''")
            self.run(f"ATTACH '{path}' AS {STAGING} (RECOVERY_MODE NO_WAL_WRITES)")
        self._has_staging = True
        try:
            yield
        finally:
            self._has_staging = False
            # An error that ended the connection has let go of the file too.
            with suppress(duckdb.Error):
                self.run(f"DETACH {STAGING}")
            if file is not None:
                file.unlink(missing_ok=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end of the block; on any other way out roll back."""
        self.run("BEGIN")
        try:
            with self._asking_once():
                yield
                self.run("COMMIT")
        except BaseException:
            # A failed statement may have ended the transaction already; the first error is the one.
            with suppress(duckdb.TransactionException):
                self._connection.rollback()
            raise


@contextmanager
def connect(path: Path, wait_seconds: float) -> Iterator[Connection]:
    """An open connection. Raises WarehouseError for every error of the engine."""
    with translate_errors(path):
        connection = _open(path, wait_seconds)
        try:
            yield Connection(connection, path.with_name(path.name + ".staging"))
        finally:
            connection.close()


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Within it, every error of the engine leaves as a WarehouseError."""
    try:
        yield
    except duckdb.Error as error:
        raise in_words(path, error) from error


def _open(path: Path, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    """DuckDB lets one process in: wait for another to finish, but not for ever."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            connection = duckdb.connect(str(path))
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
            return connection
        except duckdb.IOException as error:
            if _LOCKED not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
