"""The Arrow types of the tables. Rows travel between company, source and warehouse in this form."""

from __future__ import annotations

from functools import cache

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.kinds import kind_of


def arrow_type(column: sa.Column) -> pa.DataType:
    """Return the Arrow type of a column's values. Raises TypeError for a type that can't be mirrored."""
    return kind_of(column).arrow(column.type)


def version_of(table: sa.Table) -> str | None:
    """Return the name of the column that grows with every write to a row; None if the table has none."""
    return next((c.name for c in table.columns if c.info.get("row_version")), None)


def business_columns(table: sa.Table) -> list[sa.Column]:
    """Return the columns that a writer fills: all but the row version, which the database sets."""
    return [column for column in table.columns if column.name != version_of(table)]


@cache
def arrow_schema(table: sa.Table, *, with_row_version: bool = False) -> pa.Schema:
    """Return the Arrow schema of a table's rows, in column order."""
    columns = list(table.columns) if with_row_version else business_columns(table)
    return pa.schema([pa.field(c.name, arrow_type(c), nullable=bool(c.nullable)) for c in columns])
