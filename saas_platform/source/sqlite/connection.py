"""Connect to a SQLite file through ADBC, and turn the driver's errors into messages for users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Protocol

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa

from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceError

#: A month's events are written all over the table, in key order, so its pages should stay in memory.
CACHE_KIBIBYTES = 262_144
#: How long a writer waits for another writer before it gives up.
BUSY_MILLISECONDS = 30_000

_REMEDIES = {
    "database is locked": "is locked by another program: close it, then run again",
    "file is not a database": "is not a SQLite database: restore it, or `saas-platform reset --yes`",
    "malformed": "is corrupt: restore it, or `saas-platform reset --yes`",
    "disk is full": "can't grow because the disk is full: free some space, then run again",
    "disk I/O error": "can't be read or written because its disk is full or fails: free some space,"
    " then run again",
    "readonly database": "can't be written: give your user write permission on it",
    "failed to open": "can't be opened: check that its folder exists and that you may write to it",
}
#: The remedies that differ for a user's own database.
_REMEDIES_OF_OTHERS = {
    "file is not a database": "is not a SQLite database: name a SQLite database in SAAS_SOURCE_URL",
    "malformed": "is corrupt: restore it from a backup",
    "readonly database": "holds a transaction that its writer did not finish: open it once with that program,"
    " or with `sqlite3`, to undo the transaction",
    "no such collation": "has a table that only the program that wrote it can read, because SQLite lacks its"
    " collation: leave the table out of tables.yaml",
    "no query solution": "has a table that only the program that wrote it can read, because SQLite lacks its"
    " collation: leave the table out of tables.yaml",
    "unknown function": "has a column that is computed by a function of the program that wrote it: leave the"
    " column out of tables.yaml by `skip:`",
    "no such function": "has a column that is computed by a function of the program that wrote it: leave the"
    " column out of tables.yaml by `skip:`",
    "unable to open": "can't be opened: give your user read permission on it and its folder",
}


class SqliteCursor(Cursor, Protocol):
    """A cursor of ADBC, which also loads and streams Arrow data."""

    @property
    def adbc_statement(self) -> Any: ...

    def adbc_ingest(
        self, table_name: str, data: pa.Table, mode: Literal["create"], *, temporary: bool
    ) -> int:
        """Load the rows into a new table; return how many there were."""

    def fetch_record_batch(self) -> pa.RecordBatchReader:
        """Return a reader of the query's result."""


def in_words(path: Path, error: Exception, *, ours: bool = True) -> SourceError:
    """Return the error of the driver as a sentence. `ours`: whether the platform writes the file."""
    text = str(error)
    remedies = _REMEDIES if ours else _REMEDIES | _REMEDIES_OF_OTHERS
    for sign, remedy in remedies.items():
        if sign in text:
            return SourceError(f"The source {path} {remedy}.")
    return SourceError(f"The source {path} answered: {text.splitlines()[0]}.")


@contextmanager
def connect(path: Path, *, read_only: bool = False) -> Iterator[SqliteCursor]:
    """Open a cursor on the file, in autocommit mode. Raises SourceError for every driver error."""
    try:
        with adbc.connect(str(path), autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
            cursor.execute("PRAGMA foreign_keys = ON")
            if read_only:
                cursor.execute("PRAGMA query_only = ON")
            else:
                # Readers and the writer do not block each other.
                cursor.execute("PRAGMA journal_mode = WAL")
                cursor.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
            yield cursor
    except adbc.Error as error:
        raise in_words(path, error) from error


@contextmanager
def transaction(cursor: Cursor, kind: str) -> Iterator[None]:
    """Run the block in a transaction (`BEGIN kind`). Commit at its end, or roll back if it is left early."""
    cursor.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        # On a full disk SQLite has rolled back by itself. The first error is the one to report.
        with suppress(adbc.Error):
            cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


def scalar(cursor: Cursor, sql: str) -> Any:
    """Run the query and return the first column of its first row; None if there is no row."""
    cursor.execute(sql)
    row = cursor.fetchone()
    return None if row is None else row[0]
