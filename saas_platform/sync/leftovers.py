"""Mirrors whose tables are no longer declared: nothing brings them up to date, or proves them.

Holds the finding of them, and the sentence. Does not hold: dropping them (reset.py).
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from saas_platform.schema.describing import argument
from saas_platform.warehouse.interface import Mirror, Warehouse, target_schema


def leftovers(warehouse: Warehouse, declared: Iterable[sa.Table]) -> list[Mirror]:
    """The mirrors that are there, where no declared table has its mirror; makes nothing."""
    places = {(target_schema(table), "".join(table.name)) for table in declared}
    return [each for each in warehouse.mirrors() if (each.schema, each.name) not in places]


def leftover_sentence(mirror: Mirror) -> str:
    """What a person should know of a leftover."""
    return (
        f"{mirror.name} is no longer mirrored to {mirror.schema}, and {mirror} holds it as of"
        f" {mirror.synced_at:%Y-%m-%d %H:%M} UTC: drop it with `saas-platform reset --table {argument(str(mirror))} --yes`,"
        " or take the table up again in tables.yaml."
    )
