"""Test that reading another program's SQLite file changes neither the file nor its folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from saas_platform.platform import Platform
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform_tests.end_to_end.command_line import command

NAMES = [
    "own.db",
    "shop?v2.db",
    "a#b.db",
    "100%.db",
    "shop%41.db",
    "two words.db",
    'it\'s "x".db',
    "ü.db",
]


def files(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def make(path: Path, mode: str, rows: int = 3) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute(f"PRAGMA journal_mode = {mode}")
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        file.executemany("INSERT INTO t (v) VALUES (?)", [("x",)] * rows)


def read_all(path: Path) -> int:
    """Do everything that the commands do with a source; return the number of rows seen."""
    source = SqliteDatabase(path)
    source.ping()
    (table,) = source.discover().tables
    with source.snapshot() as snapshot:
        rows = snapshot.rows(table).read_all().num_rows
        assert snapshot.row_texts(table).read_all().num_rows == rows
        assert snapshot.cells(table).read_all().num_rows == rows
        assert snapshot.slice_counts(table) == ({"all": rows} if rows else {})
        assert snapshot.columns(table)
        assert snapshot.keys(table)
    return rows


@pytest.fixture(params=["wal", "delete", "truncate", "persist"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_file_that_no_program_has_open(tmp_path: Path, mode: str) -> None:
    make(tmp_path / "own.db", mode)
    before = files(tmp_path)
    assert read_all(tmp_path / "own.db") == 3
    assert files(tmp_path) == before


@pytest.mark.parametrize("left", [("", "-wal"), ("", "-wal", "-shm")], ids=["wal", "wal and shm"])
def test_a_wal_that_a_program_left_when_it_ended(tmp_path: Path, left: tuple[str, ...]) -> None:
    """Test a -wal left by a killed program or copied with its file. Its transactions are read."""
    with made_elsewhere(tmp_path / "first") as path:
        (tmp_path / "copy").mkdir()
        for suffix in left:
            shutil.copy(f"{path}{suffix}", f"{tmp_path / 'copy' / 'own.db'}{suffix}")
    before = files(tmp_path / "copy")
    assert read_all(tmp_path / "copy" / "own.db") == 4
    assert files(tmp_path / "copy") == before


@pytest.mark.parametrize("kept", [0, 20, 32, 60, 2_000])
def test_a_wal_without_a_transaction_stays(tmp_path: Path, kept: int) -> None:
    """Test a -wal that is empty, or ends in its header or in a page. SQLite itself would remove it."""
    with made_elsewhere(tmp_path / "first") as path:
        (tmp_path / "copy").mkdir()
        shutil.copy(path, tmp_path / "copy")
        wal = path.with_name("own.db-wal").read_bytes()
        assert len(wal) > 2_000
    (tmp_path / "copy" / "own.db-wal").write_bytes(wal[:kept])
    before = files(tmp_path / "copy")
    assert read_all(tmp_path / "copy" / "own.db") == 3
    assert files(tmp_path / "copy") == before


def test_what_is_next_to_an_empty_file_stays(tmp_path: Path) -> None:
    with made_elsewhere(tmp_path / "first") as path:
        (tmp_path / "copy").mkdir()
        shutil.copy(f"{path}-wal", tmp_path / "copy" / "own.db-wal")
    (tmp_path / "copy" / "own.db").touch()
    before = files(tmp_path / "copy")
    assert SqliteDatabase(tmp_path / "copy" / "own.db").discover().tables == ()
    assert files(tmp_path / "copy") == before


def test_a_shm_without_a_wal_belongs_to_no_program(tmp_path: Path) -> None:
    make(tmp_path / "own.db", "wal")
    (tmp_path / "own.db-shm").write_bytes(bytes(32_768))
    before = files(tmp_path)
    assert read_all(tmp_path / "own.db") == 3
    assert files(tmp_path) == before


@contextmanager
def made_elsewhere(folder: Path) -> Iterator[Path]:
    """Make a file whose last row is only in the -wal, and hold it open with a connection."""
    folder.mkdir()
    make(folder / "own.db", "wal")
    with closing(sqlite3.connect(folder / "own.db", isolation_level=None)) as file:
        file.execute("INSERT INTO t (v) VALUES ('in the wal')")
        yield folder / "own.db"


_WRITER = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=1)
print("open", flush=True)
for line in sys.stdin:
    if line == "lock\\n":
        file.execute("BEGIN EXCLUSIVE")
    try:
        file.execute("INSERT INTO t (v) VALUES ('later')")
    except sqlite3.OperationalError as error:
        print(error, flush=True)
        continue
    if line == "checkpoint\\n":
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    print(file.execute("SELECT count(*) FROM t").fetchone()[0], flush=True)
"""


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", textwrap.dedent(_WRITER), str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        yield writer
        assert writer.stdin is not None
        writer.stdin.close()


def write(writer: subprocess.Popen[str], how: str = "insert") -> int:
    return int(asked(writer, how))


def asked(writer: subprocess.Popen[str], how: str) -> str:
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(how + "\n")
    writer.stdin.flush()
    return writer.stdout.readline().strip()


@pytest.mark.slow
def test_a_file_that_another_process_writes_to(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    make(path, "wal", rows=40_000)
    with another_process(path) as writer:
        for how in ("insert", "checkpoint", "insert", "insert"):
            there = write(writer, how)
            before = files(tmp_path)
            assert read_all(path) == there
            assert files(tmp_path) == before
        (table,) = SqliteDatabase(path).discover().tables
        with SqliteDatabase(path).snapshot() as snapshot:
            batches = iter(snapshot.rows(table))
            seen = next(batches).num_rows
            later = write(writer)
            seen += sum(batch.num_rows for batch in batches)
        assert seen == later - 1


@pytest.mark.slow
def test_a_writer_that_opens_a_file_which_no_other_program_has_open(tmp_path: Path) -> None:
    """Without locks, the rows read may be of two states. They are rejected."""
    path = tmp_path / "own.db"
    make(path, "wal", rows=60_000)
    (table,) = SqliteDatabase(path).discover().tables
    with SqliteDatabase(path).snapshot() as snapshot:
        batches = iter(snapshot.rows(table))
        next(batches)
        with another_process(path) as writer:
            write(writer)  # only to the -wal
            next(batches)
            write(writer, "checkpoint")
            with pytest.raises(SourceError, match=r"own\.db was written to by another program"):
                list(batches)
            assert write(writer) == 60_003
            assert (tmp_path / "own.db-wal").exists()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert read_all(path) == 60_003


def test_a_writer_waits_for_a_reader_without_wal(tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    make(path, "delete")
    (table,) = SqliteDatabase(path).discover().tables
    with another_process(path) as writer:
        with SqliteDatabase(path).snapshot() as snapshot:
            # `ping` opens and closes the file, which must not release the snapshot's lock.
            SqliteDatabase(path).ping()
            assert asked(writer, "insert") == "database is locked"
            assert snapshot.rows(table).read_all().num_rows == 3
        assert write(writer) == 4


def test_a_file_that_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saas_platform.source.sqlite.opening.BUSY_MILLISECONDS", 50)
    path = tmp_path / "own.db"
    make(path, "delete")
    with another_process(path) as writer:
        write(writer, "lock")
        with pytest.raises(SourceError, match=r"own\.db is locked by another program: close it"):
            read_all(path)


@pytest.mark.parametrize("name", NAMES)
def test_a_path_means_what_it_says(tmp_path: Path, mode: str, name: str) -> None:
    folder = tmp_path / "a?b#c %41"
    folder.mkdir()
    make(folder / name, mode)
    before = files(folder)
    assert read_all(folder / name) == 3
    assert files(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_in_a_url_means_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    make(tmp_path / name, "delete")
    url = sa.URL.create("sqlite", database=str(tmp_path / name))
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAAS_SOURCE_URL", url.render_as_string())
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    (table,) = Platform.load().database.discover().tables
    assert table.name == "t"
    assert files(tmp_path) == before


def test_a_home_with_odd_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a?b", "a%41", "a#b c"):
        monkeypatch.setenv("SAAS_HOME", str(tmp_path / name))
        settings = Platform.load().settings
        assert settings.source.database == str(tmp_path / name / "source.db")
        assert settings.warehouse.database == str(tmp_path / name / "warehouse.duckdb")


@pytest.mark.parametrize("name", ["none.db", "no folder/none.db", "none?v2.db"])
def test_a_missing_file_gives_one_sentence(tmp_path: Path, name: str) -> None:
    for operation in (SqliteDatabase.ping, SqliteDatabase.discover, read_snapshot):
        with pytest.raises(SourceError, match="does not exist: name an existing file"):
            operation(SqliteDatabase(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def read_snapshot(source: SqliteDatabase) -> None:
    with source.snapshot():
        pass


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but long enough to look like one" * 99)
    with pytest.raises(SourceError, match=r"is not a file: name a file in SAAS_SOURCE_URL"):
        read_all(tmp_path)
    with pytest.raises(SourceError, match="is not a SQLite database: name a SQLite database"):
        read_all(tmp_path / "text.db")
    assert [path.name for path in tmp_path.iterdir()] == ["text.db"]


@pytest.mark.slow
def test_a_transaction_that_its_writer_did_not_finish(tmp_path: Path) -> None:
    """A reader can't undo it without writing."""
    (tmp_path / "first").mkdir()
    (tmp_path / "copy").mkdir()
    path = tmp_path / "first" / "own.db"
    make(path, "delete", rows=5_000)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN")
        writer.execute("UPDATE t SET v = 'yyyyyyyyyyyyyyyyyyyyyyyyy'")
        for suffix in ("", "-journal"):
            shutil.copy(f"{path}{suffix}", f"{tmp_path / 'copy' / 'own.db'}{suffix}")
    before = files(tmp_path / "copy")
    with pytest.raises(SourceError, match="a transaction that its writer did not finish"):
        read_all(tmp_path / "copy" / "own.db")
    assert files(tmp_path / "copy") == before


_AS_NOBODY = """
import os, sys
from pathlib import Path
from saas_platform_tests.source.test_sqlite_untouched import read_all
read_all(Path(sys.argv[1]))  # imports modules that the user `nobody` may not read
os.setgid(65534)
os.setuid(65534)
print(read_all(Path(sys.argv[1])))
"""


@pytest.mark.few
@pytest.mark.parametrize("mode", ["wal", "wal in use", "delete"])
def test_a_folder_that_can_only_be_read(tmp_path: Path, mode: str) -> None:
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        folder = Path(parent) / "folder"
        folder.mkdir()
        if mode == "wal in use":
            with made_elsewhere(tmp_path / "first") as path:
                for suffix in ("", "-wal"):
                    shutil.copy(f"{path}{suffix}", f"{folder / 'own.db'}{suffix}")
        else:
            make(folder / "own.db", mode)
        before = files(folder)
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        try:
            assert as_a_user(folder / "own.db") == ("4" if mode == "wal in use" else "3")
        finally:
            folder.chmod(0o755)
        assert files(folder) == before


def as_a_user(path: Path) -> str:
    """Read the file as a user whom file permissions bind; return the number of rows, or the error."""
    if os.geteuid() != 0:
        return str(read_all(path))
    command = [sys.executable, "-c", _AS_NOBODY, str(path)]
    root = Path(__file__).parents[2]  # the folder from which these tests can be imported
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    return done.stdout.strip() or done.stderr


@pytest.mark.few
@pytest.mark.parametrize("words", [["doctor"], ["sync"], ["verify"], ["run"], ["repair"]])
@pytest.mark.parametrize("left", ["wal", "journal"])
def test_no_command_writes_to_a_source_before_there_is_a_tables_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], left: str
) -> None:
    """Test a file whose -wal holds the last transactions, and a file whose writer was killed."""
    folder = tmp_path / "copy"
    folder.mkdir()
    if left == "wal":
        with made_elsewhere(tmp_path / "first") as path:
            for suffix in ("", "-wal"):
                shutil.copy(f"{path}{suffix}", f"{folder / 'own.db'}{suffix}")
    else:
        (tmp_path / "first").mkdir()
        make(tmp_path / "first" / "own.db", "delete", rows=2_000)
        with closing(sqlite3.connect(tmp_path / "first" / "own.db", isolation_level=None)) as file:
            file.execute("PRAGMA cache_size = 2")
            file.execute("BEGIN")
            file.execute("UPDATE t SET v = hex(randomblob(200))")
            for suffix in ("", "-journal"):
                shutil.copy(
                    f"{tmp_path / 'first' / 'own.db'}{suffix}", f"{folder / 'own.db'}{suffix}"
                )
    monkeypatch.setenv("SAAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{folder / 'own.db'}")
    before = files(folder)
    assert len(before) == 2
    result = command(*words)
    assert result.code in (1, 2)
    assert files(folder) == before


def test_no_error_suggests_to_reset_a_users_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.db").write_bytes(
        b"no database at all, but longer than a header of SQLite" * 40
    )
    monkeypatch.setenv("SAAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    monkeypatch.setenv("SAAS_SOURCE_URL", f"sqlite:///{tmp_path / 'own.db'}")
    result = command("sync")
    assert result.code == 2
    assert "is not a SQLite database: name a SQLite database in SAAS_SOURCE_URL" in result.err
    assert "reset" not in result.err
