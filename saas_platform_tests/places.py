"""Sources of every engine for the same tests, and the hands of others in them.

SQL Server's are made only where SAAS_TEST_MSSQL_URL names a database; all that is made there lies in a
schema of its own.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.schema.arrow import business_columns
from saas_platform.source.interface import WritableSource
from saas_platform.source.mssql import Address, MssqlSource, ddl, sql
from saas_platform.source.mssql import connection as mssql
from saas_platform.source.sqlite import SqliteSource
from saas_platform.source.sqlite import connection as sqlite
from saas_platform_tests.rows import stored

MSSQL_URL = "SAAS_TEST_MSSQL_URL"
_SCHEMA = "saas_platform_tests"


class Place(ABC):
    """A source, and what anyone else may do to its database."""

    source: WritableSource

    @abstractmethod
    def run(self, *statements: str) -> None:
        """Statements in one transaction, with all rules in force."""

    @abstractmethod
    def insert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows, as a program of someone else writes them."""

    @abstractmethod
    def named(self, table: str) -> str:
        """The table's name in a statement."""

    def delete(self, table: str, key: int) -> None:
        """Delete a row made by `rows.row`, after those of the same number that name it."""
        behind = list(TABLES)[list(TABLES).index(table) :]
        self.run(
            *(
                f"DELETE FROM {self.named(name)}"
                f" WHERE {next(iter(TABLES[name].primary_key.columns)).name} = {key}"
                for name in reversed(behind)
            )
        )


class SqlitePlace(Place):
    def __init__(self, path: Path) -> None:
        self.source = SqliteSource(path)
        self.source.create_schema()

    def run(self, *statements: str) -> None:
        path = self.source.path  # type: ignore[attr-defined]
        # The source's own library: two of them in one process do not see each other's locks.
        with sqlite.connect(path) as cursor, sqlite.transaction(cursor, "IMMEDIATE"):
            for statement in statements:
                cursor.execute(statement)

    def insert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        names = [column.name for column in business_columns(table)]
        path = self.source.path  # type: ignore[attr-defined]
        with sqlite.connect(path) as cursor:
            for made in rows:
                cursor.execute(
                    f"INSERT INTO {self.named(table.name)} ({', '.join(names)})"
                    f" VALUES ({', '.join('?' for _ in names)})",
                    tuple(stored(made[name]) for name in names),
                )

    def named(self, table: str) -> str:
        return f'"{table}"'


class MssqlPlace(Place):
    def __init__(self, address: Address) -> None:
        self.address = address
        self.source = MssqlSource(address)

    def empty(self) -> None:
        """As it was created, but faster."""
        self.source.create_schema()
        books = [name for name in ddl.BOOKS if name != "_source"]
        self.run(
            *(f"DELETE FROM {self.named(name)}" for name in [*reversed(TABLES), *books]),
            f"UPDATE {self.named('_source')} SET company = NULL",
        )

    def run(self, *statements: str) -> None:
        with mssql.connect(self.address) as cursor, mssql.transaction(cursor):
            for statement in statements:
                cursor.execute(statement)

    def insert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        names = [column.name for column in business_columns(table)]
        with mssql.connect(self.address) as cursor, mssql.transaction(cursor):
            for made in rows:
                cursor.execute(
                    f"INSERT INTO {self.named(table.name)} ({', '.join(map(sql.quoted, names))})"
                    f" VALUES ({', '.join('?' for _ in names)})",
                    # Times as texts, because some servers take a parameter of that type to the second.
                    *(stored(made[name]) for name in names),
                )

    def named(self, table: str) -> str:
        return sql.qualified(str(self.address.schema), table)


def mssql_address(schema: str = _SCHEMA) -> Address:
    """Where the tests may work; skips the test where nobody says."""
    url = os.environ.get(MSSQL_URL)
    if not url:
        pytest.skip(f"{MSSQL_URL} names no database of a SQL Server")
    return replace(Address.of(sa.make_url(url)), schema=schema)
