"""Names of assets for tables whose own names may have any characters."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa

from saas_platform.schema.mirror_names import name_suffix

#: Maps the last part of an asset's key to its table.
AssetTables = Mapping[str, sa.Table]


def asset_names(tables: Mapping[str, sa.Table]) -> AssetTables:
    """Return the tables under unique names that Dagster accepts: letters, digits and underscores."""
    return {asset_name(name): table for name, table in tables.items()}


def asset_name(table: str) -> str:
    """Return the name of a table's asset, which depends only on the table's own name.

    If the table's name has other characters, the result ends with a mark derived from that name. So two tables
    never share an asset, and adding a table never renames another table's asset, which keeps its history.

    >>> asset_name("order_items"), asset_name("order items")
    ('order_items', 'order_items_d92063')
    """
    slug = re.sub(r"[^A-Za-z0-9_]", "_", table)
    return table if slug == table and table else f"{slug}_{name_suffix(table)}"
