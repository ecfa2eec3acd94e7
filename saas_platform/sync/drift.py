"""Whether source and mirror have, or can have, the declared columns.

Holds sentences on structure: for a database of the user's own in the words of their tables.yaml. Does
not hold: anything about rows.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from saas_platform.errors import PlatformError
from saas_platform.schema.declared import (
    Declaration,
    SourcePlace,
    place_said,
    type_name,
    yaml_line,
)
from saas_platform.schema.kinds import kind_of
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.source.interface import SourceColumn, SourceSnapshot
from saas_platform.sync.formed_source import FormedSnapshot
from saas_platform.sync.mirror_forms import form_of
from saas_platform.warehouse.interface import Warehouse, target_schema


class SyncError(PlatformError):
    """A table can't be synced; the text names the thing and the remedy."""


#: What catalogues call the types that hold a row version. TIMESTAMP is the old name of SQL Server's ROWVERSION
#: in its own catalogue.
_ROW_VERSION = frozenset({"BIGINT", "INTEGER", "ROWVERSION", "TIMESTAMP", "BINARY"})


def check_table(snapshot: SourceSnapshot, warehouse: Warehouse, table: sa.Table) -> tuple[str, ...]:
    """Warnings on columns that are not mirrored, or may be NULL though they are declared not to.

    Raises SyncError where the warehouse can't have the table, or the source has lost it, its key or a
    declared column, or has another type.
    """
    if any(map(form_of, table.columns)) and not isinstance(snapshot, FormedSnapshot):
        raise TypeError(
            f"{table.name} has masked or hashed columns: read it through a FormedSource"
        )
    objection = warehouse.objection(table)
    if objection is not None:
        raise SyncError(objection)
    found = {column.name: column for column in snapshot.columns(table)}
    own = is_own(table)
    words: _Words = _OwnWords(table) if own else _OurWords(table)
    if not found:
        raise SyncError(words.no_table(_renamed_table(snapshot, table) if own else None))
    loose, other, gone = [], [], []
    for column in table.columns:
        present = found.pop(source_column(column), None)
        if present is None:
            gone.append(column)
            continue
        wanted = _other_type(column, present.type)
        if wanted is not None:
            other.append(words.other_type(column, present.type, wanted))
        # Catalogues differ on whether the columns of a key may be NULL.
        elif present.nullable and not column.nullable and not column.primary_key:
            loose.append(column)
    skipped = {name.casefold() for name in table.info.get("skipped", ())}
    new = [column for name, column in found.items() if name.casefold() not in skipped]
    renamed = _renamed_columns(gone, new)
    faults = [words.gone(column, renamed.get(str(column.name))) for column in gone] + other
    if faults:
        raise SyncError(" ".join(faults))
    if not _keeps_key(snapshot, table):
        raise SyncError(words.lost_key())
    return (*(words.loose(column) for column in loose), *(words.new(column) for column in new))


def unnamed_tables(snapshot: SourceSnapshot, declaration: Declaration) -> tuple[str, ...]:
    """A sentence for each table of the source that `tables.yaml` does not name."""
    new = _unnamed(snapshot, declaration.known)
    gone = [table for table in declaration.tables.values() if not snapshot.columns(table)]
    renamed = {_renamed_table(snapshot, table) for table in gone}
    return tuple(
        f"{_place_words(place)} of the source is not mirrored, as tables.yaml does not name it: take it up"
        f" with `saas-platform doctor --discover`, or write `{_skip(place)}` at the top of tables.yaml."
        for place in new
        if place not in renamed
    )


def is_own(table: sa.Table) -> bool:
    """Whether the table is declared in the user's own tables.yaml."""
    return any("declared" in column.info for column in table.columns)


def _keeps_key(snapshot: SourceSnapshot, table: sa.Table) -> bool:
    """Whether something in the source keeps the declared key unique, or the user vouches for it."""
    names = {source_column(column) for column in table.primary_key.columns}
    if not names or not table.info.get("key_enforced", True):
        return True
    return any(key <= names for key in snapshot.keys(table))


def _other_type(column: sa.Column, present: str) -> str | None:
    """What the column should be, where the source's catalogue says something else."""
    noted = column.info.get("declared")
    if noted is not None:
        return None if present.casefold() == noted.casefold() else noted or "untyped"
    if column.info.get("row_version"):
        return None if _base(present) in _ROW_VERSION else "a row version"
    kind = kind_of(column)
    return None if _base(present) in kind.declared else kind.noun


def _base(declared: str) -> str:
    """A catalogue's type without its sizes."""
    return re.sub(r"\(.*", "", declared).strip().upper()


# Renames: a thing that is gone where one alike is new.


def _renamed_columns(gone: list[sa.Column], new: list[SourceColumn]) -> dict[str, SourceColumn]:
    """The new column that each one which is gone may be: of its type, there is one new and one gone."""
    found = {}
    for column in gone:
        declared = str(column.info.get("declared", "")).casefold()
        like = [each for each in new if each.type.casefold() == declared]
        others = [c for c in gone if str(c.info.get("declared", "")).casefold() == declared]
        if len(like) == len(others) == 1:
            found[str(column.name)] = like[0]
    return found


def _renamed_table(snapshot: SourceSnapshot, table: sa.Table) -> SourcePlace | None:
    """The table of the source that this one may be now: nothing mirrors it, and it has the same columns."""
    named = {source_table(each) for each in table.metadata.tables.values()}
    named |= table.metadata.info.get("skipped", frozenset())
    wanted = {
        (source_column(column), str(column.info.get("declared", "")).casefold())
        for column in table.columns
    }
    skipped = {name.casefold() for name in table.info.get("skipped", ())}
    like = []
    for place in _unnamed(snapshot, named):
        columns = {
            (column.name, column.type.casefold())
            for column in snapshot.columns(_table_at(place))
            if column.name.casefold() not in skipped
        }
        if columns == wanted:
            like.append(place)
    return like[0] if len(like) == 1 else None


def _unnamed(snapshot: SourceSnapshot, known: Collection[SourcePlace]) -> list[SourcePlace]:
    """Tables of the source that are none of the known ones."""
    present = snapshot.tables()
    there = set(present)
    # A catalogue may not tell capitals from small letters; where it does, both are in it.
    folded = {(schema, name.casefold()) for schema, name in known if (schema, name) not in there}
    return [
        (schema, name)
        for schema, name in present
        if (schema, name) not in known and (schema, name.casefold()) not in folded
    ]


def _table_at(place: SourcePlace) -> sa.Table:
    """A table without columns, to ask a snapshot about."""
    schema, name = place
    info = {"source_name": name, **({} if schema is None else {"source_schema": schema})}
    return sa.Table("asked", sa.MetaData(), info=info)


# Words.


class _Words(Protocol):
    """What is said of a table's drift."""

    def no_table(self, renamed: SourcePlace | None) -> str: ...
    def gone(self, column: sa.Column, renamed: SourceColumn | None) -> str: ...
    def other_type(self, column: sa.Column, present: str, wanted: str) -> str: ...
    def lost_key(self) -> str: ...
    def loose(self, column: sa.Column) -> str: ...
    def new(self, column: SourceColumn) -> str: ...


@dataclass(frozen=True)
class _OurWords:
    """For tables of the company, which are declared in our own code."""

    table: sa.Table

    def no_table(self, renamed: SourcePlace | None) -> str:  # noqa: ARG002
        return f"The source has no table {self.table.name}: create it, or restore it."

    def gone(self, column: sa.Column, renamed: SourceColumn | None) -> str:  # noqa: ARG002
        return (
            f"{self.table.name}.{column.name} is missing in the source: restore the column;"
            " until then the table is not synced."
        )

    def other_type(self, column: sa.Column, present: str, wanted: str) -> str:
        return (
            f"{self.table.name}.{column.name} is {present or 'untyped'} in the source, declared"
            f" as {wanted}: change it back; until then the table is not synced."
        )

    def lost_key(self) -> str:
        return (
            f"{self.table.name} has lost its key: nothing in the source keeps {_key(self.table)} unique any"
            " more: restore the primary key or a unique constraint; until then the table is not synced."
        )

    def loose(self, column: sa.Column) -> str:
        return (
            f"{self.table.name}.{column.name} may be NULL in the source, declared as NOT NULL: declare it so,"
            " or restore the constraint; the first NULL in it stops the table."
        )

    def new(self, column: SourceColumn) -> str:
        return (
            f"{self.table.name}.{column.name} of the source is not declared, so it is not mirrored: declare"
            " it in saas_platform/schema/tables.py to have it."
        )


@dataclass(frozen=True)
class _OwnWords:
    """For tables of the user's own, which tables.yaml declares: each names the line to write."""

    table: sa.Table

    def no_table(self, renamed: SourcePlace | None) -> str:
        name = self.table.name
        gone = f"The source has no table {_place_words(source_table(self.table))} any more"
        if renamed is not None:
            line = yaml_line("source", place_said(renamed))
            return (
                f"{gone}, and a new one, {_place_words(renamed)}, with the same columns: where it was renamed,"
                f" write `{line}` under {name} in tables.yaml, which keeps the mirror; where not, remove"
                f" {name} from it. Until then the table is not synced."
            )
        return (
            f"{gone}: remove {name} from tables.yaml, or write `source:` with its new name under {name}"
            " there; until then the table is not synced."
        )

    def gone(self, column: sa.Column, renamed: SourceColumn | None) -> str:
        name = f"{self.table.name}.{column.name}"
        gone = f"{name} is gone in the source"
        if source_column(column) != column.name:
            gone += f", where it was {source_column(column)}"
        if renamed is not None:
            return (
                f"{gone}, and a new column {renamed.name} has its type: where it was renamed, write"
                f" `{yaml_line('source', renamed.name)}` at {name} in tables.yaml, which keeps the mirror;"
                " where not, remove the column from it. Until then the table is not synced."
            )
        return (
            f"{gone}: remove it from the columns of {self.table.name} in tables.yaml, and from what names it"
            " there; until then the table is not synced."
        )

    def other_type(self, column: sa.Column, present: str, wanted: str) -> str:
        name = f"{self.table.name}.{column.name}"
        return (
            f"{name} is {present or 'untyped'} in the source, and tables.yaml has it as {wanted}: write"
            f" `{yaml_line('declared', present)}` at {name} in tables.yaml, with a `type:` that holds its values"
            " (`saas-platform doctor --discover` proposes one); until then the table is not synced."
        )

    def lost_key(self) -> str:
        return (
            f"{self.table.name} has lost its key: nothing in the source keeps {_key(self.table)} unique any"
            f" more: write other columns, or `key: []`, under {self.table.name} in tables.yaml, or declare"
            " `key_enforced: false` there where you know that it is; until then the table is not synced."
        )

    def loose(self, column: sa.Column) -> str:
        name = f"{self.table.name}.{column.name}"
        return (
            f"{name} may be NULL in the source, and tables.yaml says `nullable: false`: write"
            f" `nullable: true` at {name} in tables.yaml; the first NULL in it stops the table."
        )

    def new(self, column: SourceColumn) -> str:
        proposed = type_name(sa.Column(column.name, column.portable))
        described = {"type": proposed, "declared": column.type}
        return (
            f"{self.table.name}.{column.name} is new in the source, and not mirrored: write"
            f" `{yaml_line(column.name, described)}` under the columns of {self.table.name} in tables.yaml, or"
            f" leave it out with `{yaml_line('skip', [column.name])}` there (`saas-platform doctor --discover`"
            " adds it)."
        )


def _key(table: sa.Table) -> str:
    return ", ".join(source_column(column) for column in table.primary_key.columns)


def _skip(place: SourcePlace) -> str:
    return yaml_line("skip", [place_said(place)])


def _place_words(place: SourcePlace) -> str:
    return ".".join(part for part in place if part is not None)


def mirror_faults(warehouse: Warehouse, table: sa.Table) -> tuple[str, ...]:
    """How the mirror's columns differ from the declared ones, in sentences."""
    mirror = f"{target_schema(table)}.{table.name}"
    wanted, found = warehouse.declared_columns(table), warehouse.mirror_columns(table)
    if not found:
        return (f"{mirror} is not in the warehouse: run `saas-platform sync`.",)
    faults = [
        f"{mirror} lacks the column {name}: run `saas-platform sync`, which loads it again."
        for name in wanted
        if name not in found
    ]
    faults += [
        f"{mirror} has a column {name} that is not declared: run `saas-platform sync`,"
        " which loads it again."
        for name in found
        if name not in wanted
    ]
    faults += [
        f"{mirror}.{name} is {found[name]}, declared as {kind}: run `saas-platform sync`,"
        " which loads it again."
        for name, kind in wanted.items()
        if name in found and found[name] != kind
    ]
    if not faults and list(found) != list(wanted):
        faults = [
            f"{mirror} has its columns in another order: run `saas-platform sync`,"
            " which loads it again."
        ]
    return tuple(faults)
