"""What the tables of any SQL Server database are, by its catalogue, which binds every type.

Does not hold: what is proposed from them (source/discovery.py).
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from saas_platform.source.contract import SourceError
from saas_platform.source.discovery import Seen, SeenReference, SeenTable, propose
from saas_platform.source.mssql import catalogue
from saas_platform.source.mssql.connection import scalar
from saas_platform.source.mssql.ddl import is_ours
from saas_platform.source.mssql.sql import base_type, qualified, quoted

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "rowversion"), sa.BigInteger()),
    "bit": sa.Boolean(),
    "float": sa.Double(),
    "real": sa.Double(),
    "money": sa.Numeric(19, 4),
    "smallmoney": sa.Numeric(10, 4),
    "date": sa.Date(),
    **dict.fromkeys(("smalldatetime", "datetime", "datetime2"), sa.DateTime()),
    **dict.fromkeys(("binary", "varbinary", "image"), sa.LargeBinary()),
}


def discover_schema(cursor: Any, schema: str) -> list[sa.Table]:
    """The tables of a schema; ours left out."""
    return propose(
        _seen(cursor, schema, name)
        for name in catalogue.tables(cursor, schema)
        if not is_ours(name)
    )


def _seen(cursor: Any, schema: str, name: str) -> SeenTable:
    full_name = qualified(schema, name)
    columns = catalogue.columns(cursor, full_name)
    order = [column.name for column in columns]
    unique = [sorted(key, key=order.index) for key in catalogue.keys(cursor, full_name)]
    return SeenTable(
        name,
        {
            column.name: Seen(
                column.type,
                portable(name, column.name, column.type),
                nullable=column.nullable,
                has_null=column.nullable and _has_null(cursor, full_name, column.name),
                is_version=column.type == "rowversion",
            )
            for column in columns
        },
        key=catalogue.primary_key(cursor, full_name),
        candidates=unique,
        unique=unique,
        references=[
            SeenReference(mine, parent, theirs)
            for mine, parent, theirs in catalogue.foreign_keys(cursor, full_name)
        ],
        rows=int(scalar(cursor, f"SELECT COUNT_BIG(*) FROM {full_name}")),
    )


def _has_null(cursor: Any, table: str, column: str) -> bool:
    return scalar(cursor, f"SELECT TOP 1 1 FROM {table} WHERE {quoted(column)} IS NULL") is not None


def portable(table: str, column: str, declared: str) -> sa.types.TypeEngine[Any]:
    """The type in which the values travel; what has none of its own travels as text.

    >>> portable("orders", "price", "decimal(10, 2)"), portable("orders", "id", "uniqueidentifier")
    (Numeric(precision=10, scale=2), String())
    """
    decimal = re.fullmatch(r"(?:decimal|numeric)\((\d+), (\d+)\)", declared)
    if decimal:
        return sa.Numeric(int(decimal[1]), int(decimal[2]))
    kind = base_type(declared)
    if not kind:
        raise SourceError(
            f"{table}.{column} has a type that the catalogue does not name: grant VIEW DEFINITION on it."
        )
    return _TYPES.get(kind, sa.String())
