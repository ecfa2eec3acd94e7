"""Write the SQL of names, literals and slices, which reading and writing share.

Out of scope: whole statements.
"""

from __future__ import annotations

import sqlalchemy as sa

from saas_platform.schema import slicing_of
from saas_platform.schema.slices import WHOLE
from saas_platform.schema.source_names import source_column, source_table

#: Written after each column that is compared. The column may have a collation that only the program that
#: wrote the file knows. SQLite then refuses every comparison that does not name another collation.
BINARY = "COLLATE BINARY"


def quoted(name: str) -> str:
    """Return the identifier, quoted for SQLite."""
    return '"' + name.replace('"', '""') + '"'


def column_name(name: str) -> str:
    """Quote the name of a column so that SQLite never takes it for a text.

    If no column has a name that stands in double quotes, SQLite reads the name as a text in every row.
    """
    return "`" + name.replace("`", "``") + "`"


def table_sql(table: sa.Table) -> str:
    """Return the quoted name of the table in the source."""
    return quoted(source_table(table)[1])


def column_sql(column: sa.Column) -> str:
    """Return the quoted name of the column in the source."""
    return column_name(source_column(column))


def literal(text: str) -> str:
    """Return the text as a literal, quoted for SQLite."""
    return "'" + text.replace("'", "''") + "'"


def slice_id(table: sa.Table, qualifier: str = "") -> str:
    """Return the SQL for the slice id of a row. Timestamps are ISO texts in SQLite."""
    slicing = slicing_of(table)
    if slicing is None:
        return f"'{WHOLE}'"
    column = column_sql(table.columns[slicing.column])
    return f"substr({qualifier}{column}, 1, {slicing.id_length})"


def slice_text(table: sa.Table) -> str:
    """Return the SQL for the slice id as a text, whatever is stored in place of a timestamp."""
    return f"coalesce(CAST({slice_id(table)} AS TEXT), 'none')"
