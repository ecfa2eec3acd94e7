"""What a server keeps from a login that may read a table: masked columns, encrypted ones, hidden rows.

What the login sees then is not what the table holds, and a mirror of it would be proven all the same.
Holds the questions and the sentences. Does not hold: when they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.source_names import source_column

_FULL = "QUOTENAME(OBJECT_SCHEMA_NAME(c.object_id)) + N'.' + QUOTENAME(OBJECT_NAME(c.object_id))"
_NAME = "CONVERT(NVARCHAR(128), c.name)"
#: Before SQL Server 2022 the right is the database's alone, and NULL is the answer for anything smaller.
_IS_HIDDEN = (
    "COALESCE(HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'UNMASK'), 0) = 0"
    f" AND COALESCE(HAS_PERMS_BY_NAME({_FULL}, 'OBJECT', 'UNMASK'), 0) = 0"
    f" AND COALESCE(HAS_PERMS_BY_NAME({_FULL}, 'OBJECT', 'UNMASK', QUOTENAME(c.name), 'COLUMN'), 0) = 0"
)
MASKED = (
    f"SELECT c.object_id, {_NAME} FROM sys.masked_columns c WHERE c.is_masked = 1 AND {_IS_HIDDEN}"
)
ENCRYPTED = f"SELECT c.object_id, {_NAME} FROM sys.columns c WHERE c.encryption_type IN (1, 2)"
#: Of all predicates, those that filter what is read.
POLICIES = (
    "SELECT p.target_object_id, CONVERT(NVARCHAR(128), s.name) FROM sys.security_predicates p"
    " JOIN sys.security_policies s ON s.object_id = p.object_id"
    " WHERE s.is_enabled = 1 AND p.predicate_type = 0"
)
#: A policy shows itself to whoever may see its definition, and to nobody else.
SEES_POLICIES = "SELECT HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION')"

_WHY_MASKED = (
    "is masked for this login, so that a mirror would hold the mask: have an administrator GRANT UNMASK to"
    " the login, or leave the column out"
)
_WHY_ENCRYPTED = (
    "is encrypted by Always Encrypted, whose key the server does not have, so that nothing can be proven of"
    " it: leave the column out"
)

_Names = Mapping[int, tuple[str, ...]]


@dataclass(frozen=True)
class Protection:
    """By the object ids of tables: columns masked for this login, encrypted columns, policies."""

    masked: _Names = field(default_factory=dict)
    encrypted: _Names = field(default_factory=dict)
    policies: _Names = field(default_factory=dict)
    sees_policies: bool = True

    def __bool__(self) -> bool:
        return bool(self.masked or self.encrypted or self.policies)

    def columns(self, object_id: int | None) -> dict[str, str]:
        """The columns of a table whose values this login does not get, each with why and the remedy."""
        if object_id is None:
            return {}
        return {
            **dict.fromkeys(self.masked.get(object_id, ()), _WHY_MASKED),
            **dict.fromkeys(self.encrypted.get(object_id, ()), _WHY_ENCRYPTED),
        }

    def policy(self, object_id: int | None) -> str | None:
        """The names of the policies that filter the table's rows; None: none does, as far as is shown."""
        names = self.policies.get(object_id, ()) if object_id is not None else ()
        return ", ".join(names) or None

    def objection(self, table: sa.Table, object_id: int | None, *, visible: bool) -> str | None:
        """Why the table can't be mirrored as it is; None: nothing is kept from this login.

        `visible`: the user wants the rows that the login sees.
        """
        kept = self.columns(object_id)
        for column in table.columns:
            if source_column(column) in kept:
                return f"{table.name}.{column.name} {kept[source_column(column)]}."
        policy = self.policy(object_id)
        if policy is None or visible:
            return None
        return (
            f"The security policy {policy} filters the rows of {table.name}, so that a mirror would hold"
            " only what this login sees: exempt the login in the policy's function, then add"
            " row_security=visible to SAAS_SOURCE_URL, by which what the login sees is mirrored and proven."
        )

    def note(self, table: sa.Table, object_id: int | None) -> str | None:
        """What must be said of a table that is mirrored as the login sees it."""
        policy = self.policy(object_id)
        if policy is None:
            return None
        return (
            f"{table.name} is mirrored and proven as far as the security policy {policy} lets this login see"
            " its rows (row_security=visible)."
        )


def look(ask: Callable[[str], list[Any] | None]) -> Protection:
    """What the server keeps from this login; `ask` gives None where the server has no such view."""
    policies = ask(POLICIES)
    return Protection(
        masked=_by_table(ask(MASKED)),
        encrypted=_by_table(ask(ENCRYPTED)),
        policies=_by_table(policies),
        # NULL: the server knows no such right.
        sees_policies=policies is None or (0,) not in map(tuple, ask(SEES_POLICIES) or ()),
    )


def _by_table(rows: list[Any] | None) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for object_id, name in rows or ():
        found[int(object_id)] = (*found.get(int(object_id), ()), str(name))
    return found
