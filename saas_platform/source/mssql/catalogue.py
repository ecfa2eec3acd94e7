"""What SQL Server's catalogue says of tables, columns and keys.

Does not hold: what is proposed from it (discovery.py).
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
    """A name as Unicode: some servers send it in the code page of their collation."""
    return f"CONVERT(NVARCHAR(128), {column})"


def columns(cursor: Cursor, full_name: str, *, internal: bool = True) -> list[SourceColumn]:
    """The columns in their order; empty where there is no such table.

    `internal`: those too that no query may name; a server that has none may not know how to leave them out.
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
    """The collations of the columns that have one."""
    rows = cursor.execute(
        f"SELECT {_text('c.name')}, {_text('c.collation_name')} FROM sys.columns c"
        f" WHERE c.object_id = OBJECT_ID({literal(full_name)}) AND c.collation_name IS NOT NULL"
    ).fetchall()
    return {str(name): str(collation) for name, collation in rows}


def row_count(cursor: Cursor, full_name: str) -> int | None:
    """How many rows the table has, as its storage keeps the count; None: this login may not see it."""
    row = cursor.execute(
        "SELECT SUM(p.rows) FROM sys.partitions p"
        f" WHERE p.object_id = OBJECT_ID({literal(full_name)}) AND p.index_id IN (0, 1)"
    ).fetchone()
    return None if row is None or row[0] is None else int(row[0])


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


def keys(cursor: Cursor, full_name: str) -> list[frozenset[str]]:
    """Column sets that primary keys, unique constraints and unique indexes keep unique in all rows."""
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
    """Its columns, in order; empty where there is none, or where it is disabled and keeps nothing unique."""
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
    """Columns, schema and name of the parent table, and its columns that they name; of those that are on."""
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
    for key, schema, parent, mine, theirs in rows:
        columns, _, to = found.setdefault(key, ([], (str(schema), str(parent)), []))
        columns.append(str(mine))
        to.append(str(theirs))
    return list(found.values())


def tables(cursor: Cursor, schema: str) -> list[str]:
    """The tables of a schema; views are left out."""
    # Ordered here: a collation may hold for equal what the server tells apart by case.
    rows = cursor.execute(
        f"SELECT {_text('t.name')} FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id"
        f" WHERE s.name = {literal(schema)} AND t.is_ms_shipped = 0"
    ).fetchall()
    return sorted(str(row[0]) for row in rows)


def schemas(cursor: Cursor) -> list[str]:
    """The schemas that have tables which this login sees."""
    rows = cursor.execute(
        f"SELECT DISTINCT {_text('s.name')} FROM sys.schemas s"
        " JOIN sys.tables t ON t.schema_id = s.schema_id WHERE t.is_ms_shipped = 0"
    ).fetchall()
    return sorted(str(row[0]) for row in rows)


def spelt(cursor: Cursor, schema: str) -> str | None:
    """The schema as the catalogue spells it; None where the database has none that it takes for this one."""
    row = cursor.execute(f"SELECT SCHEMA_NAME(SCHEMA_ID({literal(schema)}))").fetchone()
    return None if row is None or row[0] is None else str(row[0])


def object_id(cursor: Cursor, schema: str, name: str) -> int | None:
    """The number of a table; None where there is none that this login sees."""
    row = cursor.execute(f"SELECT OBJECT_ID({literal(qualified(schema, name))})").fetchone()
    return None if row is None or row[0] is None else int(row[0])
