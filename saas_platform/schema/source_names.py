"""Look up the names of a mirrored table and its columns in the source.

A mirror may use other names than the source (tables.yaml: `source:` of a table or a column). Contains: the way from
the mirror's names to the source's, also where the source writes them in another case, and the names that have no mirror. Out of scope: the declaration
(schema/declared.py), and quoting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

_Key = TypeVar("_Key")


def source_table(table: sa.Table) -> tuple[str | None, str]:
    """Return the table's schema in the source (None if it is the source's default schema), and its name there.

    >>> source_table(sa.Table("orders", sa.MetaData(), info={"source_schema": "sales"}))
    ('sales', 'orders')
    """
    schema: str | None = table.info.get("source_schema")
    name: str = table.info.get("source_name", "".join(table.name))
    return schema, name


def source_column(column: sa.Column[Any]) -> str:
    """Return the column's name in the source.

    >>> source_column(sa.Column("e_mail", sa.String, info={"source_name": "E-Mail"}))
    'E-Mail'
    """
    name: str = column.info.get("source_name", "".join(column.name))
    return name


def left_out(table: sa.Table) -> frozenset[str]:
    """Return the source's columns that are left out on purpose (`skip:` or `mirror: drop`), in small letters."""
    names = (*table.info.get("skipped", ()), *table.info.get("dropped", ()))
    return frozenset(name.casefold() for name in names)


def pair_names(
    wanted: Mapping[str, _Key], there: Collection[_Key], fold: Callable[[_Key], object]
) -> dict[str, _Key]:
    """Return the source's key for each name of the file that the source has, in the same or in another case."""
    by_fold = {fold(each): each for each in there if each not in wanted.values()}
    paired = {}
    for name, key in wanted.items():
        if key in there:
            paired[name] = key
        elif fold(key) in by_fold:
            paired[name] = by_fold[fold(key)]
    return paired
