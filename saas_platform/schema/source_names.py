"""What a mirrored table and its columns are called in the source.

A mirror may have other names than the source (tables.yaml: `source:` of a table or a column). Holds the
way from one to the other. Does not hold: the declaration (schema/declared.py), or quoting.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def source_table(table: sa.Table) -> tuple[str | None, str]:
    """The table's schema in the source, None for the source's default one, and its name there.

    >>> source_table(sa.Table("orders", sa.MetaData(), info={"source_schema": "sales"}))
    ('sales', 'orders')
    """
    schema: str | None = table.info.get("source_schema")
    name: str = table.info.get("source_name", "".join(table.name))
    return schema, name


def source_column(column: sa.Column[Any]) -> str:
    """The column's name in the source.

    >>> source_column(sa.Column("e_mail", sa.String, info={"source_name": "E-Mail"}))
    'E-Mail'
    """
    name: str = column.info.get("source_name", "".join(column.name))
    return name
