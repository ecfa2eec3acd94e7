"""Drift: check that source and mirror have, or can have, the declared tables and columns.

Out of scope: the sentences on what differs from the source (drift_sentences.py), and anything about rows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial

import sqlalchemy as sa

from saas_platform.errors import PlatformError
from saas_platform.schema.declared import Declaration, SourcePlace
from saas_platform.schema.kinds import kind_of
from saas_platform.schema.protection import Guard
from saas_platform.schema.renames import alike
from saas_platform.schema.source_names import left_out, pair_names, source_column, source_table
from saas_platform.source.interface import SourceColumn, SourceSnapshot
from saas_platform.sync.drift_sentences import (
    NO_COLUMN,
    NOTHING_LIKE_IT,
    CompanySentences,
    Sentences,
    UserSentences,
    dropped_words,
    readable,
    unnamed_sentences,
)
from saas_platform.sync.formed_source import FormedSnapshot
from saas_platform.sync.mirror_forms import form_of
from saas_platform.sync.table_names import (
    like_table,
    standings,
    stands,
    table_at,
    table_columns,
    unnamed,
)
from saas_platform.warehouse.interface import Warehouse, target_schema


class SyncError(PlatformError):
    """A table can't be synced. The text names the thing and the remedy."""


#: The catalogues' names of types that can hold a row version. SQL Server's catalogue calls ROWVERSION by its old
#: name, TIMESTAMP.
_ROW_VERSION = frozenset({"BIGINT", "INTEGER", "ROWVERSION", "TIMESTAMP", "BINARY"})


def check_table(
    snapshot: SourceSnapshot, warehouse: Warehouse, table: sa.Table, *, propose: bool = False
) -> tuple[str, ...]:
    """Return warnings on columns that are not mirrored, or that may be NULL against their declaration.

    With `propose`, the values of new columns are read, so that the lines for them have the types of a discovery.

    Raises:
        SyncError: the warehouse can't hold the table, or the source lacks the table, its key or a declared
            column, or has a column of another type or one that can't be read.
        TypeError: the table has masked or hashed columns, and the snapshot does not apply the forms.
    """
    if any(map(form_of, table.columns)) and not isinstance(snapshot, FormedSnapshot):
        raise TypeError(
            f"{table.name} has masked or hashed columns: read it through a FormedSource"
        )
    unsupported_reason = warehouse.unsupported_reason(table)
    if unsupported_reason is not None:
        raise SyncError(unsupported_reason)
    own = is_own(table)
    words: Sentences = UserSentences(table) if own else CompanySentences(table)
    guard = Guard()
    is_view = own and snapshot.is_view(table)
    there = table_columns(snapshot, table) if own and not is_view else []
    if not own:
        there = snapshot.columns(table)
    found = {column.name: column for column in there}
    if own and not stands(table, there):
        standing = standings(snapshot, table.metadata.tables.values())
        moved, guard = standing.moves, standing.guard
        if table in moved.sure or moved.unsure_of(table) is not None:
            raise SyncError(UserSentences(table).moved(moved))
    if is_view:
        raise SyncError(words.no_table(like_table(snapshot, table), is_view=True))
    if not found:
        raise SyncError(words.no_table(like_table(snapshot, table) if own else NOTHING_LIKE_IT))
    loose, other, gone = [], [], []
    unreadable: dict[str, SourceColumn] = {}
    paired = _paired(snapshot, table, found)
    for column in table.columns:
        present = found.pop(paired.get(str(column.name), ""), None)
        if present is None:
            gone.append(column)
            continue
        if present.unreadable is not None:
            reason = snapshot.unsupported_reason(table)
            if reason is not None:
                raise SyncError(words.unsupported(reason))
            unreadable[column.name] = present
            continue
        wanted = _other_type(column, present.type)
        if wanted is not None:
            form = form_of(column) or "keep"
            why = guard.reason_of_type(str(table.name), form, present.type)
            other.append(words.other_type(column, present.type, wanted, why))
        # Catalogues disagree on whether the columns of a key may be NULL.
        elif present.nullable and not column.nullable and not column.primary_key:
            loose.append(column)
    out = left_out(table)
    new = [column for name, column in found.items() if name.casefold() not in out]
    place = source_table(table)
    dropped = _dropped(table, found)
    likes = alike([*gone, *dropped], readable(new), partial(_is_like_column, guard, place))
    like = {str(column.name): each for each in likes for column in each.gone}
    reasons = {each.name: guard.reason(place, each.name, each.type) for each in new}
    faults = [words.gone(column, like.get(str(column.name), NO_COLUMN)) for column in gone]
    faults += [*words.unreadable(unreadable), *other]
    if faults:
        # The advice on what is gone must not hide that a new column has to be protected.
        faults += words.new([each for each in new if reasons[each.name]], reasons)
    if faults:
        raise SyncError(" ".join(faults))
    if not _keeps_key(snapshot, table, paired):
        raise SyncError(words.lost_key())
    if propose and own:
        can = readable(new)
        typed = {column.name: column for column in snapshot.proposed(table, can)} if can else {}
        new = [typed.get(column.name, column) for column in new]
    out_names = {str(each.name) for each in dropped}
    renamed = [each for each in likes if each.is_rename and str(each.gone[0].name) in out_names]
    others = [each for each in new if all(each.name != like.new[0].name for like in renamed)]
    return (
        *map(words.loose, loose),
        *(dropped_words(str(table.name), each) for each in renamed),
        *words.new(others, reasons),
    )


def _dropped(table: sa.Table, found: Collection[str]) -> list[sa.Column]:
    """Return the columns that the mirror lacks by `mirror: drop` and that are gone from the source."""
    there = {name.casefold() for name in found}
    return [
        sa.Column(each.name, info={"declared": each.declared, "source_name": each.source})
        for each in table.info.get("dropped", {}).values()
        if each.source.casefold() not in there
    ]


def _paired(snapshot: SourceSnapshot, table: sa.Table, found: Collection[str]) -> dict[str, str]:
    """Return the source's name of each declared column that it has, as the catalogue writes it."""
    wanted = {str(column.name): source_column(column) for column in table.columns}
    paired = pair_names(wanted, found, str.casefold)
    in_another_case = any(paired[name] != wanted[name] for name in paired)
    if in_another_case and not snapshot.names_ignore_case():
        return {name: found for name, found in paired.items() if found == wanted[name]}
    return paired


def unnamed_tables(snapshot: SourceSnapshot, declaration: Declaration) -> tuple[str, ...]:
    """Return warnings on tables of the source that `tables.yaml` does not name.

    They come after the errors of those tables that it names and that can't be examined.
    """
    new = unnamed(snapshot, declaration.known)
    moved = standings(snapshot, declaration.tables.values()).moves
    renamed = {*moved.sure.values(), *(place for each in moved.unsure for place in each.places)}
    unseen = []
    for table in declaration.tables.values():
        try:
            if snapshot.is_view(table) or not snapshot.columns(table):
                renamed |= {*like_table(snapshot, table).new}
        except PlatformError as error:
            unseen.append(str(error))
    reasons = {place: _why_unsupported(snapshot, place) for place in new if place not in renamed}
    return (*unseen, *unnamed_sentences(reasons, declaration.skipped))


def _why_unsupported(snapshot: SourceSnapshot, place: SourcePlace) -> str | None:
    try:
        return snapshot.unsupported_reason(table_at(place))
    except PlatformError as error:
        return str(error)


def is_own(table: sa.Table) -> bool:
    """Return whether the table is declared in a user's tables.yaml."""
    return any("declared" in column.info for column in table.columns)


def _keeps_key(snapshot: SourceSnapshot, table: sa.Table, paired: Mapping[str, str]) -> bool:
    """Return whether the source enforces that the key is unique, or the user vouches for it."""
    names = {paired[str(column.name)] for column in table.primary_key.columns}
    if not names or not table.info.get("key_enforced", True):
        return True
    return any(key <= names for key in snapshot.keys(table))


def _other_type(column: sa.Column, present: str) -> str | None:
    """Return the type that the column should have if the source's catalogue has another one; None if not."""
    noted = column.info.get("declared")
    if noted is not None:
        return None if present.casefold() == noted.casefold() else noted or "untyped"
    if column.info.get("row_version"):
        return None if _base(present) in _ROW_VERSION else "a row version"
    kind = kind_of(column)
    return None if _base(present) in kind.declared else kind.noun


def _base(declared: str) -> str:
    """Return a catalogue's type without its sizes."""
    return re.sub(r"\(.*", "", declared).strip().upper()


# Renames: something is gone, and something like it is new.


def _is_like_column(guard: Guard, place: SourcePlace, gone: sa.Column, new: SourceColumn) -> bool:
    is_like = new.type.casefold() == str(gone.info.get("declared", "")).casefold()
    return is_like and guard.may_be(place, str(gone.name), new.name, new.type)


def mirror_faults(warehouse: Warehouse, table: sa.Table) -> tuple[str, ...]:
    """Return a sentence for each way in which the mirror's columns differ from the declared ones."""
    mirror = f"{target_schema(table)}.{table.name}"
    wanted, found = warehouse.declared_columns(table), warehouse.mirror_columns(table)
    if not found:
        return (f"{mirror} is not in the warehouse: run `saas-platform sync`.",)
    remedy = "run `saas-platform sync`, which loads the table again."
    faults = [f"{mirror} lacks the column {name}: {remedy}" for name in wanted if name not in found]
    faults += [
        f"{mirror} has a column {name} that is not declared: {remedy}"
        for name in found
        if name not in wanted
    ]
    faults += [
        f"{mirror}.{name} is {found[name]}, but declared as {kind}: {remedy}"
        for name, kind in wanted.items()
        if name in found and found[name] != kind
    ]
    if not faults and list(found) != list(wanted):
        faults = [f"{mirror} has its columns in a different order: {remedy}"]
    return tuple(faults)
