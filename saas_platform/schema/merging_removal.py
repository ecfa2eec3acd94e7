"""Remove a column from a `tables.yaml`, together with everything in the file that names it.

Out of scope: which columns are removed (merging.py).
"""

from __future__ import annotations

import sqlalchemy as sa

from saas_platform.schema.commented_yaml import quoted_value, remove
from saas_platform.schema.merging_keys import compare_as, present_key
from saas_platform.schema.merging_names import is_named, unique_columns
from saas_platform.schema.tables_tree import TablesTree


def remove_column(tree: TablesTree, name: str, column: str, table: sa.Table) -> list[str]:
    """Remove a column of the table `name`.

    Args:
        tree: the tree of the file.
        name: the table of the file.
        column: its column there.
        table: the table as it was found.

    Returns:
        What is changed besides, in words for a sentence.
    """
    node = tree.to_change(name)
    remove(node["columns"], column)
    also = []
    if column in node["key"]:
        key = present_key(tree.tables[name], table)
        node["key"] = quoted_value(key)
        compare_as(node, key, table)
        also.append(f"the key is now [{', '.join(key)}]")
    if node.get("version") == column or (not node["key"] and node.get("version", "null") != "null"):
        node["version"] = "null"
        also.append("version is now null")
    if is_named(node.get("slice"), column):
        node["slice"] = "null"
        also.append("slice is now null")
    if tree.drop(name, "unique", lambda rule: column in unique_columns(rule)):
        also.append("the unique rules that named it are removed too")
    if tree.drop(name, "references", lambda each: column in each["columns"]):
        also.append("the references that named it are removed too")
    also += [
        f"the references to it in {other} are removed too"
        for other in tree.tables
        if tree.drop(
            other, "references", lambda each: each["table"] == name and column in each["to"]
        )
    ]
    return also
