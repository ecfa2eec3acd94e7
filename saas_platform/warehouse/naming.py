"""Tables and columns as SQL names them, by an engine's way to quote.

Holds what the engines share of it, and of what stands against a name. Does not hold: how an engine
quotes, or which characters it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.describing import argument, key_words
from saas_platform.warehouse.interface import RAW, WarehouseError, target_schema
from saas_platform.warehouse.logs import LOGS

#: What can be done about a table that can't be mirrored by its names.
REMEDY = "give it another name in tables.yaml, with this one as `source:`, or leave it out"


@dataclass(frozen=True)
class Naming:
    """The names of an engine that writes an identifier by `quote`."""

    quote: Callable[[str], str]

    @staticmethod
    def columns(table: sa.Table) -> list[str]:
        return [column.name for column in table.columns]

    @staticmethod
    def keys(table: sa.Table) -> list[str]:
        return [column.name for column in table.primary_key.columns]

    @staticmethod
    def unused(table: sa.Table, name: str) -> str:
        """The name, or a longer one that no column of the table has; engines fold the case of ASCII."""
        taken = {_folded(column.name) for column in table.columns}
        while _folded(name) in taken:
            name += "_"
        return name

    def qualified(self, schema: str, name: str) -> str:
        return f"{self.quote(schema)}.{self.quote(name)}"

    def mirror(self, table: sa.Table) -> str:
        return self.qualified(target_schema(table), table.name)

    def listed(self, names: Iterable[str], alias: str = "") -> str:
        """Columns, separated by commas."""
        prefix = f"{alias}." if alias else ""
        return ", ".join(prefix + self.quote(name) for name in names)

    def same_key(self, table: sa.Table, left: str, right: str) -> str:
        return " AND ".join(
            f"{left}.{self.quote(key)} = {right}.{self.quote(key)}" for key in self.keys(table)
        )


def key_may_repeat(table: sa.Table) -> bool:
    """Whether two rows of the source may have one key in the mirror.

    Nothing in the source may keep the key unique, or several of its values may be one value of the declared
    type: `2024-01-01` and `2024-01-01 00:00:00` are one time.
    """
    return not table.info.get("key_enforced", True) or any(
        isinstance(column.info.get("source_type", column.type), sa.DateTime)
        or column.info.get("may_merge")
        for column in table.primary_key.columns
    )


def repeated_key(table: sa.Table, key: Mapping[str, Any]) -> WarehouseError:
    """The error for a key that more than one row has."""
    return WarehouseError(
        f"{table.name} has more than one row with the key {key_words(table, key)}, once they are read as"
        " declared: its key is not unique. Declare other columns or another type for its key in"
        " tables.yaml, or `key: []`, then run again."
    )


def clash(table: sa.Table, *ours: str) -> str | None:
    """Which of a mirror's names can't be told apart, as a sentence; None: all can.

    `ours` are the columns that an engine adds. To engines small and capital letters of ASCII are the same.
    """
    for log in LOGS:
        if _folded(table.name) == log.name:
            return (
                f"{table.name} can't be mirrored, as {RAW}.{log.name} is a log of ours: {REMEDY}."
            )
    seen = {_folded(name): name for name in ours}
    for column in table.columns:
        other = seen.setdefault(_folded(column.name), column.name)
        if other is not column.name:
            return (
                f"{table.name} can't be mirrored, as its column {column.name} and"
                f" {f'our {other}' if other in ours else other} would be one: {REMEDY}."
            )
    return None


def differs_by_case(table: sa.Table, mirrored: Iterable[str]) -> str | None:
    """The sentence for a table whose mirror would be that of one of the mirrored ones; None: of none."""
    twins = (name for name in mirrored if name != table.name)
    other = next((name for name in twins if _folded(name) == _folded(table.name)), None)
    if other is None:
        return None
    return (
        f"{table.name} can't be mirrored, as {RAW}.{other} is the mirror of a table {other}, and the warehouse"
        f" does not tell the two names apart: give it another name in tables.yaml, with `source:"
        f" {table.name}`, or drop the other mirror with `saas-platform reset --table"
        f" {argument(other)} --yes`."
    )


def _folded(name: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)
