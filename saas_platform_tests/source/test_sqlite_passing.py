"""Test reads of a SQLite file in WAL mode while another program opens and closes it again and again.

The first program that opens such a file makes a `-wal` and a `-shm`, and the last one that closes it removes them.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import adbc_driver_sqlite.dbapi as adbc
import pytest

from saas_platform.cli.doctor import examine
from saas_platform.platform import Platform
from saas_platform.schema.declared import as_yaml
from saas_platform.settings import Settings
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite import SqliteDatabase, opening
from saas_platform.sync import sync

#: The other program needs a moment to come at the wrong time. The test ends when it did so this often.
_WANTED = 3
_MOST_SECONDS = 60

_PROGRAM = """
import sqlite3, sys
while True:
    file = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
    file.execute(sys.argv[2]).fetchall()
    file.close()
"""
STATEMENTS = {"reads": "SELECT count(*) FROM t", "writes": "UPDATE t SET v = v + 1 WHERE id = 1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "own.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
        file.execute("INSERT INTO t VALUES (1, 0), (2, 0)")
    return path


@contextmanager
def opened_and_closed(path: Path, statement: str) -> Iterator[None]:
    command = [sys.executable, "-c", _PROGRAM, str(path), statement]
    with subprocess.Popen(command) as program:
        try:
            yield
        finally:
            program.kill()


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the errors of the attempts to open the file, as they come."""
    errors: list[str] = []
    begin = opening._begin

    def noted(path: Path, opened: ExitStack, expected: float) -> object:
        try:
            return begin(path, opened, expected)
        except (OSError, adbc.Error, SourceError) as error:
            errors.append(str(error))
            raise

    monkeypatch.setattr(opening, "_begin", noted)
    return errors


def until_it_came(failed: list[str], attempt: Callable[[], None]) -> None:
    """Attempt until the other program has come at the wrong time often enough."""
    ends = time.monotonic() + _MOST_SECONDS
    while len(failed) < _WANTED:
        assert time.monotonic() < ends, failed
        attempt()


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_a_snapshot_is_opened_again(path: Path, statement: str, failed: list[str]) -> None:
    def read() -> None:
        with SqliteDatabase(path).snapshot() as snapshot:
            assert snapshot.tables() == [(None, "t")]

    with opened_and_closed(path, statement):
        until_it_came(failed, read)


@pytest.mark.slow
def test_the_sync_and_the_doctor_report_no_fault(path: Path, failed: list[str]) -> None:
    home = path.parent / "home"
    home.mkdir()
    (home / "tables.yaml").write_text(as_yaml(SqliteDatabase(path).discover().tables))
    settings = Settings(synthetic=False, home=home, source_url=f"sqlite:///{path}")

    def attempt() -> None:
        platform = Platform(settings)
        (report,) = sync(platform.source, platform.warehouse, platform.tables.values())
        assert report.succeeded, report
        faults = [each for each in examine(Platform(settings)) if not each.ok]
        assert [each for each in faults if each.name != "disk"] == []

    with opened_and_closed(path, STATEMENTS["reads"]):
        until_it_came(failed, attempt)


@pytest.mark.parametrize(
    "answer", ["unable to open database file", "attempt to write a readonly database"]
)
def test_a_fault_that_lasts_is_reported(
    path: Path, answer: str, failed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_path: Path) -> str:
        raise adbc.OperationalError(answer, status_code=2)

    monkeypatch.setattr(opening, "_options", refused)
    with pytest.raises(SourceError, match=r"own\.db (can't be opened|holds a transaction)"):
        SqliteDatabase(path).ping()
    assert failed == [answer] * 10


def test_a_file_that_is_written_to_before_its_first_read_is_opened_again(
    path: Path, failed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program writes after the stamp was taken and before the first read."""
    options = opening._options

    def written_once(path: Path) -> str:
        if not failed:
            with closing(sqlite3.connect(path, isolation_level=None)) as file:
                file.execute("INSERT INTO t VALUES (3, 0)")
        return options(path)

    monkeypatch.setattr(opening, "_options", written_once)
    source = SqliteDatabase(path)
    with source.snapshot() as snapshot:
        assert snapshot.tables() == [(None, "t")]
    assert len(failed) == 1
    assert "was written to by another program" in failed[0]
