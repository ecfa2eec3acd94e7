"""What a server hides from a login that may read a table: masked columns, encrypted columns, filtered rows.

The login then does not see what the table holds, and a proof of the mirror would succeed all the same.
Contains: the queries and the messages. Out of scope: when the queries run.

No counterpart in SQLite: a file hides nothing from a program that may read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.source_names import source_column

_FULL = "QUOTENAME(OBJECT_SCHEMA_NAME(c.object_id)) + N'.' + QUOTENAME(OBJECT_NAME(c.object_id))"
_NAME = "CONVERT(NVARCHAR(128), c.name)"
#: HAS_PERMS_BY_NAME returns NULL for a name that it can't parse: that of a database must be quoted, that of
#: a column must not be.
_DATABASE = "QUOTENAME(DB_NAME())"
#: Before SQL Server 2022, UNMASK exists for a whole database only; for anything smaller the answer is NULL.
_IS_HIDDEN = (
    f"COALESCE(HAS_PERMS_BY_NAME({_DATABASE}, 'DATABASE', 'UNMASK'), 0) = 0"
    f" AND COALESCE(HAS_PERMS_BY_NAME({_FULL}, 'OBJECT', 'UNMASK'), 0) = 0"
    f" AND COALESCE(HAS_PERMS_BY_NAME({_FULL}, 'OBJECT', 'UNMASK', c.name, 'COLUMN'), 0) = 0"
)
MASKED = (
    f"SELECT c.object_id, {_NAME} FROM sys.masked_columns c WHERE c.is_masked = 1 AND {_IS_HIDDEN}"
)
#: A computed column is masked like the columns it is computed from, but sys.masked_columns does not list it.
COMPUTED = (
    f"SELECT c.object_id, {_NAME} FROM sys.columns c WHERE c.is_computed = 1"
    " AND c.object_id IN (SELECT m.object_id FROM sys.masked_columns m WHERE m.is_masked = 1)"
)
#: Each computed column with a column of its table from which it is computed.
SOURCES = (
    f"SELECT c.object_id, {_NAME}, CONVERT(NVARCHAR(128), s.name) FROM sys.sql_expression_dependencies d"
    " JOIN sys.columns c ON c.object_id = d.referencing_id AND c.column_id = d.referencing_minor_id"
    " JOIN sys.columns s ON s.object_id = d.referenced_id AND s.column_id = d.referenced_minor_id"
    " WHERE c.is_computed = 1 AND d.referenced_id = d.referencing_id"
)
ENCRYPTED = f"SELECT c.object_id, {_NAME} FROM sys.columns c WHERE c.encryption_type IN (1, 2)"
#: The predicates that filter what is read; others only restrict what is written.
POLICIES = (
    "SELECT p.target_object_id, CONVERT(NVARCHAR(128), s.name) FROM sys.security_predicates p"
    " JOIN sys.security_policies s ON s.object_id = p.object_id"
    " WHERE s.is_enabled = 1 AND p.predicate_type = 0"
)
#: Only a login that may see definitions is shown the policies and the sources of computed columns.
SEES_DEFINITIONS = f"SELECT HAS_PERMS_BY_NAME({_DATABASE}, 'DATABASE', 'VIEW DEFINITION')"

_WHY_MASKED = (
    "is masked for this login, so that a mirror would hold the mask: have an administrator GRANT UNMASK to"
    " the login, or leave the column out"
)
_WHY_COMPUTED = (
    "is computed from a column that is masked for this login, so that a mirror would hold masked values:"
    " have an administrator GRANT UNMASK to the login, or leave the column out"
)
_WHY_MAYBE_COMPUTED = (
    "is computed in a table that has columns masked for this login, and the login may not see from which"
    " columns: have an administrator GRANT UNMASK to the login, or GRANT VIEW DEFINITION and GRANT SELECT ON"
    " sys.sql_expression_dependencies, or leave the column out"
)
_WHY_ENCRYPTED = (
    "is encrypted by Always Encrypted, whose key the server does not have, so that it can't be proven:"
    " leave the column out"
)

_Names = Mapping[int, tuple[str, ...]]


@dataclass(frozen=True)
class Protection:
    """What is hidden from this login: masked columns, encrypted columns and policies by object id."""

    masked: _Names = field(default_factory=dict)
    #: Columns that are computed from a masked one.
    computed: _Names = field(default_factory=dict)
    #: Computed columns of tables with masked columns, if this login may not see from what they are computed.
    maybe_computed: _Names = field(default_factory=dict)
    encrypted: _Names = field(default_factory=dict)
    policies: _Names = field(default_factory=dict)
    sees_policies: bool = True

    def __bool__(self) -> bool:
        return bool(self.masked or self.encrypted or self.policies)

    def columns(self, object_id: int | None) -> dict[str, str]:
        """Return the columns whose values this login does not see, each with the reason and the remedy."""
        if object_id is None:
            return {}
        return {
            **dict.fromkeys(self.maybe_computed.get(object_id, ()), _WHY_MAYBE_COMPUTED),
            **dict.fromkeys(self.computed.get(object_id, ()), _WHY_COMPUTED),
            **dict.fromkeys(self.masked.get(object_id, ()), _WHY_MASKED),
            **dict.fromkeys(self.encrypted.get(object_id, ()), _WHY_ENCRYPTED),
        }

    def policy(self, object_id: int | None) -> str | None:
        """Return the names of the policies that filter the table's rows; None if this login is shown none."""
        names = self.policies.get(object_id, ()) if object_id is not None else ()
        return ", ".join(names) or None

    def unsupported_reason(
        self, table: sa.Table, object_id: int | None, *, visible: bool
    ) -> str | None:
        """Return why the table can't be mirrored as declared; None if nothing is hidden from this login.

        Args:
            table: the table with the columns that are to be mirrored.
            object_id: the number of the table in the catalogue; None if it has none.
            visible: whether the user accepts that only the rows visible to the login are mirrored.
        """
        kept = {name.casefold(): why for name, why in self.columns(object_id).items()}
        for column in table.columns:
            if source_column(column).casefold() in kept:
                return f"{table.name}.{column.name} {kept[source_column(column).casefold()]}."
        policy = self.policy(object_id)
        if policy is None or visible:
            return None
        return (
            f"The security policy {policy} filters the rows of {table.name}, so that a mirror would hold"
            " only what this login sees: exempt the login in the policy's function, then add"
            " row_security=visible to SAAS_SOURCE_URL, which mirrors and proves the rows that the login sees."
        )

    def note(self, table: sa.Table, object_id: int | None) -> str | None:
        """Return the note on a table that is mirrored as the login sees it; None if none is needed."""
        if not self.sees_policies:
            return (
                f"{table.name} is mirrored and proven as far as security policies let this login see its rows,"
                " but the login may not see the policies of the database: have an administrator GRANT VIEW"
                " DEFINITION to the login, as deploy/mssql/reader.sql does."
            )
        policy = self.policy(object_id)
        if policy is None:
            return None
        return (
            f"{table.name} is mirrored and proven as far as the security policy {policy} lets this login see"
            " its rows (row_security=visible)."
        )


def find_protection(ask: Callable[[str], list[Any] | None]) -> Protection:
    """Return what the server hides from this login; `ask` returns None if the server has no such view."""
    policies = ask(POLICIES)
    # The answer is NULL, which counts as no, for a name or a privilege that the server does not know.
    sees_definitions = (1,) in map(tuple, ask(SEES_DEFINITIONS) or ())
    masked = _by_table(ask(MASKED))
    computed = _by_table(ask(COMPUTED)) if masked else {}
    computed = {table: names for table, names in computed.items() if table in masked}
    sources = ask(SOURCES) if computed and sees_definitions else None
    known = sources is not None
    return Protection(
        masked=masked,
        computed=_computed(sources or (), masked),
        maybe_computed={} if known else computed,
        encrypted=_by_table(ask(ENCRYPTED)),
        policies=_by_table(policies),
        sees_policies=policies is None or sees_definitions,
    )


def _computed(sources: Iterable[Any], masked: _Names) -> _Names:
    """Return the computed columns that have a masked column among their sources."""
    return _by_table(
        [
            (table, name)
            for table, name, source in sources
            if str(source) in masked.get(int(table), ())
        ]
    )


def _by_table(rows: Iterable[Any] | None) -> dict[int, tuple[str, ...]]:
    """Return the names of each object id, without duplicates."""
    found: dict[int, dict[str, None]] = {}
    for object_id, name in rows or ():
        found.setdefault(int(object_id), {})[str(name)] = None
    return {object_id: tuple(names) for object_id, names in found.items()}
