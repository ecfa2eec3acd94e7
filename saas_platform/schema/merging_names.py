"""Match the names of a `tables.yaml` with those that a discovery found.

Contains: which names are the same, which are taken, and which things are alike. Out of scope: the changes that follow
in the file (schema/merging.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

from saas_platform.schema.declared import SourcePlace
from saas_platform.schema.mirror_names import folded, name_suffix
from saas_platform.schema.source_names import source_column

_Key = TypeVar("_Key")


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


def free_name(taken: Collection[str], name: str, source: str) -> str:
    """Return the name; if a warehouse would take it for a taken one, with a suffix made from the source's name."""
    others = {folded(str(each)) for each in taken}
    return f"{name}_{name_suffix(source)}" if folded(name) in others else name


def declared_alike(node: Mapping[str, Any], column: sa.Column[Any]) -> bool:
    """Return whether a column of the file and one that was found have the same type in the source."""
    there = str(column.info.get("declared", ""))
    return str(node.get("declared", "")).casefold() == there.casefold()


def has_columns_of(node: Mapping[str, Any], table: sa.Table) -> bool:
    """Return whether a table that was found has the columns of one in the file, apart from those that it skips."""
    return _wanted(node) == _found(node, table)


def keeps_columns_of(node: Mapping[str, Any], table: sa.Table) -> bool:
    """Return whether a table that was found has the columns of one in the file, and maybe others."""
    return _wanted(node) <= _found(node, table)


def _wanted(node: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {
        (str(each.get("source", name)), str(each.get("declared", "")).casefold())
        for name, each in node["columns"].items()
    }


def _found(node: Mapping[str, Any], table: sa.Table) -> set[tuple[str, str]]:
    return {
        (source_column(column), str(column.info.get("declared", "")).casefold())
        for column in table.columns
        if source_column(column) not in node.get("skip", ())
    }


def unique_columns(rule: Any) -> Any:
    """Return the columns of an entry of `unique`."""
    return rule["columns"] if isinstance(rule, Mapping) else rule


def is_named(node: Any, column: str) -> bool:
    """Return whether an entry such as that of `slice` names the column."""
    return isinstance(node, Mapping) and node.get("column") == column


def dotted(place: SourcePlace) -> str:
    """Return the name of a table of the source, with its schema if that is not the default one."""
    return ".".join(filter(None, place))
