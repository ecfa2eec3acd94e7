"""Find the source columns of each column of a dbt model in the SQL that dbt compiled.

Contains: the parsing of that SQL, and the way back to raw. The result depends only on the code, so callers can cache it under the
manifest's digest. Out of scope: anything about Dagster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

#: For each dbt model and each of its columns, the (schema, table, column) of every source.
ColumnSources = dict[str, dict[str, list[tuple[str, str, str]]]]


def column_sources(manifest: Mapping[str, Any]) -> ColumnSources:
    """Return the sources of each column, for all dbt models whose compiled SQL is in the manifest.

    A column is left out if no `schema.yml` names it, or if sqlglot can't parse the SQL of its model.
    """
    models = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node.get("compiled_code")
    ]
    known: dict[str, dict[str, dict[str, str]]] = {}
    for model in models:
        # sqlglot refuses a table without columns, and finds out those of a table that it does not know.
        if columns := dict.fromkeys(model["columns"], "unknown"):
            known.setdefault(model["schema"], {})[model["name"]] = columns
    # dbt and sqlglot use the same names for the engines.
    dialect = manifest["metadata"]["adapter_type"]
    return {model["name"]: _of_model(model, known, dialect) for model in models}


def _of_model(
    model: Mapping[str, Any], known: Mapping[str, Any], dialect: str
) -> dict[str, list[tuple[str, str, str]]]:
    # dbt has built the model, so whatever sqlglot makes of it must not fail.
    try:
        expression = sqlglot.parse_one(model["compiled_code"], dialect=dialect)
        for table in expression.find_all(exp.Table):
            table.set("catalog", None)
        found = lineage(None, expression, schema=dict(known), dialect=dialect)
    except SqlglotError:
        return {}
    return {
        column: sorted(set(_leaves(found[column])))
        for column in model["columns"]
        if column in found
    }


def _leaves(node: Node) -> Iterator[tuple[str, str, str]]:
    for each in node.walk():
        table = each.expression
        if isinstance(table, exp.Table) and table.db:
            yield table.db, table.name, each.name.rpartition(".")[2].strip('"')


def raw_columns(sources: ColumnSources) -> dict[str, dict[str, set[tuple[str, str]]]]:
    """Return for each dbt model and column the (table, column) of raw that it leads to through all dbt models."""

    @cache
    def led(model: str, column: str) -> set[tuple[str, str]]:
        return set().union(
            *(
                led(table, source) if table in sources else {(table, source)}
                for _, table, source in sources[model].get(column, ())
            )
        )

    return {
        model: {column: led(model, column) for column in columns}
        for model, columns in sources.items()
    }
