"""The name of an asset depends on its table's name and on nothing else."""

from __future__ import annotations

import hashlib
import re

import dagster as dg
from hypothesis import given
from hypothesis import strategies as st

from saas_platform.defs.names import asset_name, asset_names
from saas_platform.schema import TABLES

_LIKE = ["order items", "order-items", "order_items"]


def test_plain_names_stay() -> None:
    assert list(asset_names(TABLES)) == list(TABLES)


def test_other_names_get_a_mark_derived_from_the_name() -> None:
    def marked(name: str) -> str:
        return f"order_items_{hashlib.sha256(name.encode()).hexdigest()[:6]}"

    assert [asset_name(name) for name in _LIKE] == [
        marked(_LIKE[0]),
        marked(_LIKE[1]),
        "order_items",
    ]


def test_neither_order_nor_an_added_table_changes_a_name() -> None:
    tables = dict(zip([*_LIKE, "ünï"], TABLES.values(), strict=False))
    names = {table.name: name for name, table in asset_names(tables).items()}
    turned = dict(reversed(tables.items()))
    more = {"order+items": TABLES["plans"], **turned}
    assert {table.name: name for name, table in asset_names(turned).items()} == names
    later = {table.name: name for name, table in asset_names(more).items()}
    assert {**later, **names} == later


@given(st.sets(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)))
def test_dagster_accepts_every_name(tables: set[str]) -> None:
    names = [asset_name(name) for name in tables]
    assert len(set(names)) == len(tables)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_]+", name)
        assert dg.AssetKey(["raw", name]).path[-1] == name
