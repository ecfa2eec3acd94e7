"""Opening a SQLite file of somebody else's, so that neither the file nor its folder changes.

Holds: which of SQLite's ways of opening suits the file as it is now. Does not hold: connections to a file of
ours (connection.py).

A file in WAL mode needs care. An ordinary reader makes a `-shm` and a `-wal` next to it, and the last one to
close a connection copies the `-wal` into the file and removes it. There are four cases:

- No WAL mode: opened read-only. A lock keeps writers out while a transaction reads.
- WAL mode, and `-shm` and `-wal` are there: another program has the file open, or had it when it was killed.
  SQLite reads that program's `-shm` and writes nothing to it.
- WAL mode, and there is only a `-wal`, with transactions in it: a copy of a file in use, as a rule. SQLite reads
  the `-wal` with an index in its own memory and without locks. As the file itself can't be written to, the
  attempt to copy the `-wal` into it fails, and the `-wal` stays.
- WAL mode, and no transaction outside of the file: SQLite reads the file alone, as one that can't change.

In the last two cases nothing keeps a program that opens the file meanwhile from writing to it, so that the file
is looked at after each reading: where it has changed, what was read is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import adbc_driver_sqlite.dbapi as adbc

from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite.connection import BUSY_MILLISECONDS, in_words
from saas_platform.source.sqlite.write_ahead_log import has_commits

_READ_ONLY = "mode=ro"
#: Of another program: not to be written to.
_SHARED = f"{_READ_ONLY}&readonly_shm=1"
#: Without locks, of which those on a `-wal` need a `-shm`.
_UNLOCKED = f"{_READ_ONLY}&vfs=unix-none"
#: Without a look at any other file.
_FILE_ALONE = f"{_READ_ONLY}&immutable=1"
_EXCLUSIVE = "PRAGMA locking_mode = EXCLUSIVE"


@dataclass(frozen=True)
class Untouched:
    """The file as it was before it was opened; None where a lock keeps it as it is."""

    path: Path
    stamp: tuple[int, ...] | None

    def check(self) -> None:
        """Raise SourceError where another program has written to the file since."""
        if self.stamp is not None and self.stamp != _stamp(self.path):
            raise SourceError(
                f"The source {self.path} was written to by another program while it was read: run"
                " again."
            )


def check_present(path: Path) -> None:
    """Raise SourceError where there is no such file; SQLite would make an empty one."""
    if not path.exists():
        raise SourceError(
            f"The source {path} does not exist: name an existing file in SAAS_SOURCE_URL."
        )
    if not path.is_file():
        raise SourceError(f"The source {path} is not a file: name a file in SAAS_SOURCE_URL.")


@contextmanager
def open_untouched(path: Path) -> Iterator[tuple[Any, Untouched]]:
    """A cursor in a read transaction on the file, and what tells whether the file stayed as it was.

    Raises SourceError for every error of the driver.
    """
    check_present(path)
    try:
        with _connected(path) as (cursor, untouched):
            cursor.execute("BEGIN")
            # The first read pins the view that all later ones see.
            cursor.execute("SELECT count(*) FROM sqlite_master")
            cursor.fetchall()
            yield cursor, untouched
            # Where a page is corrupt, SQLite has ended the transaction; whoever read the page knows.
            with suppress(adbc.Error):
                cursor.execute("ROLLBACK")
    except adbc.Error as error:
        raise in_words(path, error, ours=False) from error


@contextmanager
def _connected(path: Path) -> Iterator[tuple[Any, Untouched]]:
    stamp = _stamp(path)
    options = _options(path)
    with _cursor(path, options) as cursor:
        if options == _UNLOCKED:
            cursor.execute(_EXCLUSIVE)
        is_locked = options in (_READ_ONLY, _SHARED)
        yield cursor, Untouched(path, None if is_locked else stamp)


@contextmanager
def _cursor(path: Path, options: str) -> Iterator[Any]:
    uri = f"file:{quote(os.fsencode(path))}?{options}"
    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        yield cursor


def _options(path: Path) -> str:
    """How the file is to be opened as it is now."""
    wal, shm = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    if not path.stat().st_size:
        # SQLite would remove a `-wal` of it.
        return _FILE_ALONE
    if wal.exists() and shm.exists():
        return _SHARED
    if not _is_wal(path):
        return _READ_ONLY
    return _UNLOCKED if has_commits(wal) else _FILE_ALONE


def _is_wal(path: Path) -> bool:
    """Whether the file is in WAL mode.

    Asked of SQLite, as a process that closes a file by itself gives up the locks that its connections hold.
    An exclusive reader needs no `-shm`, and a file that is open read-only can't be locked for one: SQLite
    then refuses a file in WAL mode before it makes anything, and reads any other.
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
    """Differs after every write to the file."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
