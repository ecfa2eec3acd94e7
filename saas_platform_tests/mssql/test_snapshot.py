"""Snapshots without a server: a cursor that answers, and refuses what some servers do not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.source.contract import SourceError
from saas_platform.source.mssql import Address, MssqlDatabase, connection, errors, features
from saas_platform.source.mssql import snapshot as snapshots

ADDRESS = Address.of(sa.make_url("mssql+pyodbc://me:s3cret@db.example/company?schema=sales"))
_FORK = "6F9619FF-8B86-D011-B42D-00C04FC964FF"


class FakeError(Exception):
    pass


class EndingError(FakeError):
    """One that rolls the transaction back, and leaves a connection that commits each statement."""


class Server:
    """A connection and its cursor; answers by words that a statement has, else with nothing."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.said: list[str] = []
        self.open = False
        self._row: Any = None

    def cursor(self) -> Server:
        return self

    @property
    def description(self) -> str:
        return "an answer"

    def execute(self, sql: str, *_: Any) -> Server:
        self.said.append(sql)
        answer = next((given for words, given in self.answers.items() if words in sql), None)
        if isinstance(answer, Exception):
            self.open &= not isinstance(answer, EndingError)
            raise answer
        if sql == "BEGIN TRANSACTION":
            self.open = True
        elif sql == "COMMIT TRANSACTION" and not self.open:
            raise FakeError(
                "25000", "The COMMIT TRANSACTION request has no corresponding BEGIN (3902)"
            )
        self._row = (int(self.open),) if sql == "SELECT @@TRANCOUNT" else answer
        return self

    def fetchone(self) -> Any:
        return self._row

    def fetchall(self) -> list[Any]:
        return [] if self._row is None else [self._row]

    def close(self) -> None:
        self.open = False


@pytest.fixture(autouse=True)
def _fake_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (connection, errors, features, snapshots):
        monkeypatch.setattr(module, "driver_errors", lambda: (FakeError,))


@contextmanager
def snapshot_of(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[snapshots.MssqlSnapshot]:
    monkeypatch.setattr(connection, "_open", lambda *_, **__: server)
    with MssqlDatabase(ADDRESS).snapshot() as snapshot:
        yield snapshot


DATABASE = {"create_date": ("5", "2026-01-02T03:04:05.670")}


@pytest.mark.parametrize(
    ("recovery", "identity"),
    [
        (
            (_FORK,),
            f"database 5, created 2026-01-02T03:04:05.670, recovery fork {_FORK}",
        ),
        (None, "database 5, created 2026-01-02T03:04:05.670"),
        (
            FakeError("42S02", "Invalid object name 'sys.database_recovery_status'. (208)"),
            "database 5, created 2026-01-02T03:04:05.670",
        ),
    ],
)
def test_a_database_is_known_by_its_recovery_fork_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, recovery: Any, identity: str
) -> None:
    server = Server({**DATABASE, "database_recovery_status": recovery})
    with snapshot_of(server, monkeypatch) as snapshot:
        assert snapshot.identity == identity
    asked = next(n for n, sql in enumerate(server.said) if "database_recovery_status" in sql)
    assert asked < server.said.index("BEGIN TRANSACTION"), "an error might end it"


def test_a_database_is_found_by_name_as_its_number_may_be_another_on_azure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(DATABASE)
    with snapshot_of(server, monkeypatch):
        asked = [sql for sql in server.said if "sys.databases" in sql]
    assert len(asked) == 3
    assert all("FROM sys.databases WHERE name = DB_NAME()" in sql for sql in asked)
    for sql in asked:
        assert sqlglot.parse_one(sql, dialect="tsql").key == "select"


FIRST, SECOND = (
    sa.Table(name, sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True))
    for name in ("first", "second")
)


@pytest.mark.parametrize(
    "read",
    [
        lambda snapshot: snapshot.slice_counts(SECOND),
        lambda snapshot: snapshot.rows(SECOND).read_all(),
        lambda snapshot: snapshot.columns(SECOND),
    ],
)
def test_an_error_that_ends_the_transaction_ends_the_snapshot(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[snapshots.MssqlSnapshot], Any]
) -> None:
    victim = EndingError(
        "42000",
        "[42000] [SQL Server]Transaction is rolled back when accessing version store. It was earlier marked"
        " as victim when the version store was shrunk due to insufficient space in tempdb. (3966)",
    )
    server = Server({**DATABASE, "[sales].[first]": victim})
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(SourceError, match="could not keep the versions of rows"):
            snapshot.slice_counts(FIRST)
        server.said.clear()
        with pytest.raises(SourceError, match="ended the snapshot at an earlier error: mend that"):
            read(snapshot)
        assert server.said == [], "nothing of another moment is read"


def test_an_error_that_does_not_leaves_the_other_tables_their_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    locked = FakeError("42000", "[42000] [SQL Server]Lock request time out period exceeded. (1222)")
    server = Server({**DATABASE, "[sales].[first]": locked})
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(SourceError, match="is locked by another program"):
            snapshot.rows(FIRST).read_all()
        assert snapshot.slice_counts(SECOND) == {}
