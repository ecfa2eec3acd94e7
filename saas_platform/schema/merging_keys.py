"""Compare the keys of a `tables.yaml` with those that a discovery found.

Out of scope: the columns of a key that are gone (merging.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.commented_yaml import put_first, quoted_value, remove
from saas_platform.schema.declared import yaml_line
from saas_platform.schema.merging_forms import can_be_key
from saas_platform.schema.source_names import pair_names, source_column


def key_remark(name: str, entry: Mapping[str, Any], table: sa.Table) -> str | None:
    """Return a remark on a key of the file that the source no longer keeps unique, if the source has another one."""
    columns = entry["columns"]
    of_file = {str(columns[each].get("source", each)).casefold() for each in entry["key"]}
    kept = (sa.UniqueConstraint, sa.PrimaryKeyConstraint)
    unique = [each for each in table.constraints if isinstance(each, kept) and each.columns]
    is_kept = any(
        {source_column(column).casefold() for column in each.columns} <= of_file for each in unique
    )
    now = present_key(entry, table)
    if not of_file or not now or is_kept or str(entry.get("key_enforced", "true")) == "false":
        return None
    return (
        f"{name} keeps its key [{', '.join(map(str, entry['key']))}], which nothing in the source keeps unique"
        f" now: write `{yaml_line('key', now)}` under {name} in tables.yaml."
    )


def present_key(entry: Mapping[str, Any], table: sa.Table) -> list[str]:
    """Return the source's present key in the file's names; no columns if the file lacks one of them."""
    columns = entry["columns"]
    sources = {source_column(column): column for column in table.primary_key.columns}
    wanted = {str(each): str(node.get("source", each)) for each, node in columns.items()}
    paired = pair_names(wanted, sources, str.casefold)
    by_source = {source: name for name, source in paired.items()}
    key = [by_source[source] for source in sources if source in by_source]
    compared = table.info.get("key_collation", {})
    usable = all(can_be_key(columns[each], sources[paired[each]].name in compared) for each in key)
    return key if usable and len(key) == len(sources) else []


def compare_as(node: Any, key: Sequence[str], table: sa.Table) -> None:
    """Note in a table's entry how the source compares the columns of its new key."""
    if "key_collation" in node:
        remove(node, "key_collation")
    words = table.info.get("key_collation", {})
    by_key = dict(zip(key, table.primary_key.columns, strict=False))
    found = {each: words[c.name] for each, c in by_key.items() if c.name in words}
    if found:
        put_first(node, "key_collation", quoted_value(found))
