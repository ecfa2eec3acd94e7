"""Tables and triggers of a SQLite source.

The triggers give SQLite what SQL Server has built in: a row version at every write, by whomever, and
a record of deletes. Bulk statements stamp the counter's value themselves, which costs nothing; a
trigger acts only on rows that a statement did not stamp.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from saas_platform.schema import TABLES, slice_of
from saas_platform.schema.ddl import statements
from saas_platform.schema.slices import WHOLE
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.source import bookkeeping

#: Behind each column that is compared: the column may have a collation that only the program knows which wrote
#: the file, and SQLite then refuses any comparison that does not name another one.
BINARY = "COLLATE BINARY"
_COUNTER = bookkeeping.row_version_counter.name
CURRENT_VERSION = f'(SELECT value FROM "{_COUNTER}")'
NEXT_VERSION = f'UPDATE "{_COUNTER}" SET value = value + 1'


def quoted(name: str) -> str:
    """An identifier, quoted for SQLite."""
    return '"' + name.replace('"', '""') + '"'


def column_name(name: str) -> str:
    """Quote the name of a column so that SQLite never takes it for a text.

    It takes a name in double quotes for a text where no column is called so, and reads that text in every row.
    """
    return "`" + name.replace("`", "``") + "`"


def table_sql(table: sa.Table) -> str:
    """The table, by its name in the source."""
    return quoted(source_table(table)[1])


def column_sql(column: sa.Column) -> str:
    """The column, by its name in the source."""
    return column_name(source_column(column))


def key_column(table: sa.Table) -> str:
    """The one key column. Raises ValueError for a compound key, which a tombstone could not hold."""
    (column,) = table.primary_key.columns
    return column.name


def slice_expression(table: sa.Table, qualifier: str = "") -> str:
    """SQL for the slice id of a row; times are ISO texts in SQLite."""
    cut = slice_of(table)
    if cut is None:
        return f"'{WHOLE}'"
    column = column_sql(table.columns[cut.column])
    return f"substr({qualifier}{column}, 1, {cut.id_length})"


def slice_text(table: sa.Table) -> str:
    """SQL for the same as a text, whatever is stored in the place of a time."""
    return f"coalesce(CAST({slice_expression(table)} AS TEXT), 'none')"


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
        f"CREATE TRIGGER {quoted('bury_' + table.name)} AFTER DELETE ON {name}"
        f" BEGIN {NEXT_VERSION};"
        f' INSERT INTO "{bookkeeping.tombstones.name}" (row_version, table_name, key_value, slice)'
        f" VALUES ({CURRENT_VERSION}, '{table.name}', OLD.{quoted(key)},"
        f" {slice_expression(table, 'OLD.')}); END",
    ]


def create_statements(tables: Collection[sa.Table] = tuple(TABLES.values())) -> list[str]:
    """Everything that makes an empty file a source, but for the identity's row."""
    dialect = sqlite.dialect()
    return [
        *statements(bookkeeping.metadata.tables.values(), dialect),
        # Not 0: that is the version of a row inserted by hand, before its trigger stamps it.
        f'INSERT INTO "{_COUNTER}" (value) VALUES (1)',
        *statements(tables, dialect),
        *(trigger for table in tables for trigger in _triggers(table)),
    ]


def later_statements() -> list[str]:
    """What a source that an earlier version made may lack."""
    table = CreateTable(bookkeeping.intake_log, if_not_exists=True)
    return [str(table.compile(dialect=sqlite.dialect()))]
