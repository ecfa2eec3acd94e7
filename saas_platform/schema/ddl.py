"""DDL of the tables as text, for any SQLAlchemy dialect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import (
    CreateColumn,
    CreateIndex,
    CreateTable,
    SetColumnComment,
    SetTableComment,
)


@compiles(CreateColumn, "sqlite")
def _default_row_version(element: CreateColumn, compiler: Any, **options: Any) -> str:
    """A row inserted by hand has version 0 until the trigger stamps it; SQL Server needs neither."""
    text: str = compiler.visit_create_column(element, **options)
    return f"{text} DEFAULT 0" if element.element.info.get("row_version") else text


def statements(
    tables: Iterable[sa.Table], dialect: sa.Dialect, schema: str | None = None
) -> list[str]:
    """CREATE TABLE, its indexes and, where the dialect has them, its comments; in order.

    In the schema, where one is named, else wherever the connection creates things.
    """
    made: list[sa.schema.ExecutableDDLElement] = []
    for table in tables:
        made.append(CreateTable(table))
        made.extend(
            CreateIndex(index) for index in sorted(table.indexes, key=lambda i: i.name or "")
        )
        if dialect.supports_comments:
            if table.comment:
                made.append(SetTableComment(table))
            made.extend(SetColumnComment(column) for column in table.columns if column.comment)
    names: dict[str, Any] = (
        {}
        if schema is None
        else {"schema_translate_map": {None: schema}, "render_schema_translate": True}
    )
    return [str(element.compile(dialect=dialect, **names)).strip() for element in made]
