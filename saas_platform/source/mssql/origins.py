"""Read from SQL Server's catalogue which columns reference others, and which are computed from others.

Both are asked once for the whole database. Out of scope: what follows for them (schema/protection.py).
"""

from __future__ import annotations

from saas_platform.schema.origins import Origins, Spot
from saas_platform.source.cursor import Cursor


def _names(*columns: str) -> str:
    return ", ".join(f"CONVERT(NVARCHAR(128), {column})" for column in columns)


#: Each column of a foreign key, with the column that it references. One that is disabled may have been checked before.
REFERENCES = (
    f"SELECT {_names('s.name', 't.name', 'c.name', 'r.name', 'p.name', 'd.name')} FROM sys.foreign_key_columns k"
    " JOIN sys.tables t ON t.object_id = k.parent_object_id JOIN sys.schemas s ON s.schema_id = t.schema_id"
    " JOIN sys.tables p ON p.object_id = k.referenced_object_id JOIN sys.schemas r ON r.schema_id = p.schema_id"
    " JOIN sys.columns c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id"
    " JOIN sys.columns d ON d.object_id = k.referenced_object_id AND d.column_id = k.referenced_column_id"
)
#: Each computed column with its expression, which is NULL for a login that may not see definitions.
COMPUTED = (
    f"SELECT {_names('s.name', 't.name', 'c.name')}, c.definition FROM sys.computed_columns c"
    " JOIN sys.tables t ON t.object_id = c.object_id JOIN sys.schemas s ON s.schema_id = t.schema_id"
)


def origins(cursor: Cursor, default: str) -> Origins:
    """Return what the catalogue says of all tables. A table of the schema `default` is named without a schema."""

    def spot(schema: object, table: object, column: object) -> Spot:
        return (None if schema == default else str(schema), str(table)), str(column)

    references = cursor.execute(REFERENCES).fetchall()
    computed = cursor.execute(COMPUTED).fetchall()
    return Origins(
        [(spot(*row[:3]), spot(*row[3:])) for row in references],
        {spot(*row[:3]): None if row[3] is None else str(row[3]) for row in computed},
    )
