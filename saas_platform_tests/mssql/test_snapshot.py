"""Snapshots of a stubbed server, which refuses queries that some servers do not know."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import snapshot as snapshots
from saas_platform_tests.mssql.stub import DATABASE, EndingError, FakeError, Server, snapshot_of

_FORK = "6F9619FF-8B86-D011-B42D-00C04FC964FF"


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
    asked = next(n for n, sql in enumerate(server.statements) if "database_recovery_status" in sql)
    assert asked < server.statements.index("BEGIN TRANSACTION"), "an error might end it"


@pytest.mark.parametrize("known", [True, False])
def test_a_failover_of_an_availability_group_leaves_the_database_the_same(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    found = set()
    for number in ("5", "6"):
        answers = {**DATABASE, "group_database_id": ("A-GROUPS-ID",)}
        answers["create_date"] = (number, f"2026-0{number}-02T03:04:05.670")
        answers["database_recovery_status"] = (_FORK if known else None,)
        with snapshot_of(Server(answers), monkeypatch) as snapshot:
            found.add(snapshot.identity)
    if known:
        assert found == {f"database A-GROUPS-ID of an availability group, recovery fork {_FORK}"}
    else:
        assert len(found) == 2, "nothing else shows a restore"


def test_a_database_is_found_by_name_as_its_number_may_be_another_on_azure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(DATABASE)
    with snapshot_of(server, monkeypatch):
        asked = [sql for sql in server.statements if "sys.databases" in sql]
    assert len(asked) == 4
    assert all("FROM sys.databases WHERE name = DB_NAME()" in sql for sql in asked)
    for sql in asked:
        assert sqlglot.parse_one(sql, dialect="tsql").key == "select"


FIRST, SECOND, THIRD = (
    sa.Table(name, sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True))
    for name in ("first", "second", "third")
)
VERSIONED = sa.Table(
    "versioned",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
    sa.Column("version", sa.BigInteger, info={"declared": "rowversion", "row_version": True}),
)
VICTIM = EndingError(
    "42000",
    "[42000] [SQL Server]Transaction is rolled back when accessing version store. It was earlier marked"
    " as victim when the version store was shrunk due to insufficient space in tempdb. (3966)",
)
LOCKED = FakeError("42000", "[42000] [SQL Server]Lock request time out period exceeded. (1222)")

READS: list[Callable[[snapshots.MssqlSnapshot, sa.Table], Any]] = [
    lambda snapshot, table: snapshot.slice_counts(table),
    lambda snapshot, table: snapshot.rows(table).read_all(),
    lambda snapshot, table: snapshot.columns(table),
    lambda snapshot, table: snapshot.row_texts(table).read_all(),
    lambda snapshot, table: snapshot.cells(table).read_all(),
]


@pytest.mark.parametrize("read", READS)
def test_an_error_that_ends_the_transaction_stops_its_table_and_no_other(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[snapshots.MssqlSnapshot, sa.Table], Any]
) -> None:
    server = Server(
        {**DATABASE, "[sales].[first]": VICTIM, "SELECT SCHEMA_ID(": (1,), "[sales].[second]": []}
    )
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(
            SourceError,
            match=r"^first can't be read, because .* has no space in tempdb for the ver",
        ):
            read(snapshot, FIRST)
        server.statements.clear()
        with pytest.raises(SourceError, match=r"^first can't be read"):
            read(snapshot, FIRST)
        assert server.statements == [], "nothing of another time is read for it"
        read(snapshot, SECOND)
        began = server.statements.index("BEGIN TRANSACTION")
        asked = next(n for n, sql in enumerate(server.statements) if "[sales].[second]" in sql)
        assert began < asked
        assert server.opened == 2
        (note,) = snapshot.notes(SECOND)
        assert "second was read as of a later time" in note


def test_what_was_read_before_is_of_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with snapshot_of(Server(DATABASE), monkeypatch) as snapshot:
        snapshot.slice_counts(FIRST)
        assert snapshot.notes(FIRST) == ()


def test_a_server_that_is_gone_is_the_reason_of_each_table_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server({**DATABASE, "[sales].[first]": VICTIM})
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(SourceError, match=r"first"):
            snapshot.slice_counts(FIRST)
        server.answers = {"": FakeError("08001", "[08001] TCP Provider: Error code 0x2749")}
        tries = []
        for table in (SECOND, THIRD):
            with pytest.raises(
                SourceError, match=rf"^{table.name} was not read, because an earlier e"
            ):
                snapshot.slice_counts(table)
            tries.append(len(server.statements))
        assert tries[0] == tries[1], "it is not asked again for each table"


def test_another_database_under_the_same_name_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server({**DATABASE, "[sales].[first]": VICTIM})
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(SourceError, match=r"first"):
            snapshot.slice_counts(FIRST)
        server.answers["create_date"] = ("6", "2026-07-01T00:00:00.000")
        with pytest.raises(SourceError, match=r"second was not read.*is another database now"):
            snapshot.slice_counts(SECOND)


def test_an_error_that_does_not_end_it_leaves_the_other_tables_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server({**DATABASE, "[sales].[first]": LOCKED})
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(
            SourceError, match=r"^first can't be read, because .* is locked by another"
        ):
            snapshot.rows(FIRST).read_all()
        assert snapshot.slice_counts(SECOND) == {}
        assert server.statements.count("BEGIN TRANSACTION") == 1
        assert snapshot.notes(SECOND) == ()


def test_the_watermark_stays_below_the_first_version_that_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MIN_ACTIVE_ROWVERSION is the version of a write that may still be open, so that it is not committed."""
    server = Server({**DATABASE, "MIN_ACTIVE_ROWVERSION": (2001,), "ORDER BY [version]": (3000,)})
    with snapshot_of(server, monkeypatch) as snapshot:
        assert snapshot.high_watermark(VERSIONED) == 2000
        assert snapshot.highest_version(VERSIONED) == 3000
        assert snapshot.high_watermark(FIRST) == 0
        query = next(sql for sql in server.statements if "MIN_ACTIVE_ROWVERSION" in sql)
    assert server.statements.index(query) < server.statements.index("BEGIN TRANSACTION")


def test_without_a_floor_the_watermark_is_the_highest_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown = FakeError("42000", "'MIN_ACTIVE_ROWVERSION' is not a recognized function name. (195)")
    answers = {"MIN_ACTIVE_ROWVERSION": unknown, "pg_snapshot_xmin": unknown}
    server = Server({**DATABASE, **answers, "ORDER BY [version]": (3000,)})
    with snapshot_of(server, monkeypatch) as snapshot:
        assert snapshot.high_watermark(VERSIONED) == 3000


_NO_OBJECT = "Invalid object name 'sales.first'."
_NO_RIGHT = (
    "The SELECT permission was denied on the object 'first', database 'company', schema 'sales'."
)


@pytest.mark.parametrize("number", ["", " (208)", " (229)"])
def test_a_missing_right_a_missing_schema_and_a_missing_table_are_three_sentences(
    monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    """The messages have the server's numbers with pyodbc and none with mssql-python."""
    gone = FakeError("42S02", f"[SQL Server]{_NO_OBJECT}{number.replace('229', '208')}")
    denied = FakeError("42000", f"[SQL Server]{_NO_RIGHT}{number.replace('208', '229')}")
    with (
        snapshot_of(Server({**DATABASE, "SELECT SCHEMA_ID(": (None,)}), monkeypatch) as snapshot,
        pytest.raises(SourceError, match=r"first can't be read.*has no schema sales: name ano"),
    ):
        snapshot.columns(FIRST)
    answers: dict[str, Any] = {**DATABASE, "SELECT SCHEMA_ID(": (7,)}
    with snapshot_of(Server({**answers, "FROM [sales].[first]": gone}), monkeypatch) as snapshot:
        assert snapshot.columns(FIRST) == []
    with snapshot_of(Server({**answers, "FROM [sales].[first]": denied}), monkeypatch) as snapshot:
        with pytest.raises(SourceError, match=r"GRANT SELECT ON \[sales\]\.\[first\] to the login"):
            snapshot.columns(FIRST)
        with pytest.raises(
            SourceError, match=r"^first can't be read.*denies SELECT on it: have an"
        ):
            snapshot.rows(FIRST).read_all()


def test_tables_of_further_schemas_are_read_there(monkeypatch: pytest.MonkeyPatch) -> None:
    other = sa.Table(
        "hr__people",
        sa.MetaData(),
        sa.Column("e_mail", sa.String, info={"declared": "nvarchar(9)", "source_name": "E-Mail"}),
        info={"source_schema": "hr", "source_name": "people"},
    )
    server = Server({**DATABASE, "SELECT SCHEMA_ID(": (7,)})
    with snapshot_of(server, monkeypatch) as snapshot:
        snapshot.rows(other).read_all()
        snapshot.cells(other).read_all()
        snapshot.slice_counts(other)
        assert snapshot.columns(other) == []
    reported = [sql for sql in server.statements if "people" in sql]
    assert len(reported) == 4 + 1
    assert all("[hr].[people]" in sql for sql in reported)
    assert sum("[E-Mail]" in sql for sql in reported) == 2
    assert not any("e_mail" in sql or "hr__people" in sql for sql in server.statements)


class _LongValue(Server):
    """A stub of mssql-python, which raises a bare RuntimeError for a long value that it can't fetch."""

    @contextmanager
    def arrow_reader(self, _size: int) -> Iterator[Any]:
        self._fail()
        yield iter(self._answer)

    def fetchmany(self, size: int) -> list[Any]:
        self._fail()
        return super().fetchmany(size)

    def _fail(self) -> None:
        if "[sales].[first]" in self.statements[-1]:
            raise RuntimeError("Error fetching LOB for column 2")


@pytest.mark.parametrize("read", [READS[1], READS[3], READS[4]])
def test_a_runtime_error_of_mssql_pythons_stops_its_table_and_no_other(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[snapshots.MssqlSnapshot, sa.Table], Any]
) -> None:
    monkeypatch.setitem(sys.modules, "mssql_python", ModuleType("mssql_python"))
    server = _LongValue({**DATABASE, "[sales].[second]": []})
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(
            SourceError, match=r"^first can't be read, because .*Error fetching LOB for"
        ):
            read(snapshot, FIRST)
        assert snapshot.slice_counts(SECOND) == {}


def test_a_runtime_error_of_a_program_is_none_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mssql_python", ModuleType("mssql_python"))
    with (
        pytest.raises(RuntimeError, match="of our own"),
        snapshot_of(Server(DATABASE), monkeypatch),
    ):
        raise RuntimeError("a fault of our own")


DEADLOCK = EndingError(
    "40001",
    "[40001] [SQL Server]Transaction (Process ID 53) was deadlocked on lock resources with another process"
    " and has been chosen as the deadlock victim. Rerun the transaction. (1205) (SQLExecDirectW)",
)


class _Victim(Server):
    """A server that makes its readers the victim of a deadlock the first few times."""

    times = 1

    def execute(self, sql: str, *values: Any) -> Server:
        if "[sales].[first]" in sql and self.times:
            self.times -= 1
            self.open = False
            self.statements.append(sql)
            raise DEADLOCK
        return super().execute(sql, *values)


AGAIN = [*READS[:2], *READS[3:]]


@pytest.mark.parametrize("read", AGAIN)
def test_a_deadlocks_victim_is_read_once_more(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[snapshots.MssqlSnapshot, sa.Table], Any]
) -> None:
    server = _Victim(DATABASE)
    with snapshot_of(server, monkeypatch) as snapshot:
        read(snapshot, FIRST)
        assert server.statements.count("BEGIN TRANSACTION") == 2
        read(snapshot, SECOND)
        assert server.statements.count("BEGIN TRANSACTION") == 2


@pytest.mark.parametrize("read", AGAIN)
def test_a_deadlock_that_comes_again_stops_its_table(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[snapshots.MssqlSnapshot, sa.Table], Any]
) -> None:
    server = _Victim(DATABASE)
    server.times = 2
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(
            SourceError, match=r"^first can't be read.*victim of a deadlock.*ALLOW_S"
        ):
            read(snapshot, FIRST)
        assert snapshot.slice_counts(SECOND) == {}


def test_what_is_read_as_of_one_time_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = _Victim({**DATABASE, "snapshot_isolation_state": (1,)})
    with snapshot_of(server, monkeypatch) as snapshot, pytest.raises(SourceError, match="deadlock"):
        snapshot.slice_counts(FIRST)


def test_the_watermark_of_a_reading_that_began_again_is_the_first_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tables that were read before it show that earlier time."""
    server = _Victim({**DATABASE, "MIN_ACTIVE_ROWVERSION": (2001,)})
    with snapshot_of(server, monkeypatch) as snapshot:
        server.answers["MIN_ACTIVE_ROWVERSION"] = (3001,)
        snapshot.slice_counts(FIRST)
        assert snapshot.high_watermark(VERSIONED) == 2000


def test_a_deadlock_in_the_middle_of_rows_is_not_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some of the rows have been passed on already."""

    class Halfway(Server):
        def fetchmany(self, size: int) -> list[Any]:
            if "[sales].[first]" not in self.statements[-1]:
                return super().fetchmany(size)
            if not self._rows:
                self.open = False
                raise DEADLOCK
            found, self._rows = self._rows, []
            return found

    server = Halfway({**DATABASE, "FROM [sales].[first]": [(1,)]})
    with snapshot_of(server, monkeypatch) as snapshot:
        with pytest.raises(SourceError, match="victim of a deadlock"):
            snapshot.rows(FIRST).read_all()
        assert sum("FROM [sales].[first]" in sql for sql in server.statements) == 1


@pytest.mark.parametrize(("found", "is_view"), [((1,), True), ((0,), False)])
def test_a_view_is_told_from_a_table(
    monkeypatch: pytest.MonkeyPatch, found: tuple[int], is_view: bool
) -> None:
    """The catalogue lists the columns of both."""
    server = Server({**DATABASE, "FROM sys.views": found})
    with snapshot_of(server, monkeypatch) as snapshot:
        assert snapshot.is_view(FIRST) is is_view
    (asked,) = (sql for sql in server.statements if "FROM sys.views" in sql)
    assert "OBJECT_ID(N'[sales].[first]')" in asked
    assert sqlglot.parse_one(asked, dialect="tsql").key == "select"
