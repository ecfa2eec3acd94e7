"""The tables, indexes, triggers and comments of a SQL Server source, in a schema of their own.

SQL Server sets the row versions itself. Triggers record the deletes of the company's tables, so that neither
Change Tracking nor the privilege to switch it on is needed. The statements are those that limited TDS servers
run too: no MERGE, no CREATE OR ALTER, and every key is declared at the level of its table.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateTable

from saas_platform.schema import TABLES
from saas_platform.schema.arrow import business_columns
from saas_platform.schema.ddl import statements
from saas_platform.source import bookkeeping
from saas_platform.source.bookkeeping import key_column
from saas_platform.source.mssql.sql import literal, qualified, quoted, slice_id

_LEFT_OUT = {bookkeeping.row_version_counter.name}
#: The platform's own tables, next to those of the company.
BOOKS = {name: t for name, t in bookkeeping.metadata.tables.items() if name not in _LEFT_OUT}
_STAGED = "_staged_"

_HEAD = """\
-- The source database on SQL Server, as `saas-platform run` creates it. Written by
-- saas_platform/source/mssql/ddl.py; a test holds the two together.
"""


@cache
def _dialect(schema: str) -> sa.Dialect:
    """Return a dialect that works offline, where it can't find out that the server supports comments."""
    made = mssql.dialect()
    made.supports_comments = True
    made.default_schema_name = schema
    return made


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA {quoted(schema)}"


def create_table(table: sa.Table, schema: str) -> tuple[list[str], list[str]]:
    """Return the statements for a table with its indexes and its trigger, and those for its comments."""
    made = statements([table], _dialect(schema), schema)
    comments = [each for each in made if each.lower().startswith("exec")]
    rest = [each for each in made if each not in comments]
    if table.name in TABLES:
        rest.append(_trigger(table, schema))
    return rest, comments


def _trigger(table: sa.Table, schema: str) -> str:
    return (
        f"CREATE TRIGGER {qualified(schema, 'record_delete_' + table.name)} ON {qualified(schema, table.name)}"
        " AFTER DELETE AS BEGIN SET NOCOUNT ON;"
        f" INSERT INTO {qualified(schema, bookkeeping.tombstones.name)}"
        " (table_name, key_value, slice)"
        f" SELECT {literal(table.name)}, {quoted(key_column(table))}, {slice_id(table)} FROM deleted;"
        " END"
    )


def staged_name(name: str) -> str:
    """Return the name of the staging table of a table."""
    return _STAGED + name


def is_ours(name: str) -> bool:
    """Return whether a table of the schema is the platform's own instead of one of the company."""
    return name in BOOKS or name.startswith(_STAGED)


def create_staged(table: sa.Table, schema: str) -> str:
    """Return the statement for a staging table: the columns that a writer fills, without constraints."""
    columns = [
        sa.Column(
            column.name,
            sa.Boolean() if isinstance(column.type, sa.Boolean) else column.type,
            nullable=column.nullable,
        )
        for column in business_columns(table)
    ]
    staged = sa.Table(staged_name(table.name), sa.MetaData(), *columns, schema=schema)
    return str(CreateTable(staged).compile(dialect=_dialect(schema))).strip()


def drop_table(schema: str, name: str) -> str:
    full = qualified(schema, name)
    return f"IF OBJECT_ID({literal(full)}, 'U') IS NOT NULL DROP TABLE {full}"


def script(schema: str, tables: Iterable[sa.Table] | None = None) -> str:
    """Return everything as one file for sqlcmd."""
    # sqlcmd switches quoted identifiers off, unlike the drivers, but filtered indexes and writes to their
    # tables require them.
    batches = ["SET QUOTED_IDENTIFIER ON", create_schema(schema)]
    for table in [*BOOKS.values(), *TABLES.values()] if tables is None else tables:
        rest, comments = create_table(table, schema)
        batches += [*rest, *([";\n".join(comments)] if comments else [])]
    return _HEAD + "".join(f"\n{batch.strip()};\nGO\n" for batch in batches)
