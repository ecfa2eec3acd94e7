"""Connections to SQL Server through pyodbc or mssql-python, as cursors that commit each statement.

Contains: opening, closing, transactions and retries. Out of scope: the statements that are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import ModuleType
from typing import Any, Literal, TypeVar, overload

import tenacity

from saas_platform.source.cursor import Connection, Cursor
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.cursors import ArrayCursor
from saas_platform.source.mssql.driver import load_pyodbc
from saas_platform.source.mssql.errors import (
    cursor_errors,
    driver_errors,
    is_transient,
    to_user_error,
)

#: How many seconds a server may take to answer a login.
LOGIN_SECONDS = 15
#: How many milliseconds a statement waits for a lock before it fails.
LOCK_MILLISECONDS = 30_000
#: How often work is tried that a deadlock or a broken connection ends; the waits between tries grow.
_ATTEMPTS = 4

T = TypeVar("T")


def mssql_python() -> ModuleType | None:
    """Return Microsoft's driver for Python, which supports Arrow; None if it is not installed."""
    try:
        import mssql_python as found
    except ImportError:
        return None
    # Pooled connections would carry isolation levels and locks from one use to the next.
    found.pooling(enabled=False)
    return found


@overload
def connect(
    address: Address, *, arrow: Literal[False] = ...
) -> AbstractContextManager[ArrayCursor]: ...


@overload
def connect(address: Address, *, arrow: bool) -> AbstractContextManager[Cursor]: ...


@contextmanager
def connect(address: Address, *, arrow: bool = False) -> Iterator[Any]:
    """Connect and yield a cursor; close the connection on exit.

    Args:
        address: the database.
        arrow: whether to use mssql-python, whose cursor has `arrow_reader`, if it is installed and supports
            every option of the address.

    Raises:
        SourceError: any error of the driver.
    """
    connection = None
    try:
        try:
            connection = retried(lambda: _open(address, arrow=arrow))
            cursor = _prepared(connection)
        except cursor_errors() as error:
            raise to_user_error(address, error) from error
        yield cursor
    except driver_errors() as error:
        raise to_user_error(address, error) from error
    finally:
        if connection is not None:
            # Closing a broken connection fails too; the error that broke it is being raised already.
            with suppress(*cursor_errors()):
                connection.close()


def _prepared(connection: Connection) -> Cursor:
    """Return a cursor that waits for locks for a limited time and receives messages in English."""
    cursor = connection.cursor()
    cursor.execute(f"SET LOCK_TIMEOUT {LOCK_MILLISECONDS}")
    # A driver may drop the number of an error, so that its words decide. Some servers know no SET LANGUAGE.
    with suppress(*cursor_errors()):
        cursor.execute("SET LANGUAGE us_english")
    return cursor


def _open(address: Address, *, arrow: bool) -> Connection:
    driver = mssql_python() if arrow else None
    text = address.for_mssql_python()
    if driver is not None and text is not None:
        connection: Connection = driver.connect(text, autocommit=True, timeout=LOGIN_SECONDS)
        return connection
    return _open_pyodbc(address)


def _open_pyodbc(address: Address) -> Connection:
    """Return a connection that commits each statement. Raises pyodbc's own errors."""
    connection: Connection = load_pyodbc().connect(
        address.for_pyodbc(), autocommit=True, timeout=LOGIN_SECONDS
    )
    return connection


def retried(work: Callable[[], T]) -> T:
    """Return the result of the work, which is run again after a deadlock or a broken connection."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_transient),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        reraise=True,
    )(work)


@contextmanager
def transaction(cursor: Cursor) -> Iterator[None]:
    """Begin a transaction; commit it at the end of the block, or roll it back on an exception."""
    cursor.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        # The rollback fails if a deadlock rolled back already or the connection broke; the first error is
        # the one to report.
        with suppress(*cursor_errors()):
            cursor.execute("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
        raise
    cursor.execute("COMMIT TRANSACTION")


def scalar(cursor: Cursor, sql: str, *values: Any) -> Any:
    """Return the first column of the first row; None if there is no row.

    Results without rows that come first, such as a message or a row count, are skipped.
    """
    cursor.execute(sql, *values)
    while cursor.description is None:
        if not cursor.nextset():
            return None
    row = cursor.fetchone()
    return None if row is None else row[0]


def run(cursor: Cursor, batch: str) -> None:
    """Run a batch of several statements to its end, so that the error of a later statement is raised too."""
    cursor.execute(batch)
    while cursor.nextset():
        pass
