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

A program that opens and closes the file again and again would always do that. So if the file was written to just now,
its next opening is awaited for a moment. A reader that begins while the file is open holds its view, whatever is
written later: the program's close is then not the last one, so SQLite leaves the `-wal` for the next opening.

No counterpart in SQL Server: a client can't change the files of a server by reading.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import adbc_driver_sqlite.dbapi as adbc
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random

from saas_platform.source.interface import SourceError, WrittenMeanwhileError
from saas_platform.source.sqlite.connection import BUSY_MILLISECONDS
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.errors import (
    file_errors,
    next_to,
    to_file_error,
    to_user_error,
)
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
#: A program that wrote to the file within so many seconds is expected to open it again. If it disturbs the reading
#: of the file all the same, it is expected within the next longer time.
EXPECTED_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)
#: How often the file is looked at meanwhile. A program may have it open for a few milliseconds only.
_LOOK_SECONDS = 0.001
#: How long to try again while other programs write to the file.
_PATIENCE_SECONDS = 5.0
#: How often to try after errors of SQLite's that may be due to them.
_MOST_TRIES = 10


@dataclass(frozen=True)
class Untouched:
    """The state of the file before it was opened. `stamp` is None if a lock keeps the file as it is."""

    path: Path
    stamp: tuple[int, ...] | None

    @property
    def is_written_to(self) -> bool:
        """Whether another program has written to the file since it was opened, or has taken it away."""
        if self.stamp is None:
            return False
        try:
            return self.stamp != _stamp(self.path)
        except OSError:  # the next opening says why
            return True

    def check(self) -> None:
        """Raise WrittenMeanwhileError if another program has written to the file since it was opened."""
        if self.is_written_to:
            raise WrittenMeanwhileError(
                f"The source {self.path} was written to by another program while it was read: run"
                " again."
            )


def is_present(path: Path) -> bool:
    """Return whether there is something of that name. Raises SourceError if the file system does not let us look."""
    with file_errors(path):
        return path.exists()


def check_present(path: Path) -> None:
    """Raise SourceError if the file does not exist, because SQLite would create an empty one."""
    if not is_present(path):
        raise to_file_error(path, FileNotFoundError(errno.ENOENT, "", str(path)))
    if not path.is_file():
        raise SourceError(f"The source {path} is not a file: name a file in SAAS_SOURCE_URL.")


@contextmanager
def open_untouched(
    path: Path, expected: float = EXPECTED_SECONDS[0]
) -> Iterator[tuple[SqliteCursor, Untouched]]:
    """Open a cursor in a read transaction on the file, with a check whether the file stayed the same.

    A program that wrote to the file within the last `expected` seconds is awaited for the rest of them.

    Raises SourceError for every error of the driver, and for every error of the file system while it opens the file.
    """
    check_present(path)
    try:
        with ExitStack() as opened:
            with file_errors(path):
                cursor, untouched = _TRYING(_begin, path, opened, expected)
            yield cursor, untouched
            # If a page is corrupt, SQLite has ended the transaction, and the caller has seen the error.
            with suppress(adbc.Error):
                cursor.execute("ROLLBACK")
    except adbc.Error as error:
        raise to_user_error(path, error, ours=False) from error


def _begin(path: Path, opened: ExitStack, expected: float) -> tuple[SqliteCursor, Untouched]:
    """Begin a read transaction, which the stack ends; an attempt that fails leaves nothing on the stack."""
    with ExitStack() as attempt:
        cursor, untouched = attempt.enter_context(_connected(path, expected))
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


def _is_over(state: RetryCallState) -> bool:
    """Return whether an attempt was the last one."""
    if state.outcome is not None and isinstance(state.outcome.exception(), adbc.Error):
        return state.attempt_number >= _MOST_TRIES
    return (state.seconds_since_start or 0) > _PATIENCE_SECONDS


_TRYING = Retrying(
    retry=retry_if_exception(_may_pass),
    stop=_is_over,
    # A fixed pause could meet the other program's rhythm each time.
    wait=wait_random(0.005, 0.1),
    reraise=True,
)


@contextmanager
def _connected(path: Path, expected: float) -> Iterator[tuple[SqliteCursor, Untouched]]:
    stamp = _stamp(path)
    options = _options(path)
    if options == _FILE_ALONE and _opens_again(path, expected):
        options = _SHARED
    with _cursor(path, options) as cursor:
        if options == _UNLOCKED:
            cursor.execute(_EXCLUSIVE)
        is_locked = options in (_READ_ONLY, _SHARED)
        yield cursor, Untouched(path, None if is_locked else stamp)


def _opens_again(path: Path, expected: float) -> bool:
    """Wait for another program to open a file that was written to just now; return whether one did."""
    found = path.stat()
    age = time.time() - found.st_mtime
    if not found.st_size or not 0 <= age < expected:
        return False
    files = next_to(path)
    end = time.monotonic() + expected - age
    while time.monotonic() < end:
        if all(map(_is_there, files)):
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def _is_there(path: Path) -> bool:
    """Return whether a file is next to another one. There is none if the system does not allow so long a name."""
    try:
        return path.exists()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise


@contextmanager
def _cursor(path: Path, options: str) -> Iterator[SqliteCursor]:
    uri = f"file:{quote(os.fsencode(path))}?{options}"
    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        yield cursor


def _options(path: Path) -> str:
    """Return the options with which to open the file in its present state."""
    wal, shm = next_to(path)
    if not path.stat().st_size:
        # SQLite would remove the `-wal` of an empty file.
        return _FILE_ALONE
    if _is_there(wal) and _is_there(shm):
        return _SHARED
    if not _is_wal(path):
        return _READ_ONLY
    return _UNLOCKED if _is_there(wal) and has_commits(wal) else _FILE_ALONE


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
