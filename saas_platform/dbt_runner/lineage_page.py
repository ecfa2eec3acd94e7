"""Write the page docs/column-lineage.md, which shows the lineage of columns to those without Dagster+.

Contains: the page as Markdown. Out of scope: finding the lineage (lineage.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from saas_platform.dbt_runner.lineage import column_sources, raw_columns

_HEAD = """# The lineage of columns

Which columns of raw each column of the reports and marts is made of, through all dbt models between them. It is read
from the SQL that dbt compiles, and includes what a column is computed from, but not what only filters or joins rows.

Each run gives the same lineage to Dagster, model by model (`dagster/column_lineage` in the metadata of an asset). Only
Dagster+ draws it; the open-source UI, which `make ui` starts, draws the lineage of assets alone. So this page shows it.
`make docs` writes it again, and a test fails if it is out of date.
"""
#: The folders of the dbt project that others read, and the heading of each.
_LAYERS = {"reports": "Reports", "marts": "Marts"}


def lineage_page(manifest: Mapping[str, Any]) -> str:
    """Return the page for a manifest with the compiled SQL of all dbt models."""
    found = raw_columns(column_sources(manifest))
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    parts = [_HEAD]
    for layer, heading in _LAYERS.items():
        parts.append(f"## {heading}\n")
        names = sorted(str(node["name"]) for node in models if node["fqn"][1] == layer)
        parts += [_section(name, found[name]) for name in names]
    return "\n".join(parts)


def _section(model: str, columns: Mapping[str, set[tuple[str, str]]]) -> str:
    """Return the table of a dbt model. Columns that are made of the same ones share a row."""
    alike: dict[str, list[str]] = {}
    for column, sources in columns.items():
        alike.setdefault(_words(sorted(sources)), []).append(column)
    rows = [f"| {_code(names)} | {words} |" for words, names in alike.items()]
    return "\n".join([f"### {model}\n", "| Columns | Columns of raw |", "|---|---|", *rows, ""])


def _words(sources: Sequence[tuple[str, str]]) -> str:
    if not sources:
        return "none: it counts rows"
    tables = groupby(sources, key=lambda source: source[0])
    return "; ".join(f"{table}: {_code(column for _, column in each)}" for table, each in tables)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
