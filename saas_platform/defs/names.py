"""Names of assets for tables, whatever characters a table's own name has."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa

from saas_platform.schema.mirror_names import mark

#: Tables by the last part of their assets' keys.
Tables = Mapping[str, sa.Table]


def asset_names(tables: Mapping[str, sa.Table]) -> Tables:
    """The tables under names that Dagster takes: letters, digits and underscores, each once."""
    return {asset_name(name): table for name, table in tables.items()}


def asset_name(table: str) -> str:
    """The name of a table's asset, by the table's own name alone.

    A name with other characters has a mark of it at the end, so that two tables never share an asset and a
    table that is added never moves another one's, with its history.

    >>> asset_name("order_items"), asset_name("order items")
    ('order_items', 'order_items_d92063')
    """
    slug = re.sub(r"[^A-Za-z0-9_]", "_", table)
    return table if slug == table and table else f"{slug}_{mark(table)}"
