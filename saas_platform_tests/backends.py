"""Offer a source of each engine to the same tests, and writes to its database by other programs.

A SQL Server source is created only if SAAS_TEST_MSSQL_URL names a database. Everything in it is created in a
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


class Backend(ABC):
    """A source, and the writes that other programs may make to its database."""

    source: WritableSource

    @abstractmethod
    def run(self, *statements: str) -> None:
        """Run the statements in one transaction, with all rules enforced."""

    @abstractmethod
    def insert(self, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert the rows as another program would."""

    @abstractmethod
    def named(self, table: str) -> str:
        """Return the table's name as a statement must write it."""

    def delete(self, table: str, key: int) -> None:
        """Delete a row made by `rows.row`, after the rows with the same number that refer to it."""
        behind = list(TABLES)[list(TABLES).index(table) :]
        self.run(
            *(
                f"DELETE FROM {self.named(name)}"
                f" WHERE {next(iter(TABLES[name].primary_key.columns)).name} = {key}"
                for name in reversed(behind)
            )
        )


class SqliteBackend(Backend):
    def __init__(self, path: Path) -> None:
        self.source = SqliteSource(path)
        self.source.create_schema()

    def run(self, *statements: str) -> None:
        path = self.source.path  # type: ignore[attr-defined]
        # Use the source's own library, as two SQLite libraries in one process do not see each other's locks.
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


class MssqlBackend(Backend):
    def __init__(self, address: Address) -> None:
        self.address = address
        self.source = MssqlSource(address)

    def empty(self) -> None:
        """Empty the source. This is faster than creating it again."""
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
                    # Pass timestamps as texts, because some servers cut a timestamp parameter to the second.
                    *(stored(made[name]) for name in names),
                )

    def named(self, table: str) -> str:
        return sql.qualified(str(self.address.schema), table)


def mssql_address(schema: str = _SCHEMA) -> Address:
    """Return the address of the test database; skip the test if the environment names none."""
    url = os.environ.get(MSSQL_URL)
    if not url:
        pytest.skip(f"{MSSQL_URL} names no database of a SQL Server")
    return replace(Address.of(sa.make_url(url)), schema=schema)
