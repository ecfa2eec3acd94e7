"""Connections to a DuckDB file: opening one, and waiting for another process that has it open.

Out of scope: the platform's tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from saas_platform.warehouse.duckdb.errors import is_locked, translate_errors
from saas_platform.warehouse.stream import RowStream

T = TypeVar("T")

#: The name under which `Connection.staging_file` attaches its database.
STAGING = "_staging"
#: The memory that the engine may use. By its own default it keeps all that it has ever written or read, up
#: to 80 % of the machine's memory, so that its memory would grow with the table.
MEMORY_LIMIT = "256MB"
#: Bytes of a row above which the limit is too low, because the engine works on 122,880 rows at a time.
_WIDE = 2048
_PAUSE_SECONDS = 0.1


class Connection:
    """One open connection: it runs statements, reads streams and holds transactions."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, staging: Path | None = None) -> None:
        self._connection = connection
        self._streams = 0
        self._staging = staging
        self._has_staging = False
        self._may_ask_again = True

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        return self._with_room(lambda: self._connection.execute(sql, list(parameters)).fetchall())

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table or view, in order, with their types; empty if there is none."""
        try:
            # The catalogue's views have the same facts, but take 30 ms in each new connection.
            rows = self.run(f"DESCRIBE {table}")
        except duckdb.CatalogException:
            return {}
        return {row[0]: row[1] for row in rows}

    def arrow(self, sql: str) -> pa.Table:
        """Return the result of a SELECT; for a statement without a result, an empty table."""

        def ask() -> pa.Table:
            result = self._connection.sql(sql)
            return pa.table({}) if result is None else result.to_arrow_table()

        return self._with_room(ask)

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Return the result of a SELECT as it is computed. It must be read before the next statement."""
        return self._connection.sql(sql).to_arrow_reader()

    @contextmanager
    def registered(self, rows: pa.Table | pa.RecordBatchReader) -> Iterator[str]:
        """Register the rows and yield a name to select from. From a reader, only one statement may select."""
        self._streams += 1
        name = f"_stream_{self._streams}"
        self._connection.register(name, rows)
        try:
            yield name
        except BaseException:
            # After an error within a transaction this fails too. The first error is the one to raise.
            with suppress(duckdb.Error):
                self._connection.unregister(name)
            raise
        self._connection.unregister(name)

    @contextmanager
    def streaming(self, stream: RowStream) -> Iterator[str]:
        """Register the stream's rows and yield a name that one statement may select from."""
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
        """Return what `ask` returns. If memory runs out, ask once more with the engine's own memory limit."""
        try:
            return ask()
        except duckdb.OutOfMemoryException:
            if not self._may_ask_again:
                raise
            self.lift_limit()
            return ask()

    def lift_limit(self) -> None:
        """Let the engine use as much memory as it does by its own default."""
        # This uses another connection to the same database, because this one may be running a statement.
        self._connection.cursor().execute("RESET memory_limit")

    @contextmanager
    def _asking_once(self) -> Iterator[None]:
        """Within this context, don't repeat a statement that fails.

        The stream that it read, or the transaction that it was in, is gone.
        """
        before, self._may_ask_again = self._may_ask_again, False
        try:
            yield
        finally:
            self._may_ask_again = before

    @contextmanager
    def staging_file(self) -> Iterator[None]:
        """Attach a file as the database STAGING within this context, and delete it at the end.

        Tables go there because temporary tables would lie in memory, however large they are. The file takes
        no part in a transaction. A connection without such a file holds these tables in memory. Contexts may
        be nested; the inner ones use the outer one's file.
        """
        if self._has_staging:
            yield
            return
        file = self._staging
        if file is None:
            self.run(f"ATTACH ':memory:' AS {STAGING}")
        else:
            # A killed process may have left one. No other process has the warehouse open, so none uses it.
            file.unlink(missing_ok=True)
            path = str(file).replace("'", "''")
            self.run(f"ATTACH '{path}' AS {STAGING} (RECOVERY_MODE NO_WAL_WRITES)")
        self._has_staging = True
        try:
            yield
        finally:
            self._has_staging = False
            # If an error ended the connection, the file is detached already.
            with suppress(duckdb.Error):
                self.run(f"DETACH {STAGING}")
            if file is not None:
                file.unlink(missing_ok=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end of the block; roll back if it is left in any other way."""
        self.run("BEGIN")
        try:
            with self._asking_once():
                yield
                self.run("COMMIT")
        except BaseException:
            # A failed statement may have ended the transaction already. The first error is the one to raise.
            with suppress(duckdb.TransactionException):
                self._connection.rollback()
            raise


@contextmanager
def connect(path: Path, wait_seconds: float) -> Iterator[Connection]:
    """Open a connection and close it at the end. Raises WarehouseError for every error of the engine."""
    with translate_errors(path):
        connection = _open(path, wait_seconds)
        try:
            yield Connection(connection, path.with_name(path.name + ".staging"))
        finally:
            connection.close()


def _open(path: Path, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    """Open the file. DuckDB lets only one process do so: wait for another one, for at most `wait_seconds`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            connection = duckdb.connect(str(path))
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
            return connection
        except duckdb.IOException as error:
            if not is_locked(error) or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
