"""Special tables and columns: in memory, external, of a graph, or computed again at each reading.

Contains: the queries, which not every server knows, and the messages. Out of scope: when the queries run.

No counterpart in SQLite: its only special tables are virtual ones, which its catalogue names (catalogue.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

IN_MEMORY = "SELECT t.object_id FROM sys.tables t WHERE t.is_memory_optimized = 1"
EXTERNAL = "SELECT t.object_id FROM sys.tables t WHERE t.is_external = 1"
CHANGING = (
    "SELECT c.object_id, CONVERT(NVARCHAR(128), c.name) FROM sys.columns c WHERE c.is_computed = 1"
    " AND COLUMNPROPERTY(c.object_id, c.name, 'IsDeterministic') = 0"
)
#: Columns of graph tables that no query may name.
INTERNAL = "c.graph_type IN (1, 3, 4, 6, 7)"
HAS_INTERNAL = f"SELECT COUNT(*) FROM sys.columns c WHERE {INTERNAL}"


@dataclass(frozen=True)
class Special:
    """Tables in memory, external tables and non-deterministic columns, by object id."""

    in_memory: frozenset[int] = frozenset()
    external: frozenset[int] = frozenset()
    changing: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.in_memory or self.external or self.changing)

    def unsupported_reason(self, name: str, object_id: int | None) -> str | None:
        """Return why the table can't be mirrored; None if it is not memory-optimised."""
        if object_id not in self.in_memory:
            return None
        return (
            f"{name} is a memory-optimised table, which a transaction that sees one consistent state can't"
            " read: copy it to a table on disk, and mirror that one."
        )

    def notes(self, table: sa.Table, object_id: int | None) -> list[str]:
        """Return what a user must know about a mirrored table, in sentences."""
        if object_id is None:
            return []
        notes = [
            f"{table.name}.{name} is computed and not deterministic, so that each reading may return"
            " another value and a proof of it does not last: leave the column out."
            for name in self.changing.get(object_id, ())
        ]
        if object_id in self.external:
            notes.append(
                f"{table.name} is an external table: its rows were not counted, and each sync and each proof"
                " reads all of them from their remote location."
            )
        return notes


def find_special(ask: Callable[[str], list[Any] | None]) -> Special:
    """Return what is special; `ask` returns None if the server does not know a query."""
    changing: dict[int, tuple[str, ...]] = {}
    for object_id, name in ask(CHANGING) or ():
        changing[int(object_id)] = (*changing.get(int(object_id), ()), str(name))
    return Special(
        frozenset(int(row[0]) for row in ask(IN_MEMORY) or ()),
        frozenset(int(row[0]) for row in ask(EXTERNAL) or ()),
        changing,
    )
