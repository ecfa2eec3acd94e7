"""Write the DDL of the tables as text, for any SQLAlchemy dialect."""

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
    """Give the row version the default 0, for a row inserted by hand, until the trigger sets its version.

    SQL Server needs neither the default nor a trigger.
    """
    text: str = compiler.visit_create_column(element, **options)
    return f"{text} DEFAULT 0" if element.element.info.get("row_version") else text


def statements(
    tables: Iterable[sa.Table], dialect: sa.Dialect, schema: str | None = None
) -> list[str]:
    """Return for each table, in order: CREATE TABLE, its indexes, and its comments if the dialect has any.

    Without a schema, the tables go to the default one of the connection.
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
