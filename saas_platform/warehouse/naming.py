"""The names of tables and columns in SQL, and the names that a mirror can't have.

Contains: what all engines share. Out of scope: how an engine quotes a name, and which characters it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.describing import argument, key_words
from saas_platform.schema.mirror_names import folded
from saas_platform.warehouse.interface import RAW, WarehouseError, target_schema
from saas_platform.warehouse.logs import LOGS

#: The remedy for a table whose names keep it from being mirrored.
REMEDY = "give it another name in tables.yaml, with this one as `source:`, or leave it out"


@dataclass(frozen=True)
class Naming:
    """The names of tables and columns, as an engine writes them that quotes an identifier by `quoted`."""

    quoted: Callable[[str], str]

    @staticmethod
    def columns(table: sa.Table) -> list[str]:
        return [column.name for column in table.columns]

    @staticmethod
    def keys(table: sa.Table) -> list[str]:
        return [column.name for column in table.primary_key.columns]

    @staticmethod
    def unused(table: sa.Table, name: str) -> str:
        """Return the name, made longer until no column of the table has it. Case of ASCII does not count."""
        taken = {folded(column.name) for column in table.columns}
        while folded(name) in taken:
            name += "_"
        return name

    def qualified(self, schema: str, name: str) -> str:
        return f"{self.quoted(schema)}.{self.quoted(name)}"

    def mirror(self, table: sa.Table) -> str:
        return self.qualified(target_schema(table), table.name)

    def listed(self, names: Iterable[str], alias: str = "") -> str:
        """Return the quoted columns, separated by commas."""
        prefix = f"{alias}." if alias else ""
        return ", ".join(prefix + self.quoted(name) for name in names)

    def same_key(self, table: sa.Table, left: str, right: str) -> str:
        """Return a condition that is true where the rows of two aliases have the same key."""
        return " AND ".join(
            f"{left}.{self.quoted(key)} = {right}.{self.quoted(key)}" for key in self.keys(table)
        )


def key_may_repeat(table: sa.Table) -> bool:
    """Return whether two rows of the source may have the same key in the mirror.

    They may if the source does not enforce the key, or if several values of the source become one value of
    the declared type: `2024-01-01` and `2024-01-01 00:00:00` are the same timestamp.
    """
    return not table.info.get("key_enforced", True) or any(
        isinstance(column.info.get("source_type", column.type), sa.DateTime)
        or column.info.get("may_merge")
        for column in table.primary_key.columns
    )


def repeated_key(table: sa.Table, key: Mapping[str, Any]) -> WarehouseError:
    """Return the error for a key that more than one row has."""
    return WarehouseError(
        f"{table.name} has more than one row with the key {key_words(table, key)}, once they are read as"
        " declared: its key is not unique. Declare other columns or another type for its key in"
        " tables.yaml, or `key: []`, then run again."
    )


def clash(table: sa.Table, *ours: str) -> str | None:
    """Return a sentence on two names of a mirror that the engine takes for the same; None if there are none.

    `ours` are the columns that the engine adds. Engines ignore the case of ASCII letters in names.
    """
    for log in LOGS:
        if folded(table.name) == log.name:
            return f"{table.name} can't be mirrored, as {RAW}.{log.name} is a log of the platform: {REMEDY}."
    seen = {folded(name): name for name in ours}
    for column in table.columns:
        other = seen.setdefault(folded(column.name), column.name)
        if other is not column.name:
            first = f"the platform's {other}" if other in ours else other
            return (
                f"{table.name} can't be mirrored, as the warehouse does not distinguish its column"
                f" {column.name} from {first}: {REMEDY}."
            )
    return None


def differs_by_case(table: sa.Table, mirrored: Iterable[str]) -> str | None:
    """Return a sentence on another mirrored table whose name differs by case alone; None if there is none."""
    twins = (name for name in mirrored if name != table.name)
    other = next((name for name in twins if folded(name) == folded(table.name)), None)
    if other is None:
        return None
    return (
        f"{table.name} can't be mirrored, as {RAW}.{other} is the mirror of a table {other}, and the warehouse"
        f" does not distinguish the two names: give it another name in tables.yaml, with `source:"
        f" {table.name}`, or drop the other mirror with `saas-platform reset --table"
        f" {argument(other)} --yes`."
    )
