"""Open a SQLite file that belongs to another program, so that neither the file nor its folder changes.

Contains: the choice of the way to open the file that suits its present state.
Out of scope: connections to a file that the platform writes (connection.py).

A file in WAL mode needs care. An ordinary reader creates a `-shm` and a `-wal` next to it, and the last
program to close a connection copies the `-wal` into the file and removes it. There are four cases:

- The file is not in WAL mode. It is opened read-only, and a lock keeps writers out while a transaction reads.
- The file is in WAL mode, and both `-shm` and `-wal` exist. Another program has the file open, or was killed
  while it had. SQLite reads that program's `-shm` and writes nothing to it.
- The file is in WAL mode, and there is only a `-wal`, which contains transactions. Usually it is a copy of a
  file in use. SQLite reads the `-wal` with an index in its own memory and without locks. The file is open
  read-only, so the attempt to copy the `-wal` into it fails, and the `-wal` stays.
- The file is in WAL mode, and it contains all transactions. SQLite reads only the file, and treats it as
  one that can't change.

In the last two cases nothing prevents another program from opening the file and writing to it meanwhile. So
the file is checked after each read. If it has changed, what was read is rejected.

No counterpart in SQL Server: a client can't change the files of a server by reading.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import adbc_driver_sqlite.dbapi as adbc
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite.connection import BUSY_MILLISECONDS
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.errors import to_user_error
from saas_platform.source.sqlite.write_ahead_log import has_commits

_READ_ONLY = "mode=ro"
#: The `-shm` belongs to another program, so SQLite must not write to it.
_SHARED = f"{_READ_ONLY}&readonly_shm=1"
#: Without locks, because locks on a `-wal` need a `-shm`.
_UNLOCKED = f"{_READ_ONLY}&vfs=unix-none"
#: Without reading any other file.
_FILE_ALONE = f"{_READ_ONLY}&immutable=1"
#: What SQLite answers while another program opens or closes the file.
_PASSING = ("unable to open", "readonly database")
_EXCLUSIVE = "PRAGMA locking_mode = EXCLUSIVE"


class WrittenMeanwhileError(SourceError):
    """Another program wrote to the file while it was read without a lock."""


@dataclass(frozen=True)
class Untouched:
    """The state of the file before it was opened. `stamp` is None if a lock keeps the file as it is."""

    path: Path
    stamp: tuple[int, ...] | None

    def check(self) -> None:
        """Raise WrittenMeanwhileError if another program has written to the file since it was opened."""
        if self.stamp is not None and self.stamp != _stamp(self.path):
            raise WrittenMeanwhileError(
                f"The source {self.path} was written to by another program while it was read: run"
                " again."
            )


def check_present(path: Path) -> None:
    """Raise SourceError if the file does not exist, because SQLite would create an empty one."""
    if not path.exists():
        raise SourceError(
            f"The source {path} does not exist: name an existing file in SAAS_SOURCE_URL."
        )
    if not path.is_file():
        raise SourceError(f"The source {path} is not a file: name a file in SAAS_SOURCE_URL.")


@contextmanager
def open_untouched(path: Path) -> Iterator[tuple[SqliteCursor, Untouched]]:
    """Open a cursor in a read transaction on the file, with a check whether the file stayed the same.

    Raises SourceError for every error of the driver.
    """
    check_present(path)
    try:
        with ExitStack() as opened:
            cursor, untouched = _TRYING(_begin, path, opened)
            yield cursor, untouched
            # If a page is corrupt, SQLite has ended the transaction, and the caller has seen the error.
            with suppress(adbc.Error):
                cursor.execute("ROLLBACK")
    except adbc.Error as error:
        raise to_user_error(path, error, ours=False) from error


def _begin(path: Path, opened: ExitStack) -> tuple[SqliteCursor, Untouched]:
    """Begin a read transaction, which the stack ends; an attempt that fails leaves nothing on the stack."""
    with ExitStack() as attempt:
        cursor, untouched = attempt.enter_context(_connected(path))
        cursor.execute("BEGIN")
        # The first read fixes the view that all later reads see.
        cursor.execute("SELECT count(*) FROM sqlite_master")
        cursor.fetchall()
        # Before anything else is read, a file that was written to can be opened again.
        untouched.check()
        opened.push(attempt.pop_all())
    return cursor, untouched


def _may_pass(error: BaseException) -> bool:
    """Return whether the error may be due to a program that opened or closed the file at this moment.

    The last program that closes a file in WAL mode removes its `-wal` and `-shm`. The first one that opens it makes
    them again, and until it has filled the `-shm`, SQLite answers that it would have to write to it.
    """
    return isinstance(error, FileNotFoundError | WrittenMeanwhileError) or (
        isinstance(error, adbc.Error) and any(sign in str(error) for sign in _PASSING)
    )


_TRYING = Retrying(
    retry=retry_if_exception(_may_pass),
    stop=stop_after_attempt(5),
    wait=wait_fixed(0.05),
    reraise=True,
)


@contextmanager
def _connected(path: Path) -> Iterator[tuple[SqliteCursor, Untouched]]:
    stamp = _stamp(path)
    options = _options(path)
    with _cursor(path, options) as cursor:
        if options == _UNLOCKED:
            cursor.execute(_EXCLUSIVE)
        is_locked = options in (_READ_ONLY, _SHARED)
        yield cursor, Untouched(path, None if is_locked else stamp)


@contextmanager
def _cursor(path: Path, options: str) -> Iterator[SqliteCursor]:
    uri = f"file:{quote(os.fsencode(path))}?{options}"
    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        yield cursor


def _options(path: Path) -> str:
    """Return the options with which to open the file in its present state."""
    wal, shm = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    if not path.stat().st_size:
        # SQLite would remove the `-wal` of an empty file.
        return _FILE_ALONE
    if wal.exists() and shm.exists():
        return _SHARED
    if not _is_wal(path):
        return _READ_ONLY
    return _UNLOCKED if has_commits(wal) else _FILE_ALONE


def _is_wal(path: Path) -> bool:
    """Return whether the file is in WAL mode.

    SQLite itself is asked, because a process that opens and closes the file gives up the locks that its other
    connections hold. An exclusive reader needs no `-shm`, but a file that is open read-only can't be locked
    exclusively. So SQLite refuses a file in WAL mode before it creates anything, and reads any other file.
    """
    try:
        with _cursor(path, _READ_ONLY) as cursor:
            cursor.execute(_EXCLUSIVE)
            cursor.execute("SELECT count(*) FROM sqlite_master")
            cursor.fetchall()
    except adbc.Error as error:
        if "disk I/O error" not in str(error):
            raise
        return True
    return False


def _stamp(path: Path) -> tuple[int, ...]:
    """Return a stamp that differs after every write to the file."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
