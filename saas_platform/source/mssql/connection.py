"""Connections to SQL Server through pyodbc or mssql-python, both as cursors that commit each statement.

Holds opening, closing, transactions and retries. Does not hold: what is said through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any, TypeVar

import tenacity

from saas_platform.source.cursor import Cursor
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.driver import load_pyodbc
from saas_platform.source.mssql.errors import (
    cursor_errors,
    driver_errors,
    in_words,
    is_transient,
)

#: How long a server may take to answer a login.
LOGIN_SECONDS = 15
#: How long a writer waits for another one before it gives up.
LOCK_MILLISECONDS = 30_000
#: A deadlock's victim, or who was cut off, tries again so often, at growing distances.
_ATTEMPTS = 4

T = TypeVar("T")


def mssql_python() -> ModuleType | None:
    """Microsoft's own driver for Python, which speaks Arrow; None where it is not installed."""
    try:
        import mssql_python as found
    except ImportError:
        return None
    # Kept connections would carry isolation levels and locks from one use to the next.
    found.pooling(enabled=False)
    return found


@contextmanager
def connect(address: Address, *, arrow: bool = False) -> Iterator[Any]:
    """A cursor; with `arrow` one that has `arrow_reader`, where mssql-python is there.

    Raises SourceError for every error of the driver.
    """
    connection = None
    try:
        try:
            connection = again(lambda: _open(address, arrow=arrow))
            cursor = _prepared(connection)
        except cursor_errors() as error:
            raise in_words(address, error) from error
        yield cursor
    except driver_errors() as error:
        raise in_words(address, error) from error
    finally:
        if connection is not None:
            # A broken connection can't be closed either; what broke it is being told.
            with suppress(*cursor_errors()):
                connection.close()


def _prepared(connection: Any) -> Any:
    """A cursor that does not wait for ever, and to which the server speaks English."""
    cursor = connection.cursor()
    cursor.execute(f"SET LOCK_TIMEOUT {LOCK_MILLISECONDS}")
    # Where a driver drops the numbers of errors, their words decide. Some servers have no languages.
    with suppress(*cursor_errors()):
        cursor.execute("SET LANGUAGE us_english")
    return cursor


def _open(address: Address, *, arrow: bool) -> Any:
    driver = mssql_python() if arrow else None
    text = address.for_mssql_python()
    if driver is not None and text is not None:
        return driver.connect(text, autocommit=True, timeout=LOGIN_SECONDS)
    return _open_pyodbc(address)


def _open_pyodbc(address: Address) -> Any:
    """A connection that commits each statement; raises pyodbc's own errors."""
    return load_pyodbc().connect(address.for_pyodbc(), autocommit=True, timeout=LOGIN_SECONDS)


def again(work: Callable[[], T]) -> T:
    """What the work gives, done again where it failed by a deadlock or a broken connection."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_transient),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        reraise=True,
    )(work)


@contextmanager
def transaction(cursor: Cursor) -> Iterator[None]:
    """Begin, then commit, or roll back on any way out that is not the end of the block."""
    cursor.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        # A deadlock's victim has been rolled back, a broken connection can't be told: the first
        # error is the one.
        with suppress(*cursor_errors()):
            cursor.execute("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
        raise
    cursor.execute("COMMIT TRANSACTION")


def scalar(cursor: Cursor, sql: str, *values: Any) -> Any:
    """The first column of the first row; None where there is no row.

    Results that come before it, such as a message or a row count, are passed over.
    """
    cursor.execute(sql, *values)
    while cursor.description is None:
        if not cursor.nextset():
            return None
    row = cursor.fetchone()
    return None if row is None else row[0]


def run(cursor: Cursor, batch: str) -> None:
    """A batch of several statements, to its end: an error of a later one is raised too."""
    cursor.execute(batch)
    while cursor.nextset():
        pass
