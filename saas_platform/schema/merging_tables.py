"""Write a new table of the source into a `tables.yaml`, in the names and the forms of the file.

Out of scope: which tables are new (merging.py), and which columns must have a form (protection.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.declared import place_entry, table_entry, type_name
from saas_platform.schema.merging_forms import form_table
from saas_platform.schema.protection import Reason
from saas_platform.schema.source_names import source_column, source_table


def new_entry(
    name: str,
    table: sa.Table,
    tables: Mapping[str, Any],
    names: Mapping[str, str],
    found: Iterable[sa.Table],
    reasons: Mapping[str, Mapping[str, Reason]],
) -> dict[str, Any]:
    """Return the entry of a new table.

    Args:
        name: its name in the file.
        table: the table as it was found.
        tables: the entries of the file.
        names: the names in the file of all tables that were found.
        found: the tables that were found.
        reasons: why columns of new tables must have a form, by the names of the tables and columns that were found.

    Returns:
        The entry, with the references that the file can have.
    """
    node = table_entry(table)
    if name != table.name:
        node = {"source": place_entry(source_table(table)), **node}
    referred = node.pop("references", ())
    columns = node.pop("columns")
    parents = {str(each.name): each for each in found}
    references = [
        own
        for each in referred
        if each["table"] in parents and each["table"] in names
        for own in [_reference(each, parents[each["table"]], names, columns, tables, reasons)]
        if own is not None
    ]
    if references:
        node["references"] = references
    entry = {**node, "columns": columns}
    form_table(entry, reasons[str(table.name)])
    return entry


def _reference(
    found: Any,
    parent: sa.Table,
    names: Mapping[str, str],
    columns: Mapping[str, Any],
    tables: Mapping[str, Any],
    reasons: Mapping[str, Mapping[str, Reason]],
) -> dict[str, Any] | None:
    """Return the reference in the file's names; None if the file lacks its columns or has them otherwise."""
    name = names[found["table"]]
    sources = [source_column(parent.columns[each]) for each in found["to"]]
    if name in tables:
        there = tables[name]["columns"]
        own = {str(node.get("source", each)): str(each) for each, node in there.items()}
        to = [own[source] for source in sources if source in own]
        kept = all(str(there[each].get("mirror", "keep")) == "keep" for each in to)
        types = [str(there[each]["type"]) for each in to]
    else:
        to, kept = found["to"], reasons[found["table"]].keys().isdisjoint(found["to"])
        types = [type_name(parent.columns[each]) for each in to]
    if not kept or types != [columns[column]["type"] for column in found["columns"]]:
        return None
    renamed_to = dict(zip(found["to"], to, strict=True))
    words = {renamed_to[each]: word for each, word in found.get("collation", {}).items()}
    reference = {"columns": found["columns"], "table": name, "to": to}
    return {**reference, "collation": words} if words else reference
