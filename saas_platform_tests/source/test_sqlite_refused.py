"""Test that what the file system refuses about a user's own SQLite file is one sentence that names file and remedy.

Root may read everything, so the refusals of permissions are raised in the place of the system's.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import pytest

from saas_platform.source.interface import SourceError, WrittenMeanwhileError
from saas_platform.source.sqlite import SqliteDatabase, SqliteSource, errors
from saas_platform.source.sqlite.errors import to_user_error
from saas_platform.source.sqlite.opening import open_untouched
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.source.test_sqlite_untouched import make, read_all

PERMISSION = "can't be opened: give your user read permission on it and its folder."
TOO_LONG = "has a name that is longer than the system allows: name another file in SAAS_SOURCE_URL."
FOLDER = "is a folder, but SQLite needs a file of that name: move the folder away, then run again."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in WAL mode whose only transaction is in its `-wal`, without a `-shm`."""
    made = tmp_path / "own.db"
    with closing(sqlite3.connect(tmp_path / "used.db", isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        shutil.copy(tmp_path / "used.db", made)
        shutil.copy(tmp_path / "used.db-wal", f"{made}-wal")
    return made


def refuse(
    monkeypatch: pytest.MonkeyPatch, name: str, refused: Path, code: int = errno.EACCES
) -> None:
    """Let a method of Path, and `os.access`, answer like a system that refuses the file."""
    real: Callable[..., Any] = getattr(Path, name)
    may: Callable[..., bool] = os.access

    def refusing(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self == refused:
            raise OSError(code, os.strerror(code), str(self))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, name, refusing)
    monkeypatch.setattr(os, "access", lambda each, mode: Path(each) != refused and may(each, mode))


def said_by(source: SqliteDatabase | SqliteSource) -> set[str]:
    """Return the errors of everything that can be asked of a source."""
    found = set()
    for ask in (source.ping, source.discover, lambda: source.snapshot().__enter__()):
        with pytest.raises(SourceError) as stopped:
            ask()
        found.add(str(stopped.value))
    return found


def test_a_folder_that_may_not_be_entered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "stat", path)
    assert said_by(SqliteDatabase(path)) == {f"The source {path} {PERMISSION}"}
    assert said_by(SqliteSource(path)) == {f"The source {path} {PERMISSION}"}


def test_a_wal_that_may_not_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wal = path.with_name("own.db-wal")
    refuse(monkeypatch, "open", wal)
    assert said_by(SqliteDatabase(path)) == {
        f"{wal}, which belongs to the source {path}, {PERMISSION}"
    }


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
@pytest.mark.parametrize("suffixes", [("-wal",), ("-wal", "-shm")])
def test_a_folder_that_is_named_like_the_wal(
    tmp_path: Path, mode: str, suffixes: tuple[str, ...]
) -> None:
    path = tmp_path / "own.db"
    make(path, mode)
    for suffix in suffixes:
        path.with_name(path.name + suffix).mkdir()
    wal = path.with_name("own.db-wal")
    assert said_by(SqliteDatabase(path)) == {f"{wal}, which belongs to the source {path}, {FOLDER}"}


@pytest.mark.parametrize("suffix", ["-shm", "-journal"])
def test_a_folder_that_sqlite_does_not_look_at(tmp_path: Path, suffix: str) -> None:
    make(tmp_path / "own.db", "WAL")
    (tmp_path / f"own.db{suffix}").mkdir()
    assert read_all(tmp_path / "own.db") == 3


def test_a_name_that_is_longer_than_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 300)
    assert said_by(SqliteDatabase(path)) == {f"The source {path} {TOO_LONG}"}
    assert said_by(SqliteSource(path)) == {f"The source {path} {TOO_LONG}"}


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_name_that_leaves_no_room_for_a_wal(tmp_path: Path, mode: str) -> None:
    make(tmp_path / "own.db", mode)
    path = (tmp_path / "own.db").rename(tmp_path / ("n" * 254))
    assert read_all(path) == 3


def test_a_path_that_is_longer_than_sqlite_allows(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d" * 100] * 6)
    folder.mkdir(parents=True)
    make(tmp_path / "own.db", "DELETE")
    path = (tmp_path / "own.db").rename(folder / "own.db")
    assert said_by(SqliteDatabase(path)) == {
        f"The source {path} has a path of more than 511 bytes, which SQLite does not open: move it to a shorter path."
    }


def test_another_answer_of_the_system_is_quoted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "stat", path, errno.EIO)
    assert said_by(SqliteDatabase(path)) == {
        f"The source {path} can't be read, because the system answers `Input/output error`: check its disk, then run"
        " again."
    }


def test_a_file_that_is_taken_away_while_it_is_read(tmp_path: Path) -> None:
    """The reading begins again, and the next opening says that the file is gone."""
    path = tmp_path / "own.db"
    make(path, "WAL")
    with open_untouched(path) as (_, untouched):
        path.unlink()
        with pytest.raises(WrittenMeanwhileError):
            untouched.check()
    gone = f"The source {path} does not exist: name an existing file in SAAS_SOURCE_URL."
    assert said_by(SqliteDatabase(path)) == {gone}


def test_an_error_of_the_reader_is_not_one_of_the_source(tmp_path: Path) -> None:
    make(tmp_path / "own.db", "WAL")
    with pytest.raises(PermissionError), open_untouched(tmp_path / "own.db"):
        raise PermissionError(errno.EACCES, "another file")


@pytest.mark.parametrize("sign", [*errors._REMEDIES_OF_OTHERS])
@pytest.mark.parametrize("before", ["", "IO: failed to open 'file:own.db?mode=ro': "])
def test_what_the_driver_says_first_does_not_hide_the_remedy(
    tmp_path: Path, sign: str, before: str
) -> None:
    answer = to_user_error(
        tmp_path / "own.db", adbc.OperationalError(before + sign, status_code=0), ours=False
    )
    assert str(answer) == f"The source {tmp_path / 'own.db'} {errors._REMEDIES_OF_OTHERS[sign]}."


@pytest.mark.parametrize("sign", [*errors._REMEDIES])
@pytest.mark.parametrize("ours", [True, False])
def test_the_same_for_the_remedies_that_hold_for_all_files(
    tmp_path: Path, sign: str, ours: bool
) -> None:
    path = tmp_path / "own.db"
    alone = to_user_error(path, adbc.OperationalError(sign, status_code=0), ours=ours)
    text = f"IO: failed to open 'file:own.db?mode=ro': {sign}"
    found = to_user_error(path, adbc.OperationalError(text, status_code=0), ours=ours)
    assert str(found) == str(alone)


def test_a_file_that_the_driver_can_not_open(tmp_path: Path) -> None:
    """The driver takes every reason of SQLite's for a lack of memory."""
    path = tmp_path / "own.db"
    text = f"IO: failed to open 'file:{path}?mode=ro': failed to allocate memory"
    error = adbc.OperationalError(text, status_code=0)
    assert str(to_user_error(path, error, ours=False)) == f"The source {path} {PERMISSION}"
    assert "you may write to it" in str(to_user_error(path, error))


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every file")
@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_file_without_any_permission(path: Path, suffix: str) -> None:
    path.with_name(path.name + suffix).chmod(0)
    (said,) = said_by(SqliteDatabase(path))
    assert said.endswith(PERMISSION)


@pytest.mark.parametrize(
    "words", [["sync"], ["verify"], ["repair"], ["doctor", "--discover"], ["run"], ["doctor"]]
)
def test_every_command_gives_the_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    path = tmp_path / "own.db"
    make(path, "DELETE")
    for name, value in (
        ("SAAS_HOME", tmp_path / "home"),
        ("SAAS_SOURCE_URL", f"sqlite:///{path}"),
        ("SAAS_SYNTHETIC", "false"),
    ):
        monkeypatch.setenv(name, str(value))
    assert command("doctor", "--discover").code == 0
    path.with_name("own.db-wal").mkdir()
    output = command(*words)
    assert output.code in (1, 2)
    said = output.out + output.err
    sentence = f"{path}-wal, which belongs to the source {path}, {FOLDER}"
    if words == ["doctor"]:
        (line,) = (line for line in said.splitlines() if "own.db-wal" in line)
        assert "source" in line
        sentence = sentence.partition(":")[0]
    assert " ".join(sentence.split()) in " ".join(said.split())
    assert "Traceback" not in said
