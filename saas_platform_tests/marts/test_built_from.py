"""The raw tables that each monthly dbt model declares are those that its rows depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from saas_platform.schema import TABLES
from saas_platform.schema.slices import slicing_of
from saas_platform_tests.marts.compiled import Models
from saas_platform_tests.marts.conftest import simulate

#: Only a sliced table has touched months. If an older row of another one changes, refresh/mart_months.py asks for a
#: full refresh.
SLICED = {name for name, table in TABLES.items() if slicing_of(table) is not None}


def monthly(models: Models) -> dict[str, Mapping[str, Any]]:
    """Return the nodes of the models that are rebuilt by month."""
    nodes = models.manifest["nodes"].values()
    return {node["name"]: node for node in nodes if "built_from" in node["config"].get("meta", {})}


def raw_ancestors(models: Models, name: str) -> set[str]:
    """Return the raw tables among the ancestors of a node."""
    parents = models.manifest["parent_map"]
    found, waiting = set(), [name]
    while waiting:
        for parent in parents[waiting.pop()]:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return {key.rpartition(".")[2] for key in found if key.startswith("source.")}


def test_every_sliced_ancestor_is_declared_or_exempt(models: Models) -> None:
    assert len(monthly(models)) == 9
    for name, node in monthly(models).items():
        meta = node["config"]["meta"]
        declared = [*meta["built_from"], *meta["unaffected_by"]]
        assert len(declared) == len(set(declared)), name
        assert set(declared) == raw_ancestors(models, node["unique_id"]) & SLICED, name
        assert all(meta["unaffected_by"].values()), name


def without_rows(tables: Mapping[str, pa.Table], name: str) -> dict[str, pa.Table]:
    """Return the tables with one of them emptied.

    The first signup is kept, because a change of its month leads to a full refresh.
    """
    kept = tables[name].slice(0, 0)
    if name == "accounts":
        signed_up = tables[name]["signed_up_at"]
        kept = tables[name].filter(pc.equal(signed_up, pc.min(signed_up))).slice(0, 1)
    return {**tables, name: kept}


@pytest.mark.slow
def test_a_model_changes_exactly_with_the_tables_that_it_declares(models: Models) -> None:
    tables = simulate(accounts=100)

    def rows(given: Mapping[str, pa.Table]) -> dict[str, tuple[Any, ...] | None]:
        with models.run(given) as connection:
            return {
                name: connection.execute(
                    f"SELECT count(*), bit_xor(hash(t)) FROM marts.{name} AS t"
                ).fetchone()
                for name in monthly(models)
            }

    before = rows(tables)
    changed: dict[str, set[str]] = {name: set() for name in before}
    for table in sorted(SLICED):
        after = rows(without_rows(tables, table))
        for name in before:
            if after[name] != before[name]:
                changed[name].add(table)
    assert changed == {
        name: set(node["config"]["meta"]["built_from"]) for name, node in monthly(models).items()
    }
