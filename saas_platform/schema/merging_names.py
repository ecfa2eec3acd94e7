"""Match the names of a `tables.yaml` with those that a discovery found.

Contains: which names are the same, which are taken, and which things are alike. Out of scope: the changes that follow
in the file (schema/merging.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.declared import SourcePlace
from saas_platform.schema.mirror_names import folded, name_suffix


def free_name(taken: Collection[str], name: str, source: str) -> str:
    """Return the name; if a warehouse would take it for a taken one, with a suffix made from the source's name."""
    others = {folded(str(each)) for each in taken}
    return f"{name}_{name_suffix(source)}" if folded(name) in others else name


def declared_alike(node: Mapping[str, Any], column: sa.Column[Any]) -> bool:
    """Return whether a column of the file and one that was found have the same type in the source."""
    there = str(column.info.get("declared", ""))
    return str(node.get("declared", "")).casefold() == there.casefold()


def unique_columns(rule: Any) -> Any:
    """Return the columns of an entry of `unique`."""
    return rule["columns"] if isinstance(rule, Mapping) else rule


def is_named(node: Any, column: str) -> bool:
    """Return whether an entry such as that of `slice` names the column."""
    return isinstance(node, Mapping) and node.get("column") == column


def dotted(place: SourcePlace) -> str:
    """Return the name of a table of the source, with its schema if that is not the default one."""
    return ".".join(filter(None, place))
