"""Match the names of a `tables.yaml` with those that a discovery found.

Contains: which names are the same, which are taken, and which seem to be renamed. Out of scope: the changes that follow
in the file (schema/merging.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

from saas_platform.schema.mirror_names import folded, name_suffix

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


def renamed_columns(
    gone: list[str], new: list[sa.Column[Any]], node: Mapping[str, Any]
) -> list[tuple[str, sa.Column[Any]]]:
    """Return pairs of a column that is gone and the new one of its type, if there is exactly one of each."""
    types = {each: str(node[each].get("declared", "")).casefold() for each in gone}
    found = []
    for each in gone:
        like = [c for c in new if str(c.info.get("declared", "")).casefold() == types[each]]
        if len(like) == 1 and list(types.values()).count(types[each]) == 1:
            found.append((each, like[0]))
    return found
