"""Write a new table of the source into a `tables.yaml`, in the names and the forms of the file.

Out of scope: which tables are new (merging.py), and which columns must have a form (protection.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.declared import column_entry, place_entry, table_entry
from saas_platform.schema.merging_forms import can_be_key, form_table, formed
from saas_platform.schema.protection import Reason
from saas_platform.schema.source_names import source_column, source_table


def new_entry(
    name: str,
    table: sa.Table,
    tables: Mapping[str, Any],
    names: Mapping[str, str],
    found: Iterable[sa.Table],
    reasons: Mapping[str, Mapping[str, Reason]],
) -> tuple[dict[str, Any], list[str]]:
    """Return the entry of a new table.

    Args:
        name: its name in the file.
        table: the table as it was found.
        tables: the entries of the file.
        names: the names in the file of all tables that were found.
        found: the tables that were found.
        reasons: why columns of new tables must have a form, by the names of the tables and columns that were found.

    Returns:
        The entry, with the references that the file can have, and words on those that it can't have because of the
        forms of columns.
    """
    node = table_entry(table)
    if name != table.name:
        node = {"source": place_entry(source_table(table)), **node}
    referred = node.pop("references", ())
    form_table(node, reasons[str(table.name)])
    columns = node.pop("columns")
    parents = {str(each.name): each for each in found}
    references, without = [], []
    for each in referred:
        if each["table"] not in parents or each["table"] not in names:
            continue
        own, is_hidden = _reference(each, parents[each["table"]], names, columns, tables, reasons)
        if own is not None:
            references.append(own)
        elif is_hidden:
            without.append(
                f"its reference to {names[each['table']]} by {', '.join(each['columns'])} is left out, because columns of"
                " these forms can't be joined"
            )
    if references:
        node["references"] = references
    return {**node, "columns": columns}, without


def _reference(
    found: Any,
    parent: sa.Table,
    names: Mapping[str, str],
    columns: Mapping[str, Any],
    tables: Mapping[str, Any],
    reasons: Mapping[str, Mapping[str, Reason]],
) -> tuple[dict[str, Any] | None, bool]:
    """Return the reference in the file's names, or None with whether the form of a column is why.

    It is None too if the file lacks its columns or has them with other types.
    """
    name = names[found["table"]]
    sources = [source_column(parent.columns[each]) for each in found["to"]]
    if name in tables:
        there = tables[name]["columns"]
        own = {str(node.get("source", each)): str(each) for each, node in there.items()}
        to = [own[source] for source in sources if source in own]
        nodes = [there[each] for each in to]
    else:
        to, why = found["to"], reasons[found["table"]]
        nodes = [formed(column_entry(parent.columns[each]), why.get(each)) for each in to]
    referring = [columns[column] for column in found["columns"]]
    if [str(node["type"]) for node in nodes] != [str(node["type"]) for node in referring]:
        return None, False
    compared = found.get("collation", {})
    pairs = zip(referring, nodes, found["to"], strict=True)
    if not all(_can_be_joined(node, other, each in compared) for node, other, each in pairs):
        return None, True
    renamed_to = dict(zip(found["to"], to, strict=True))
    words = {renamed_to[each]: word for each, word in compared.items()}
    reference = {"columns": found["columns"], "table": name, "to": to}
    return ({**reference, "collation": words} if words else reference), False


def _can_be_joined(node: Mapping[str, Any], other: Mapping[str, Any], is_compared: bool) -> bool:
    """Return whether two columns have one form, in which equal values can be found."""
    forms = {str(each.get("mirror", "keep")) for each in (node, other)}
    return len(forms) == 1 and all(can_be_key(each, is_compared) for each in (node, other))
