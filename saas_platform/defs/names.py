"""Names of assets for tables, whatever characters a table's own name has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

#: Tables by the last part of their assets' keys.
Tables = Mapping[str, sa.Table]


def asset_names(tables: Mapping[str, sa.Table]) -> Tables:
    """The tables under names that Dagster takes: letters, digits and underscores, each once."""
    named: dict[str, sa.Table] = {}
    for name, table in tables.items():
        named[_free(re.sub(r"[^A-Za-z0-9_]", "_", name), named)] = table
    return named


def _free(name: str, taken: Iterable[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
