"""The sentences on drift: what differs between the source and what is declared, and what to do.

For a user's own database they name the line to write in tables.yaml. Out of scope: finding the drift (drift.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from saas_platform.schema.declared import (
    SourcePlace,
    place_entry,
    skip_tables,
    type_name,
    yaml_line,
)
from saas_platform.schema.merging_forms import formed, retyped_words
from saas_platform.schema.merging_names import dotted
from saas_platform.schema.mirror_names import mirror_names
from saas_platform.schema.moved_sentences import FOR_EACH, may_be_copy, may_be_renamed
from saas_platform.schema.moves import Moves
from saas_platform.schema.protection import OR_KEEP, Reason
from saas_platform.schema.renames import Alike, few, listed
from saas_platform.schema.source_names import source_column, source_table
from saas_platform.schema.standing import fields_of
from saas_platform.source.interface import SourceColumn
from saas_platform.source.values import skip_columns, skip_line, unreadable_sentences

#: Tables or columns of the file that are gone, and the new ones of the source that are like them.
LikeTables = Alike[sa.Table, SourcePlace]
LikeColumns = Alike[sa.Column, SourceColumn]
NOTHING_LIKE_IT = LikeTables((), ())
NO_COLUMN = LikeColumns((), ())

#: How many lines one error shows. In a larger circle of tables, each error shows that of its own table.
_MOST_LINES = 5
_UNTIL_THEN = "Until then the table is not synced."
#: What to do about something protected that is gone. Without it in the file, nothing would show what it protected.
_SKIPS_IT = (
    "run `saas-platform doctor --discover --yes`, which moves it to `skip:`, because it is protected, so that it is not"
    " read if it returns"
)


class Sentences(Protocol):
    """The sentences on the drift of a table."""

    def no_table(self, like: LikeTables, *, is_view: bool = False) -> str: ...
    def gone(self, column: sa.Column, like: LikeColumns) -> str: ...
    def unsupported(self, reason: str) -> str: ...
    def unreadable(self, columns: Mapping[str, SourceColumn]) -> Iterator[str]: ...
    def other_type(
        self, column: sa.Column, present: str, wanted: str, reason: Reason | None
    ) -> str: ...
    def lost_key(self) -> str: ...
    def loose(self, column: sa.Column) -> str: ...
    def new(
        self, columns: Sequence[SourceColumn], reasons: Mapping[str, Reason | None]
    ) -> Iterator[str]: ...


@dataclass(frozen=True)
class CompanySentences:
    """The sentences for the company's tables, which are declared in our own code."""

    table: sa.Table

    def no_table(self, like: LikeTables, *, is_view: bool = False) -> str:  # noqa: ARG002
        return f"The source has no table {self.table.name}: create it, or restore it."

    def gone(self, column: sa.Column, like: LikeColumns) -> str:  # noqa: ARG002
        return (
            f"{self.table.name}.{column.name} is missing in the source: restore the column."
            f" {_UNTIL_THEN}"
        )

    def unsupported(self, reason: str) -> str:
        return f"{reason} {_UNTIL_THEN}"

    def unreadable(self, columns: Mapping[str, SourceColumn]) -> Iterator[str]:
        for name, present in columns.items():
            yield f"{self.table.name}.{name} {present.unreadable}. {_UNTIL_THEN}"

    def other_type(
        self,
        column: sa.Column,
        present: str,
        wanted: str,
        reason: Reason | None,  # noqa: ARG002
    ) -> str:
        return (
            f"{self.table.name}.{column.name} is {present or 'untyped'} in the source, but declared"
            f" as {wanted}: change it back. {_UNTIL_THEN}"
        )

    def lost_key(self) -> str:
        return (
            f"{self.table.name} has lost its key, and nothing in the source keeps {_key(self.table)} unique now:"
            f" restore the primary key or a unique constraint. {_UNTIL_THEN}"
        )

    def loose(self, column: sa.Column) -> str:
        return (
            f"{self.table.name}.{column.name} may be NULL in the source, but is declared as NOT NULL: change the"
            " declaration, or restore the constraint. The first NULL in it stops the table."
        )

    def new(
        self,
        columns: Sequence[SourceColumn],
        reasons: Mapping[str, Reason | None],  # noqa: ARG002
    ) -> Iterator[str]:
        for column in columns:
            yield (
                f"{self.table.name}.{column.name} of the source is not mirrored, because it is not declared:"
                " declare it in saas_platform/schema/tables.py if you want it."
            )


@dataclass(frozen=True)
class UserSentences:
    """The sentences for a user's own tables, which tables.yaml declares. Each names the line to write there."""

    table: sa.Table

    def no_table(self, like: LikeTables, *, is_view: bool = False) -> str:
        name, place = self.table.name, dotted(source_table(self.table))
        gone = (
            f"{place} is a view in the source now, which can't be mirrored"
            if is_view
            else f"The source no longer has the table {place}"
        )
        if not like.new and is_protected(self.table):
            return f"{gone}: {_SKIPS_IT}, or write `source:` with its new name under {name} in tables.yaml. {_UNTIL_THEN}"
        if not like.new:
            return (
                f"{gone}: remove {name} from tables.yaml, or write `source:` with its new name under {name}"
                f" there. {_UNTIL_THEN}"
            )
        if like.is_rename:
            line = f"`{yaml_line('source', place_entry(like.new[0]))}`"
        else:
            line = "`source:` with its new name"
        new = listed([*map(dotted, like.new)])
        one, has = ("a new one", "has") if len(like.new) == 1 else ("new ones", "have")
        first = (
            f"add {new} to tables.yaml with the same forms, and then "
            if is_protected(self.table)
            else ""
        )
        return (
            f"{gone}, but {one}, {new}, {has} the same columns{_rivals(self.table, like.gone)}: if it was renamed,"
            f" write {line} under {name} in tables.yaml, which keeps the mirror. If not, {first}remove"
            f" {name} from tables.yaml. {_UNTIL_THEN}"
        )

    def moved(self, moves: Moves[sa.Table, SourcePlace]) -> str:
        """Return the sentence on a table whose name another one has now, or that has the name of another one."""
        name, place = self.table.name, dotted(source_table(self.table))
        unsure = moves.unsure_of(self.table)
        if unsure is not None:
            if len(unsure.names) == 1:
                skipped = self.table.metadata.info.get("skipped", ())
                said = may_be_copy(name, unsure.places, skipped)
                return f"{name} can't be distinguished from another table: {said}. {_UNTIL_THEN}"
            names = few([str(each.name) for each in unsure.names])
            return (
                f"{name} can't be distinguished from other tables, because {may_be_renamed(unsure.places)} ({names} in"
                f" tables.yaml), and there are several ways: {FOR_EACH}. {_UNTIL_THEN}"
            )
        by_itself = "`saas-platform doctor --discover --yes` does it for you"
        shown, which = [*moves.sure], "which keeps the mirrors"
        if len(shown) > _MOST_LINES:
            shown = [self.table]
            which = "which keeps the mirror, and for each of the others what its own error says"
        lines = [
            f"`{yaml_line('source', place_entry(moves.sure[each]))}` under {each.name}"
            for each in shown
        ]
        return (
            f"{place} of the source does not have the columns of {name}, which"
            f" {dotted(moves.sure[self.table])} has now, so that their tables seem to be renamed: write"
            f" {listed(lines)} in tables.yaml, {which} ({by_itself}). {_UNTIL_THEN}"
        )

    def gone(self, column: sa.Column, like: LikeColumns) -> str:
        name = f"{self.table.name}.{column.name}"
        gone = f"{name} is gone from the source"
        if source_column(column) != column.name:
            gone += f", where it was called {source_column(column)}"
        is_formed = "mirror_form" in column.info
        if not like.new and is_formed:
            return f"{gone}: {_SKIPS_IT}. {_UNTIL_THEN}"
        if not like.new:
            return (
                f"{gone}: remove it from the columns of {self.table.name} in tables.yaml, and from everything there"
                f" that names it. {_UNTIL_THEN}"
            )
        new = listed([each.name for each in like.new])
        line = f"`{yaml_line('source', new)}`" if like.is_rename else "`source:` with its new name"
        words = f"a new column {new} has" if len(like.new) == 1 else f"new columns {new} have"
        first = f"write {new} with its form as below, and then " if is_formed else ""
        return (
            f"{gone}, but {words} its type{_rivals(column, like.gone)}: if it was renamed, write"
            f" {line} at {name} in tables.yaml, which keeps the mirror."
            f" If not, {first}remove the column from tables.yaml. {_UNTIL_THEN}"
        )

    def unsupported(self, reason: str) -> str:
        skip = skip_tables(self.table.metadata.info["skipped"], [source_table(self.table)])
        return (
            f"{reason} To leave the table out: remove {self.table.name} from tables.yaml, with the references to"
            f" it, and {skip}. {_UNTIL_THEN}"
        )

    def unreadable(self, columns: Mapping[str, SourceColumn]) -> Iterator[str]:
        for sentence in unreadable_sentences(self.table, columns):
            yield f"{sentence} {_UNTIL_THEN}"

    def other_type(
        self, column: sa.Column, present: str, wanted: str, reason: Reason | None
    ) -> str:
        name = f"{self.table.name}.{column.name}"
        if reason is not None:
            said = retyped_words(name, present, reason)
            return f"{name} is {wanted} in tables.yaml: {said}. {_UNTIL_THEN}"
        return (
            f"{name} is {present or 'untyped'} in the source, but {wanted} in tables.yaml: write"
            f" `{yaml_line('declared', present)}` at {name} in tables.yaml, with a `type:` that can hold its values"
            f" (`saas-platform doctor --discover` proposes one). {_UNTIL_THEN}"
        )

    def lost_key(self) -> str:
        return (
            f"{self.table.name} has lost its key, and nothing in the source keeps {_key(self.table)} unique now:"
            f" write other columns, or `key: []`, under {self.table.name} in tables.yaml. If you know that they"
            f" are unique, write `key_enforced: false` there instead. {_UNTIL_THEN}"
        )

    def loose(self, column: sa.Column) -> str:
        name = f"{self.table.name}.{column.name}"
        return (
            f"{name} may be NULL in the source, but tables.yaml has `nullable: false`: write"
            f" `nullable: true` at {name} in tables.yaml. The first NULL in it stops the table."
        )

    def new(
        self, columns: Sequence[SourceColumn], reasons: Mapping[str, Reason | None]
    ) -> Iterator[str]:
        """Yield the sentences on new columns, of which some must have a form, by their names in the source."""
        others = readable(columns)
        unreadable = [column for column in columns if column not in others]
        table, alone = self.table.name, len(columns) == 1
        for column in unreadable:
            leave = f" To leave it out: {skip_columns(self.table, [column])}." if alone else ""
            yield f"{table}.{column.name} is new in the source, is not mirrored, and {column.unreadable}.{leave}"
        for column in others:
            proposed = type_name(sa.Column(column.name, column.portable))
            reason = reasons[column.name]
            described = formed({"type": proposed, "declared": column.type}, reason)
            name = mirror_names([column.name], self.table.columns.keys())[column.name]
            if name != column.name:
                described = {"source": column.name, **described}
            line = yaml_line(name, described)
            leave = (
                f"leave it out with `{skip_line(self.table, [column])}` under {table}"
                if alone
                else f"list it in `skip:` of {table}"
            )
            yield (
                f"{table}.{column.name} is new in the source, and is not mirrored: write `{line}` under the"
                f" columns of {table} in tables.yaml, or {leave} (`saas-platform doctor --discover --yes` adds it"
                f" for you).{'' if reason is None else f' That line has it {reason.words}: {OR_KEEP}.'}"
            )
        if alone:
            return
        if unreadable:
            yield f"To leave out the columns of {table} that can't be read: {skip_columns(self.table, unreadable)}."
        if others:
            yield f"To leave out all new columns of {table}: {skip_columns(self.table, [*unreadable, *others])}."


def is_protected(table: sa.Table) -> bool:
    """Return whether the file masks, hashes or drops a column of the table."""
    return any(each.form != "keep" for each in fields_of(table))


def dropped_words(table: str, like: LikeColumns) -> str:
    """Return the sentence on a column of `mirror: drop` that seems to be renamed."""
    (gone,), (new,) = like.gone, like.new
    name = f"{table}.{gone.name}"
    return (
        f"{name}, which is dropped from the mirror, is gone from the source, but a new column {new.name} has its type: if"
        f" it was renamed, write `{yaml_line('source', new.name)}` at {name} in tables.yaml (`saas-platform doctor"
        f" --discover --yes` does it for you). If not, list {new.name} in `skip:` of {table}, or write it as a column."
    )


def _rivals(own: sa.Table | sa.Column, gone: Sequence[sa.Table | sa.Column]) -> str:
    """Return the words on other things that are gone and may have been renamed instead; none if there are none."""
    others = [str(each.name) for each in gone if each is not own]
    if not others:
        return ""
    return f" (as had {listed(others)}, which may have been renamed instead)"


def _key(table: sa.Table) -> str:
    return ", ".join(source_column(column) for column in table.primary_key.columns)


def unnamed_sentences(
    reasons: Mapping[SourcePlace, str | None], skipped: Collection[SourcePlace]
) -> Iterator[str]:
    """Yield the warnings on tables that the file does not name, each with the reason why it can't be mirrored."""
    unsupported = [place for place, reason in reasons.items() if reason is not None]
    others = [place for place in reasons if place not in unsupported]
    alone = len(reasons) == 1
    for place in unsupported:
        yield f"{reasons[place]}{f' To leave the table out: {skip_tables(skipped, [place])}.' if alone else ''}"
    for place in others:
        leave = (
            skip_tables(skipped, [place])
            if alone
            else "list it in `skip:` at the top of tables.yaml"
        )
        yield (
            f"{dotted(place)} of the source is not mirrored, because tables.yaml does not name it: add it"
            f" with `saas-platform doctor --discover --yes`, or {leave}."
        )
    if alone:
        return
    if unsupported:
        yield f"To leave out the tables that can't be mirrored: {skip_tables(skipped, unsupported)}."
    if others:
        yield (
            "To leave out all tables that tables.yaml does not name:"
            f" {skip_tables(skipped, [*unsupported, *others])}."
        )


def readable(columns: Iterable[SourceColumn]) -> list[SourceColumn]:
    """Return the columns whose values can be mirrored."""
    return [column for column in columns if column.unreadable is None]
