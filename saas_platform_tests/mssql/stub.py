"""A stub of SQL Server: a connection and its cursor, which answer like a driver.

Contains: the stub, and how a test puts it in place of the drivers. Out of scope: expectations of any test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.source.mssql import (
    Address,
    MssqlDatabase,
    connection,
    errors,
    features,
    session,
)
from saas_platform.source.mssql import snapshot as snapshots

ADDRESS = Address.of(sa.make_url("mssql+pyodbc://me:s3cret@db.example/company?schema=sales"))
#: The answers to the first queries of every snapshot.
DATABASE: dict[str, Any] = {
    "create_date": ("5", "2026-01-02T03:04:05.670"),
    "'VIEW DEFINITION'": (1,),
}
#: The answers of a SQL Server to the probes of its abilities.
ABLE: dict[str, Any] = {
    probe.sql: (probe.answer,) for probe in features.PROBES if probe.ability != "utf8_always"
}


class FakeError(Exception):
    pass


class EndingError(FakeError):
    """An error that rolls the transaction back, so that the connection commits each statement from then on."""


class Server:
    """A connection and its cursor. It answers a statement that contains certain words, and others with nothing.

    An answer is an error to raise, a row, or a list of rows.
    """

    description = "an answer"

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.statements: list[str] = []
        self.open = False
        self.opened = 0
        self._rows: list[Any] = []
        self._answer: Any = None

    def cursor(self) -> Server:
        self.opened += 1
        return self

    def execute(self, sql: str, *_: Any) -> Server:
        self.statements.append(sql)
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
        if sql == "SELECT @@TRANCOUNT":
            answer = (int(self.open),)
        self._answer = answer
        self._rows = (
            list(answer) if isinstance(answer, list) else [] if answer is None else [answer]
        )
        return self

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        found, self._rows = self._rows, []
        return found

    def fetchmany(self, size: int) -> list[Any]:
        found, self._rows = self._rows[:size], self._rows[size:]
        return found

    def close(self) -> None:
        self.open = False


_OBJECT = re.compile(r"OBJECT_ID\(N'((?:[^']|'')+)'\)")


class Catalogue(Server):
    """A server whose catalogue has some tables, by schema and name."""

    def __init__(self, tables: dict[str, dict[str, Any]], answers: dict[str, Any]) -> None:
        super().__init__(answers)
        self.tables = tables

    def execute(self, sql: str, *values: Any) -> Server:
        super().execute(sql, *values)
        if self._answer is None and (found := self._look(sql)) is not None:
            self._rows = found
        return self

    def _look(self, sql: str) -> list[Any] | None:
        named = _OBJECT.search(sql)
        table = self.tables.get(named[1], {}) if named else {}
        schemas = sorted({name.split("].[")[0][1:] for name in self.tables})
        if sql == "SELECT SCHEMA_NAME()":
            return [("dbo",)]
        if sql.startswith("SELECT SCHEMA_ID("):
            return [(1 if re.search("'(.+)'", sql)[1] in schemas else None,)]  # type: ignore[index]
        if sql.startswith("SELECT SCHEMA_NAME(SCHEMA_ID("):
            # The catalogue has a case-insensitive collation.
            wanted = re.search("'(.+)'", sql)[1].casefold()  # type: ignore[index]
            return [(next((name for name in schemas if name.casefold() == wanted), None),)]
        if "SELECT DISTINCT" in sql:
            return [(name,) for name in schemas]
        if "FROM sys.tables t JOIN sys.schemas" in sql:
            (wanted,) = re.findall("s.name = N'(.+?)'", sql)
            return [(n.split("].[")[1][:-1],) for n in self.tables if n.startswith(f"[{wanted}].")]
        for words, part in (
            ("collation_name", "collations"),
            ("FROM sys.columns", "columns"),
            ("is_primary_key", "key"),
            ("i.is_unique", "unique"),
            ("sys.foreign_keys", "references"),
            ("sys.partitions", "partitions"),
        ):
            if words in sql:
                return list(table.get(part, []))
        if sql.startswith("SELECT OBJECT_ID"):
            return [(table.get("id"),)]
        return None


class ArrowServer(Server):
    """A stub of mssql-python, for which an answer can also be an Arrow table."""

    @contextmanager
    def arrow_reader(self, _size: int) -> Iterator[Any]:
        yield iter(self._answer.to_batches())


def put(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Replace every connection by the stub."""
    for module in (connection, errors, session):
        monkeypatch.setattr(module, "driver_errors", lambda: (FakeError,))
    monkeypatch.setattr(connection.tenacity.nap.time, "sleep", lambda _: None)
    monkeypatch.setattr(connection, "_open", lambda *_, **__: server)
    return server


@contextmanager
def snapshot_of(
    server: Server, monkeypatch: pytest.MonkeyPatch, address: Address = ADDRESS
) -> Iterator[snapshots.MssqlSnapshot]:
    put(server, monkeypatch)
    with MssqlDatabase(address).snapshot() as snapshot:
        yield snapshot


def arrow(**columns: Any) -> pa.Table:
    return pa.table(columns)
