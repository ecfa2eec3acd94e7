"""The tables, columns and keys that SQL Server's catalogue reports.

Out of scope: what discovery proposes for them (discovery.py).
"""

from __future__ import annotations

from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceColumn
from saas_platform.source.mssql import catalogue_types
from saas_platform.source.mssql.special import INTERNAL
from saas_platform.source.mssql.sql import literal, qualified

_SIZED = frozenset({"char", "varchar", "binary", "varbinary"})
_WIDE = frozenset({"nchar", "nvarchar"})
_SCALED = frozenset({"datetime2", "datetimeoffset", "time"})


def _text(column: str) -> str:
    """Return SQL for a name as Unicode. Some servers send names in the code page of their collation."""
    return f"CONVERT(NVARCHAR(128), {column})"


def columns(cursor: Cursor, full_name: str, *, internal: bool = True) -> list[SourceColumn]:
    """Return the columns of a table in their order; an empty list if there is no such table.

    Args:
        cursor: a cursor of the source.
        full_name: the quoted name of the table, with its schema.
        internal: whether to include columns that no query may name. Pass True for a server that has no such
            columns, because it may not know the column of the catalogue by which they are left out.
    """
    left_out = "" if internal else f" AND (c.graph_type IS NULL OR NOT {INTERNAL})"
    rows = cursor.execute(
        f"SELECT {_text('c.name')}, TYPE_NAME(c.system_type_id), TYPE_NAME(c.user_type_id),"
        " c.max_length, c.precision, c.scale, c.is_nullable FROM sys.columns c"
        f" WHERE c.object_id = OBJECT_ID({literal(full_name)}){left_out} ORDER BY c.column_id"
    ).fetchall()
    declared = (
        (str(name), type_text(system or user, length, precision, scale), bool(nullable))
        for name, system, user, length, precision, scale, nullable in rows
    )
    return [
        SourceColumn(name, type_, nullable, catalogue_types.portable(type_))
        for name, type_, nullable in declared
    ]


def collations(cursor: Cursor, full_name: str) -> dict[str, str]:
    """Return the collation of each column that has one."""
    rows = cursor.execute(
        f"SELECT {_text('c.name')}, {_text('c.collation_name')} FROM sys.columns c"
        f" WHERE c.object_id = OBJECT_ID({literal(full_name)}) AND c.collation_name IS NOT NULL"
    ).fetchall()
    return {str(name): str(collation) for name, collation in rows}


def row_count(cursor: Cursor, full_name: str) -> int | None:
    """Return the row count that the storage keeps of the table; None if this login may not see it."""
    row = cursor.execute(
        "SELECT SUM(p.rows) FROM sys.partitions p"
        f" WHERE p.object_id = OBJECT_ID({literal(full_name)}) AND p.index_id IN (0, 1)"
    ).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def type_text(name: str, length: int, precision: int, scale: int) -> str:
    """Return a type as one would declare it in SQL.

    >>> type_text("nvarchar", 64, 0, 0), type_text("varbinary", -1, 0, 0)
    ('nvarchar(32)', 'varbinary(max)')
    >>> type_text("decimal", 9, 10, 2), type_text("timestamp", 8, 0, 0)
    ('decimal(10, 2)', 'rowversion')
    """
    name = name.lower()
    if name == "timestamp":  # the old name of rowversion, which has nothing to do with time
        return "rowversion"
    if name in _SIZED or name in _WIDE:
        size = length // 2 if name in _WIDE else length
        return f"{name}({'max' if length < 0 else size})"
    if name in ("decimal", "numeric"):
        return f"{name}({precision}, {scale})"
    return f"{name}({scale})" if name in _SCALED else name


def keys(cursor: Cursor, full_name: str) -> list[frozenset[str]]:
    """Return the sets of columns that a primary key, constraint or index keeps unique in all rows."""
    rows = cursor.execute(
        f"SELECT i.index_id, {_text('c.name')} FROM sys.indexes i JOIN sys.index_columns p"
        " ON p.object_id = i.object_id AND p.index_id = i.index_id"
        " JOIN sys.columns c ON c.object_id = p.object_id AND c.column_id = p.column_id"
        f" WHERE i.object_id = OBJECT_ID({literal(full_name)}) AND i.is_unique = 1"
        " AND i.has_filter = 0 AND i.is_disabled = 0 AND i.is_hypothetical = 0"
        " AND p.is_included_column = 0"
    ).fetchall()
    found: dict[int, set[str]] = {}
    for index, column in rows:
        found.setdefault(index, set()).add(str(column))
    return [frozenset(names) for names in found.values()]


def primary_key(cursor: Cursor, full_name: str) -> list[str]:
    """Return the columns of the primary key in order.

    Returns:
        An empty list if there is no primary key, or if it is disabled and so keeps nothing unique.
    """
    rows = cursor.execute(
        f"SELECT {_text('c.name')} FROM sys.indexes i JOIN sys.index_columns p"
        " ON p.object_id = i.object_id AND p.index_id = i.index_id"
        " JOIN sys.columns c ON c.object_id = p.object_id AND c.column_id = p.column_id"
        f" WHERE i.is_primary_key = 1 AND i.object_id = OBJECT_ID({literal(full_name)})"
        " AND i.is_disabled = 0 AND i.is_hypothetical = 0"
        " ORDER BY p.key_ordinal"
    ).fetchall()
    return [str(row[0]) for row in rows]


def foreign_keys(
    cursor: Cursor, full_name: str
) -> list[tuple[list[str], tuple[str, str], list[str]]]:
    """Return the enabled foreign keys of a table.

    Returns:
        For each key its columns, the schema and name of the parent table, and the columns of the parent.
    """
    names = ", ".join(map(_text, ("s.name", "p.name", "c.name", "d.name")))
    rows = cursor.execute(
        f"SELECT f.object_id, {names} FROM sys.foreign_keys f"
        " JOIN sys.foreign_key_columns k ON k.constraint_object_id = f.object_id"
        " JOIN sys.tables p ON p.object_id = f.referenced_object_id"
        " JOIN sys.schemas s ON s.schema_id = p.schema_id"
        " JOIN sys.columns c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id"
        " JOIN sys.columns d ON d.object_id = k.referenced_object_id"
        " AND d.column_id = k.referenced_column_id"
        f" WHERE f.parent_object_id = OBJECT_ID({literal(full_name)}) AND f.is_disabled = 0"
        " ORDER BY f.object_id, k.constraint_column_id"
    ).fetchall()
    found: dict[int, tuple[list[str], tuple[str, str], list[str]]] = {}
    for key, schema, parent, own, referenced in rows:
        columns, _, to = found.setdefault(key, ([], (str(schema), str(parent)), []))
        columns.append(str(own))
        to.append(str(referenced))
    return list(found.values())


def tables(cursor: Cursor, schema: str) -> list[str]:
    """Return the names of the tables of a schema, without its views."""
    # Sorted here, because the collation may treat names as equal that differ in case.
    rows = cursor.execute(
        f"SELECT {_text('t.name')} FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id"
        f" WHERE s.name = {literal(schema)} AND t.is_ms_shipped = 0"
    ).fetchall()
    return sorted(str(row[0]) for row in rows)


def is_view(cursor: Cursor, full_name: str) -> bool:
    """Return whether the name is that of a view, whose columns the catalogue lists as it does a table's."""
    sql = f"SELECT COUNT(*) FROM sys.views v WHERE v.object_id = OBJECT_ID({literal(full_name)})"
    row = cursor.execute(sql).fetchone()
    return row is not None and row[0] > 0


def schemas(cursor: Cursor) -> list[str]:
    """Return the schemas with at least one table that this login can see."""
    rows = cursor.execute(
        f"SELECT DISTINCT {_text('s.name')} FROM sys.schemas s"
        " JOIN sys.tables t ON t.schema_id = s.schema_id WHERE t.is_ms_shipped = 0"
    ).fetchall()
    return sorted(str(row[0]) for row in rows)


def spelt(cursor: Cursor, schema: str) -> str | None:
    """Return the name of a schema as the catalogue spells it; None if the database has no such schema."""
    row = cursor.execute(f"SELECT SCHEMA_NAME(SCHEMA_ID({literal(schema)}))").fetchone()
    return None if row is None or row[0] is None else str(row[0])


def object_id(cursor: Cursor, schema: str, name: str) -> int | None:
    """Return the object id of a table; None if this login can see no such table."""
    row = cursor.execute(f"SELECT OBJECT_ID({literal(qualified(schema, name))})").fetchone()
    return None if row is None or row[0] is None else int(row[0])
