"""Turn the errors of SQLite, its driver and the file system into messages for users.

Contains: the remedies, which are found by the words of the error, because the driver does not pass on SQLite's codes.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from saas_platform.source.interface import SourceError

_REMEDIES = {
    "database is locked": "is locked by another program: close it, then run again",
    "file is not a database": "is not a SQLite database: restore it, or `saas-platform reset --yes`",
    # SQLite also answers `malformed JSON`, which is about a value.
    "database disk image is malformed": "is corrupt: restore it, or `saas-platform reset --yes`",
    "malformed database schema": "is corrupt: restore it, or `saas-platform reset --yes`",
    "disk is full": "can't grow because the disk is full: free some space, then run again",
    "disk I/O error": "can't be read or written because its disk is full or fails: free some space,"
    " then run again",
    "readonly database": "can't be written: give your user write permission on it",
}
#: What the driver says if SQLite can't open a file. It does not pass on why, so every other sign says more.
_REFUSED = "failed to open"
#: The remedy for a file of others that can't be opened.
_UNREADABLE = "can't be opened: give your user read permission on it and its folder"
#: The remedies that differ for a user's own database. They are looked for first.
_REMEDIES_OF_OTHERS = {
    "file is not a database": "is not a SQLite database: name a SQLite database in SAAS_SOURCE_URL",
    "database disk image is malformed": "is corrupt: restore it from a backup",
    "malformed database schema": "is corrupt: restore it from a backup",
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
    "unable to open": _UNREADABLE,
}
#: The remedies for what the file system answers about a user's own database.
_REMEDIES_OF_FILES = {
    errno.ENOENT: "does not exist: name an existing file in SAAS_SOURCE_URL",
    errno.ENOTDIR: "does not exist: name an existing file in SAAS_SOURCE_URL",
    errno.EACCES: _UNREADABLE,
    errno.EPERM: _UNREADABLE,
    errno.ENAMETOOLONG: "has a name that is longer than the system allows: name another file in SAAS_SOURCE_URL",
    errno.EISDIR: "is a folder, but SQLite needs a file of that name: move the folder away, then run again",
}
#: The most bytes of a path that SQLite opens.
_LONGEST_PATH = 511

#: SQLite's words for its codes that say that the file, and not a value in it, can't be read now.
_OF_FILE = frozenset(
    {
        "database disk image is malformed",
        "file is not a database",
        "disk I/O error",
        "database or disk is full",
        "out of memory",
        "interrupted",
        "database is locked",
        "database table is locked",
        "database schema has changed",
        "attempt to write a readonly database",
        "unable to open database file",
        "locking protocol",
    }
)
#: What the driver puts before SQLite's words. It puts nothing there if a later batch of a result fails.
_BY_DRIVER = re.compile(r"(?:[A-Z_]+: )?(?:\[SQLite\] )?(?:Failed to \w+ query: )?")


def answer_of(error: Exception) -> str:
    """Return what SQLite itself said.

    >>> answer_of(ValueError("IO: Failed to step query: integer overflow"))
    'integer overflow'
    """
    return _BY_DRIVER.sub("", str(error).splitlines()[0], count=1)


def is_of_file(error: Exception) -> bool:
    """Return whether the error is about the file as a whole. An answer may quote such words from a value."""
    answer = answer_of(error)
    return answer in _OF_FILE or answer.startswith("malformed database schema")


def to_user_error(path: Path, error: Exception, *, ours: bool = True) -> SourceError:
    """Return the error of the driver as a sentence. `ours`: whether the platform writes the file."""
    text = str(error)
    remedies = _REMEDIES if ours else {**_REMEDIES_OF_OTHERS, **_REMEDIES, **_REMEDIES_OF_OTHERS}
    for sign, remedy in remedies.items():
        if sign in text:
            if remedy is _UNREADABLE:
                return _not_opened(path)
            return SourceError(f"The source {path} {remedy}.")
    if _REFUSED in text and not ours:
        return _not_opened(path)
    if _REFUSED in text:
        return SourceError(
            f"The source {path} can't be opened: check that its folder exists and that you may write to it."
        )
    return SourceError(f"The source {path} answered: {answer_of(error)}.")


def next_to(path: Path) -> tuple[Path, Path]:
    """Return the paths of the file's `-wal` and `-shm`."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _not_opened(path: Path) -> SourceError:
    """Return why SQLite could not open the file, which does not say which of its files it is."""
    if len(os.fsencode(path)) > _LONGEST_PATH:
        return SourceError(
            f"The source {path} has a path of more than {_LONGEST_PATH} bytes, which SQLite does not open: move it to a"
            " shorter path."
        )
    for each in next_to(path):
        with suppress(OSError):
            if each.is_dir():
                return to_file_error(path, IsADirectoryError(errno.EISDIR, "", str(each)))
            if each.exists() and not os.access(each, os.R_OK):
                return to_file_error(path, PermissionError(errno.EACCES, "", str(each)))
    return SourceError(f"The source {path} {_UNREADABLE}.")


def to_file_error(path: Path, error: OSError) -> SourceError:
    """Return what the file system answers about a user's own database, or a file next to it, as a sentence."""
    name = path if error.filename is None else Path(os.fsdecode(error.filename))
    place = f"The source {path}" if name == path else f"{name}, which belongs to the source {path},"
    remedy = _REMEDIES_OF_FILES.get(error.errno or 0)
    if remedy is None:
        remedy = f"can't be read, because the system answers `{error.strerror or error}`: check its disk, then run again"
    return SourceError(f"{place} {remedy}.")


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn every error of the file system about the file, or one next to it, into a SourceError."""
    try:
        yield
    except OSError as error:
        raise to_file_error(path, error) from error
