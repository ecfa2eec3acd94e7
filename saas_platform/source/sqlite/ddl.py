"""Define the tables and triggers of a SQLite source.

The triggers give SQLite what SQL Server has built in: a row version at every write by any program, and a
record of deletes. Bulk statements write the counter's value into the rows themselves, which costs nothing.
A trigger acts only on rows that a statement did not give a version.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from saas_platform.schema import TABLES
from saas_platform.schema.ddl import statements
from saas_platform.source import bookkeeping
from saas_platform.source.bookkeeping import key_column
from saas_platform.source.sqlite.sql import quoted, slice_id

_COUNTER = bookkeeping.row_version_counter.name
CURRENT_VERSION = f'(SELECT value FROM "{_COUNTER}")'
NEXT_VERSION = f'UPDATE "{_COUNTER}" SET value = value + 1'


def _triggers(table: sa.Table) -> list[str]:
    name, key = quoted(table.name), key_column(table)
    stamp = (
        f"BEGIN {NEXT_VERSION};"
        f" UPDATE {name} SET row_version = {CURRENT_VERSION} WHERE {quoted(key)} = NEW.{quoted(key)};"
        " END"
    )
    return [
        f"CREATE TRIGGER {quoted('stamp_insert_' + table.name)} AFTER INSERT ON {name}"
        f" WHEN NEW.row_version IS NOT {CURRENT_VERSION} {stamp}",
        f"CREATE TRIGGER {quoted('stamp_update_' + table.name)} AFTER UPDATE ON {name}"
        f" WHEN NEW.row_version IS NOT {CURRENT_VERSION} OR NEW.row_version IS OLD.row_version"
        f" {stamp}",
        f"CREATE TRIGGER {quoted('record_delete_' + table.name)} AFTER DELETE ON {name}"
        f" BEGIN {NEXT_VERSION};"
        f' INSERT INTO "{bookkeeping.tombstones.name}" (row_version, table_name, key_value, slice)'
        f" VALUES ({CURRENT_VERSION}, '{table.name}', OLD.{quoted(key)},"
        f" {slice_id(table, 'OLD.')}); END",
    ]


def create_statements(tables: Collection[sa.Table] = tuple(TABLES.values())) -> list[str]:
    """Return the statements that make an empty file a source, except the one for the row of its identity."""
    dialect = sqlite.dialect()
    return [
        *statements(bookkeeping.metadata.tables.values(), dialect),
        # Not 0, because that is the version of a row inserted by hand before its trigger sets one.
        f'INSERT INTO "{_COUNTER}" (value) VALUES (1)',
        *statements(tables, dialect),
        *(trigger for table in tables for trigger in _triggers(table)),
    ]


def later_statements() -> list[str]:
    """Return the statements that create what a source made by an earlier version of the platform may lack."""
    table = CreateTable(bookkeeping.intake_log, if_not_exists=True)
    return [str(table.compile(dialect=sqlite.dialect()))]
