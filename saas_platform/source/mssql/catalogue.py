"""What SQL Server's catalogue says of tables, columns and keys.

Does not hold: what is proposed from it (discovery.py).
"""

from __future__ import annotations

from typing import Any

from saas_platform.source.contract import SourceColumn
from saas_platform.source.mssql.sql import literal

_SIZED = frozenset({"char", "varchar", "binary", "varbinary"})
_WIDE = frozenset({"nchar", "nvarchar"})
_SCALED = frozenset({"datetime2", "datetimeoffset", "time"})


def columns(cursor: Any, full_name: str) -> list[SourceColumn]:
    """In their order; empty where there is no such table."""
    rows = cursor.execute(
        "SELECT c.name, TYPE_NAME(c.system_type_id), TYPE_NAME(c.user_type_id),"
        " c.max_length, c.precision, c.scale, c.is_nullable FROM sys.columns c"
        f" WHERE c.object_id = OBJECT_ID({literal(full_name)}) ORDER BY c.column_id"
    ).fetchall()
    return [
        SourceColumn(str(name), type_text(system or user, length, precision, scale), bool(nullable))
        for name, system, user, length, precision, scale, nullable in rows
    ]


def type_text(name: str, length: int, precision: int, scale: int) -> str:
    """As one would declare it.

    >>> type_text("nvarchar", 64, 0, 0), type_text("varbinary", -1, 0, 0)
    ('nvarchar(32)', 'varbinary(max)')
    >>> type_text("decimal", 9, 10, 2), type_text("timestamp", 8, 0, 0)
    ('decimal(10, 2)', 'rowversion')
    """
    name = name.lower()
    if name == "timestamp":  # its old name says something else everywhere but here
        return "rowversion"
    if name in _SIZED or name in _WIDE:
        size = length // 2 if name in _WIDE else length
        return f"{name}({'max' if length < 0 else size})"
    if name in ("decimal", "numeric"):
        return f"{name}({precision}, {scale})"
    return f"{name}({scale})" if name in _SCALED else name


def keys(cursor: Any, full_name: str) -> list[frozenset[str]]:
    """Column sets that primary keys, unique constraints and unique indexes keep unique in all rows."""
    rows = cursor.execute(
        "SELECT i.index_id, c.name FROM sys.indexes i JOIN sys.index_columns p"
        " ON p.object_id = i.object_id AND p.index_id = i.index_id"
        " JOIN sys.columns c ON c.object_id = p.object_id AND c.column_id = p.column_id"
        f" WHERE i.object_id = OBJECT_ID({literal(full_name)}) AND i.is_unique = 1"
        " AND i.has_filter = 0 AND i.is_disabled = 0 AND p.is_included_column = 0"
    ).fetchall()
    found: dict[int, set[str]] = {}
    for index, column in rows:
        found.setdefault(index, set()).add(str(column))
    return [frozenset(names) for names in found.values()]


def primary_key(cursor: Any, full_name: str) -> list[str]:
    """Its columns, in order; empty where there is none."""
    rows = cursor.execute(
        "SELECT c.name FROM sys.indexes i JOIN sys.index_columns p"
        " ON p.object_id = i.object_id AND p.index_id = i.index_id"
        " JOIN sys.columns c ON c.object_id = p.object_id AND c.column_id = p.column_id"
        f" WHERE i.is_primary_key = 1 AND i.object_id = OBJECT_ID({literal(full_name)})"
        " ORDER BY p.key_ordinal"
    ).fetchall()
    return [str(row[0]) for row in rows]


def foreign_keys(cursor: Any, full_name: str) -> list[tuple[list[str], str, list[str]]]:
    """Columns, parent table of the same schema, and its columns that they name."""
    rows = cursor.execute(
        "SELECT f.object_id, p.name, c.name, d.name FROM sys.foreign_keys f"
        " JOIN sys.foreign_key_columns k ON k.constraint_object_id = f.object_id"
        " JOIN sys.tables t ON t.object_id = f.parent_object_id"
        " JOIN sys.tables p ON p.object_id = f.referenced_object_id AND p.schema_id = t.schema_id"
        " JOIN sys.columns c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id"
        " JOIN sys.columns d ON d.object_id = k.referenced_object_id"
        " AND d.column_id = k.referenced_column_id"
        f" WHERE f.parent_object_id = OBJECT_ID({literal(full_name)})"
        " ORDER BY f.object_id, k.constraint_column_id"
    ).fetchall()
    found: dict[int, tuple[list[str], str, list[str]]] = {}
    for key, parent, mine, theirs in rows:
        columns, _, to = found.setdefault(key, ([], str(parent), []))
        columns.append(str(mine))
        to.append(str(theirs))
    return list(found.values())


def tables(cursor: Any, schema: str) -> list[str]:
    """The tables of a schema; views are left out."""
    rows = cursor.execute(
        "SELECT t.name FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id"
        " WHERE s.name = ? AND t.is_ms_shipped = 0 ORDER BY t.name",
        schema,
    ).fetchall()
    return [str(row[0]) for row in rows]
