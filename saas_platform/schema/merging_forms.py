"""Write new columns into a `tables.yaml` in the form that they must have, because they may hold protected values.

Out of scope: which columns must have which form (protection.py), and all other entries of the file (merging.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.collations import BINARY
from saas_platform.schema.declared import SourcePlace, yaml_line
from saas_platform.schema.merging_names import unique_columns
from saas_platform.schema.protection import OR_KEEP, Guard, Reason
from saas_platform.schema.source_names import pair_names
from saas_platform.schema.standing import found_column

#: What only columns in the clear have.
_OF_CLEAR = ("pii", "mirror", "collation", "values", "plausible")


def reasons_of(
    guard: Guard, place: SourcePlace, columns: Iterable[sa.Column[Any]]
) -> dict[str, Reason]:
    """Return why new columns of a table of the source must not be read in the clear, by their names in the discovery."""
    found = {str(each.name): guard.reason(place, *found_column(each)) for each in columns}
    return {column: reason for column, reason in found.items() if reason is not None}


def formed(node: Mapping[str, Any], reason: Reason | None) -> dict[str, Any]:
    """Return the entry of a new column in its form."""
    if reason is None:
        return dict(node)
    return {
        **{name: said for name, said in node.items() if name not in _OF_CLEAR},
        "pii": node.get("pii", reason.field.pii),
        "mirror": reason.form,
        **({"collation": node["collation"]} if "collation" in node else {}),
    }


def form_table(entry: dict[str, Any], reasons: Mapping[str, Reason]) -> None:
    """Give the columns of a new table their forms, and take from the table what needs them in the clear.

    Args:
        entry: the table's entry in the file.
        reasons: why columns of it, by their names in the file, must have a form.
    """
    columns = entry["columns"]
    columns |= {name: formed(columns[name], reason) for name, reason in reasons.items()}
    if all(node.get("mirror") == "drop" for node in columns.values()):
        # The file has no table without columns, and `mask` shows as little.
        columns |= {name: {**node, "mirror": "mask"} for name, node in columns.items()}
    compared = entry.get("key_collation", {})
    if any(
        each in reasons and not can_be_key(columns[each], each in compared) for each in entry["key"]
    ):
        # The catalogue may allow NULL in a column that nothing but its place in the key requires.
        columns |= {
            name: {**columns[name], "nullable": True} for name in entry["key"] if name in reasons
        }
        entry["key"] = []
        entry.pop("key_collation", None)
    slicing = entry["slice"]
    if slicing is not None and slicing["column"] in reasons:
        entry["slice"] = None
    if not entry["key"] or entry["version"] in reasons:
        entry["version"] = None
    rules = [
        each for each in entry.pop("unique", ()) if reasons.keys().isdisjoint(unique_columns(each))
    ]
    if rules:
        entry["unique"] = rules


def can_be_key(node: Mapping[str, Any], is_compared: bool) -> bool:
    """Return whether a column can be part of a key: in the clear, or hashed if its bytes are compared.

    Args:
        node: the column's entry in the file.
        is_compared: whether the key compares it by another collation than its own.
    """
    form = str(node.get("mirror", "keep"))
    is_binary = not is_compared and str(node.get("collation", BINARY)) == BINARY
    return form == "keep" or (form == "hash" and is_binary)


def column_words(reason: Reason | None) -> str:
    """Return the words on a new column's form, which follow the sentence that it is added; none without a form."""
    return "" if reason is None else f", and {reason.words}: {OR_KEEP}"


def table_words(name: str, reasons: Mapping[str, Reason]) -> str:
    """Return the words on the forms of a new table's columns, which follow the sentence that it is added."""
    said = [f"{name}.{column} is {reason.words}" for column, reason in reasons.items()]
    return f"; {', '.join(said)}: {OR_KEEP}" if said else ""


def shown_words(name: str, reason: Reason) -> str:
    """Return the sentence on a column in the clear that comes from a protected one."""
    return (
        f"{name} is in the clear, and it references or is computed from {reason.table}.{reason.field.name}, which is"
        f" {reason.done}: write `{yaml_line('pii', reason.field.pii)}` and `mirror: {reason.form}` at {name} in"
        " tables.yaml, or `mirror: keep` if that is meant."
    )


def skipped_words(whose: str) -> str:
    """Return the words on something protected that is gone, which follow the sentence that it is removed.

    Args:
        whose: the words between `skip:` and what follows.
    """
    return (
        f"it is in `skip:` {whose}now, because it was protected, so that it is not read if it returns. Remove it from"
        " there to read it"
    )


def undecided_types(
    guard: Guard,
    tables: Mapping[str, Any],
    found: Mapping[str, sa.Table],
    fold: Callable[[str], str],
) -> dict[tuple[str, str], tuple[str, Reason]]:
    """Return the columns that have another type now and may hold the values of a protected column.

    A person has to decide on them. Until then their tables stay in the file as they are, and so do the protected columns:
    otherwise, nothing would show any more what the columns may hold.

    Args:
        guard: the rules.
        tables: the entries of the tables in the file.
        found: what discovery found in the place of each.
        fold: how the source compares names.

    Returns:
        For each, by table and column of the file, its type in the source and the protected column.
    """
    undecided = {}
    for name, table in found.items():
        types = dict(map(found_column, table.columns))
        nodes = tables[name]["columns"]
        wanted = {each: str(node.get("source", each)) for each, node in nodes.items()}
        for column, source in pair_names(wanted, types, fold).items():
            was, now = str(nodes[column].get("declared", "")), types[source]
            if was.casefold() != now.casefold():
                form = str(nodes[column].get("mirror", "keep"))
                reason = guard.reason_of_type(name, form, now)
                if reason is not None:
                    undecided[name, column] = (now, reason)
    return undecided


def kept_words(name: str) -> str:
    """Return the sentence on what stays in the file because of other columns."""
    return f"{name} stays in tables.yaml as before, until you have decided on the columns that may hold its values."


def stays_words(name: str, present: str, reason: Reason) -> str:
    """Return the sentence on a column that stays in the file because of its type now."""
    return f"{name} stays in tables.yaml as before: {retyped_words(name, present, reason)}."


def retyped_words(name: str, present: str, reason: Reason) -> str:
    """Return the words on a column that has another type now, under whose name a protected one may be."""
    return (
        f"it is {present or 'untyped'} in the source now, and may hold the values of {reason.table}.{reason.field.name}. Write"
        f" `{yaml_line('declared', present)}` at {name} in tables.yaml, with a `type:` that can hold its values, and with"
        f" `{yaml_line('pii', reason.field.pii)}` and `mirror: {reason.form}` if it does"
    )
