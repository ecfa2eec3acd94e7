"""From which columns each column of a model is made, read from the SQL that dbt compiled.

Holds: parsing that SQL. It depends on the code alone, so who wants it keeps it with the manifest's digest.
Does not hold: anything of Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.lineage import Node, lineage

#: (schema, table, column) of each source of a column, by column, by model.
ColumnSources = dict[str, dict[str, list[tuple[str, str, str]]]]


def column_sources(manifest: Mapping[str, Any]) -> ColumnSources:
    """The columns of all models that the manifest holds compiled SQL of."""
    models = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node.get("compiled_code")
    ]
    known: dict[str, dict[str, dict[str, str]]] = {}
    for model in models:
        columns = dict.fromkeys(model["columns"], "unknown")
        known.setdefault(model["schema"], {})[model["name"]] = columns
    # dbt and sqlglot call the engines by the same names.
    dialect = manifest["metadata"]["adapter_type"]
    return {model["name"]: _of_model(model, known, dialect) for model in models}


def _of_model(
    model: Mapping[str, Any], known: Mapping[str, Any], dialect: str
) -> dict[str, list[tuple[str, str, str]]]:
    expression = sqlglot.parse_one(model["compiled_code"], dialect=dialect)
    for table in expression.find_all(exp.Table):
        table.set("catalog", None)
    found = lineage(None, expression, schema=dict(known), dialect=dialect)
    return {column: sorted(set(_leaves(found[column]))) for column in model["columns"]}


def _leaves(node: Node) -> Iterator[tuple[str, str, str]]:
    for each in node.walk():
        table = each.expression
        if isinstance(table, exp.Table) and table.db:
            yield table.db, table.name, each.name.rpartition(".")[2].strip('"')
