"""Leftovers: mirrors whose tables are no longer declared, so that no sync updates them and no proof checks them.

Contains: finding them, and the sentence on each. Out of scope: dropping them (cli/reset.py).
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from saas_platform.schema.describing import argument
from saas_platform.warehouse.interface import Mirror, Warehouse, target_schema


def leftovers(warehouse: Warehouse, declared: Iterable[sa.Table]) -> list[Mirror]:
    """Return the mirrors in the warehouse that belong to no declared table. Creates nothing."""
    places = {(target_schema(table), "".join(table.name)) for table in declared}
    return [each for each in warehouse.mirrors() if (each.schema, each.name) not in places]


def leftover_sentence(mirror: Mirror) -> str:
    """Return the warning on a leftover."""
    return (
        f"{mirror.name} is no longer mirrored to {mirror.schema}, but {mirror} still holds its rows as of"
        f" {mirror.synced_at:%Y-%m-%d %H:%M} UTC: drop it with `saas-platform reset --table {argument(str(mirror))} --yes`,"
        " or declare the table in tables.yaml again."
    )
