"""Test a SQLite source in WAL mode that another program opens, writes to and closes all the time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import check_tables, open_findings, repair, sync, verify
from saas_platform.sync.report import Progress
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse

ROWS = 20_000
OPENING = "saas_platform.source.sqlite.opening"


class Busy:
    """A file with two tables whose sums stay the same in each transaction, and a warehouse."""

    def __init__(self, folder: Path) -> None:
        (folder / "source").mkdir()
        self.path = folder / "source" / "own.db"
        with closing(sqlite3.connect(self.path)) as file:
            file.execute("PRAGMA journal_mode = wal")
            for name in ("a", "b"):
                file.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, n INT, v TEXT)")
                rows = ((each, 100, "x" * 50) for each in range(ROWS))
                file.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", rows)
            file.commit()
        self.source = SqliteDatabase(self.path)
        (folder / "tables.yaml").write_text(as_yaml(self.source.discover().tables))
        self.tables = read_tables(folder / "tables.yaml").values()
        self.warehouse = DuckdbWarehouse(folder / "warehouse.duckdb")

    def write(self) -> None:
        """Open the file, move one between the first and the last rows of a table, and close it."""
        with closing(sqlite3.connect(self.path, timeout=5)) as file:
            file.execute("UPDATE a SET n = n - 1 WHERE id = 5")
            file.execute("UPDATE a SET n = n + 1 WHERE id = ?", (ROWS - 5,))
            file.commit()

    @contextmanager
    def writing(self, pause: float) -> Iterator[list[int]]:
        """Write in another thread, again and again; yield the list of the writes' numbers."""
        writes: list[int] = []
        end = threading.Event()

        def go_on() -> None:
            while not end.wait(pause):
                self.write()
                writes.append(len(writes))

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield writes
        finally:
            end.set()
            thread.join()

    def sums(self) -> set[int]:
        return {
            self.warehouse.query(f"SELECT sum(n)::BIGINT AS n FROM raw.{name}").to_pylist()[0]["n"]
            for name in ("a", "b")
        }


@pytest.fixture
def busy(tmp_path: Path) -> Busy:
    return Busy(tmp_path)


def test_a_view_is_held_while_a_program_opens_and_closes_the_file(busy: Busy) -> None:
    (a, _) = busy.source.discover().tables
    with busy.writing(0.2) as writes:
        time.sleep(0.3)
        with busy.source.snapshot() as snapshot:
            began = len(writes)
            seen = [snapshot.rows(a).read_all() for _ in range(2)]
            while len(writes) < began + 4:
                time.sleep(0.05)
            seen.append(snapshot.rows(a).read_all())
    assert seen[0].equals(seen[1])
    assert seen[0].equals(seen[2])


@pytest.mark.slow
def test_every_command_succeeds_meanwhile(busy: Busy) -> None:
    with busy.writing(0.1) as writes:
        for _ in range(3):
            assert [report.error for report in sync(busy.source, busy.warehouse, busy.tables)] == [
                None,
                None,
            ]
            assert busy.sums() == {ROWS * 100}
        assert len(busy.source.discover().tables) == 2
        assert check_tables(busy.source, busy.warehouse, busy.tables) == {}
        proofs = verify(busy.source, busy.warehouse, busy.tables)
        assert all(proof.digest for proof in proofs)
        assert len(writes) > 3
    busy.write()
    # The program's last close was the last one, as without us.
    assert [path.name for path in busy.path.parent.iterdir()] == ["own.db"]


class Disturbing:
    """Write while a sync reads, a few times."""

    def __init__(self, busy: Busy, times: int) -> None:
        self.busy, self.left = busy, times

    def __call__(self, progress: Progress) -> None:  # noqa: ARG002
        if self.left:
            self.left -= 1
            self.busy.write()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Await no other program, so that each write disturbs."""
    monkeypatch.setattr(f"{OPENING}._opens_again", lambda *_: False)


@pytest.mark.usefixtures("alone")
def test_a_disturbed_table_is_read_again(busy: Busy) -> None:
    disturbing = Disturbing(busy, 2)
    reports = sync(busy.source, busy.warehouse, busy.tables, disturbing)
    assert disturbing.left == 0
    assert [(report.table, report.error) for report in reports] == [("a", None), ("b", None)]
    assert all(proof.proven for proof in verify(busy.source, busy.warehouse, busy.tables, "rows"))


@pytest.mark.usefixtures("alone")
def test_a_disturbed_repair_is_no_try(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    sync(busy.source, busy.warehouse, busy.tables)
    busy.write()
    (proof, _) = verify(busy.source, busy.warehouse, busy.tables)
    assert not proof.proven
    monkeypatch.setattr("saas_platform.sync.undisturbed._PATIENCE_SECONDS", 0)
    for _ in range(4):
        reports = repair(busy.source, busy.warehouse, busy.tables, Disturbing(busy, 9))
        assert "was written to by another program" in str(reports[0].error)
    found = open_findings(busy.warehouse, busy.tables)
    assert {name: (each.tries, each.proof_id) for name, each in found.items()} == {
        "a": (0, proof.proof_id)
    }


def test_the_source_waits_longer_after_each_disturbance(
    busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def noted(_: Path, expected: float) -> bool:
        waits.append(expected)
        return False

    monkeypatch.setattr(f"{OPENING}._opens_again", noted)
    sync(busy.source, busy.warehouse, busy.tables, Disturbing(busy, 2))
    assert waits == [1.0, 2.0, 4.0]
