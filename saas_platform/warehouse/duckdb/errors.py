"""Translate an error of DuckDB into one sentence with the remedy.

Contains: the sentences, and which error means that another process has the file open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from saas_platform.warehouse.interface import (
    WarehouseError,
    WarehouseMemoryError,
    WarehouseUnusableError,
)

_LOCKED = "Could not set lock"
_CORRUPT = ("not a valid DuckDB database", "Corrupt database", "checksum", "Failed to deserialize")
#: The system's messages when there is no space, or a limit on the size of files or a quota is reached.
_FULL = ("No space left on device", "File too large", "Disk quota exceeded")
_ANOTHER_VERSION = "read a database file with version"


def is_locked(error: duckdb.Error) -> bool:
    """Return whether another process has the file open."""
    return _LOCKED in str(error)


def to_user_error(path: Path, error: duckdb.Error) -> WarehouseError:
    """Return the error to show for an error of the engine."""
    message = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return WarehouseMemoryError(
            f"The warehouse {path} needs more memory than this machine has for it: close other programs, or"
            " leave some of the table's columns out."
        )
    if is_locked(error):
        holder = re.search(r"PID (\d+)", message)
        who = f"process {holder[1]}" if holder else "another process"
        return WarehouseUnusableError(
            f"The warehouse {path} is in use by {who}: wait until it ends, or stop it."
        )
    if any(sign in message for sign in _CORRUPT):
        return WarehouseUnusableError(
            f"The warehouse {path} is damaged or not a DuckDB file: delete it and run"
            " `saas-platform run`, which fills it again from the source."
        )
    if any(sign in message for sign in _FULL):
        return WarehouseUnusableError(
            f"The warehouse {path} can't grow, as the disk is full: free some space, then run again."
        )
    if _ANOTHER_VERSION in message:
        return WarehouseUnusableError(
            f"The warehouse {path} was written by another version of DuckDB: install that version,"
            " or delete the file and run `saas-platform run`, which fills it again."
        )
    first = message.strip().splitlines()[0].rstrip(".")
    return WarehouseError(f"The warehouse {path} answered: {first}.")


def error_in(path: Path, message: str) -> WarehouseError | None:
    """Return the error to show if a message of another program, such as dbt, says that the file is held."""
    error = duckdb.IOException(message)
    return to_user_error(path, error) if is_locked(error) else None


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Within this context, raise every error of the engine as a WarehouseError."""
    try:
        yield
    except duckdb.Error as error:
        raise to_user_error(path, error) from error
