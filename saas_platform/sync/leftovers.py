"""Mirrors in raw whose tables are no longer declared: nothing brings them up to date, or proves them.

Holds the finding of them, and the sentence. Does not hold: dropping them (reset.py).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime

from saas_platform.warehouse.contract import Warehouse


@dataclass(frozen=True)
class Leftover:
    """A mirror, and when it was synced last (UTC)."""

    table: str
    as_of: datetime

    @property
    def says(self) -> str:
        return (
            f"{self.table} is no longer mirrored, and raw.{self.table} holds it as of"
            f" {self.as_of:%Y-%m-%d %H:%M} UTC: drop it with `saas-platform reset --table {self.table} --yes`,"
            " or take the table up again in tables.yaml."
        )


def leftovers(warehouse: Warehouse, declared: Container[str]) -> list[Leftover]:
    """The mirrors that are there and not declared; makes nothing."""
    return [
        Leftover(table, moment)
        for table, moment in warehouse.mirrors().items()
        if table not in declared
    ]
