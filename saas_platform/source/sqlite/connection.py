"""Connect to a SQLite file through ADBC.

Out of scope: the statements that are sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc

from saas_platform.source.cursor import Cursor
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.errors import to_user_error

#: A month's events are written all over the table, in key order, so its pages should stay in memory.
CACHE_KIBIBYTES = 262_144
#: How long a writer waits for another writer before it gives up.
BUSY_MILLISECONDS = 30_000


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
        raise to_user_error(path, error) from error


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
