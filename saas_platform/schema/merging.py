"""Merge a new discovery into a `tables.yaml` that a person has edited.

Contains: the comparison, and the changed text, in which all other edits and comments stay. Out of scope: the discovery
(source/discovery.py), and the decision to write the text (cli/discover.py).

A new table or column is added, and a new column that can't be read is skipped. One that is gone is removed, together
with everything that names it. One that seems to be renamed gets a `source:`, and `declared` follows the catalogue. Types, names, marks of personal data, keys,
contracts and what is skipped belong to the person, and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.commented_yaml import append, put_first, quoted_value
from saas_platform.schema.declared import (
    Declaration,
    SourcePlace,
    column_entry,
    folded_place,
    place_entry,
    skip_tables,
    type_name,
)
from saas_platform.schema.describing import counted
from saas_platform.schema.exposure import Look
from saas_platform.schema.kept_comments import with_comments
from saas_platform.schema.merging_forms import (
    column_words,
    formed,
    kept_words,
    stays_words,
    table_words,
    undecided_types,
)
from saas_platform.schema.merging_keys import key_remark
from saas_platform.schema.merging_names import (
    declared_alike,
    dotted,
    free_name,
)
from saas_platform.schema.merging_removal import remove_column
from saas_platform.schema.merging_tables import new_entry
from saas_platform.schema.moved_sentences import moved_words, unsure_words
from saas_platform.schema.protection import Guard, Reason, Wanted, found_column, found_columns
from saas_platform.schema.renames import alike, undecided
from saas_platform.schema.source_names import pair_names, source_column, source_table
from saas_platform.schema.tables_tree import TablesTree


@dataclass(frozen=True)
class Merge:
    """The file's text with the changes, and a sentence for each of them."""

    text: str
    changes: tuple[str, ...]
    #: Columns that the changes add to the file.
    added: tuple[sa.Column[Any], ...]
    #: A sentence for each table that discovery leaves out, and for each column whose values suggest another type,
    #: because the file keeps both.
    remarks: tuple[str, ...] = ()
    #: How many tables the file declares with the changes.
    tables: int = field(default=0, compare=False)


def merge(
    text: str,
    declaration: Declaration,
    found: Iterable[sa.Table],
    present: Collection[SourcePlace],
    views: Collection[SourcePlace] = (),
    unfit: Collection[tuple[str, str]] = (),
    ignore_case: bool = True,
) -> Merge:
    """Bring the file's text up to date with what discovery found.

    Args:
        text: the text of the file.
        declaration: what the text declares.
        found: the tables that discovery could examine.
        present: all tables of the source; one that discovery could not examine is not gone.
        views: the places of the file at which the source has a view now, which can't be mirrored.
        unfit: the columns, by table and name, with values that do not fit the type that the file declares.
        ignore_case: whether the source finds a column by its name in another case.

    Returns:
        The changed text, with all changes.
    """
    # A mark of the byte order, which some editors write, is no part of the text that is parsed.
    mark = text[: text.startswith("\ufeff")]
    text = text.removeprefix(mark)
    fold = str.casefold if ignore_case else str
    work = _Work(TablesTree(text), declaration, list(found), present, views, unfit, fold)
    work.run()
    merged = with_comments(text, work.tree.text()) if work.changes else text
    return Merge(
        mark + merged,
        tuple(work.changes),
        tuple(work.added),
        tuple(work.remarks),
        len(work.tables),
    )


@dataclass
class _Work:
    """One merge. It changes the file's tree step by step, and notes each step."""

    tree: TablesTree
    declaration: Declaration
    found: list[sa.Table]
    present: Collection[SourcePlace]
    views: Collection[SourcePlace]
    unfit: Collection[tuple[str, str]]
    fold: Callable[[str], str]
    changes: list[str] = field(default_factory=list)
    added: list[sa.Column[Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    guard: Guard = field(default_factory=Guard)
    #: The protected columns, as table and name, that must not change because others may hold their values.
    kept: set[tuple[str, str]] = field(default_factory=set)

    def run(self) -> None:
        by_place = {source_table(table): table for table in self.found}
        wanted = {name: source_table(table) for name, table in self.declaration.tables.items()}
        paired = pair_names(wanted, by_place, folded_place)
        skipped = {folded_place(place) for place in self.declaration.skipped}
        new = [
            table
            for place, table in by_place.items()
            if place not in paired.values() and folded_place(place) not in skipped
        ]
        here = {folded_place(place) for place in self.present}
        gone = [n for n, p in wanted.items() if n not in paired and folded_place(p) not in here]
        held = self._follow_moves(by_place, paired, new, gone)
        reasons = {str(table.name): self._reasons(None, table.columns) for table in new}
        for each in alike(gone, new, self._is_like):
            if each.is_rename:
                (name,), (table,) = each.gone, each.new
                self._read_from(name, source_table(table))
                self.changes.append(
                    f"{name} {self._why_gone(wanted[name])}, where {dotted(source_table(table))} is new and has the"
                    " same columns: it is read from there now"
                )
                new.remove(table)
                gone.remove(name)
                paired[name] = source_table(table)
            else:
                names = [dotted(source_table(table)) for table in each.new]
                self.changes.append(
                    undecided(each.gone, names, kind="tables", alike_by="the same columns")
                )
        by_name = {str(by_place[place].name): name for name, place in paired.items()}
        there = {name: by_place[place] for name, place in paired.items()}
        unsettled = undecided_types(self.guard, self.tables, there, self.fold)
        self.kept = {(reason.table, reason.field.name) for _, reason in unsettled.values()}
        for (name, column), (kind, reason) in unsettled.items():
            self.remarks.append(stays_words(f"{name}.{column}", kind, reason))
        for name in there:
            if all(name != each for each, _ in unsettled):
                self._merge_columns(name, there[name])
        for name, place in wanted.items():
            if name not in (*paired, *gone, *held):
                self.remarks.append(
                    f"{name} stays in tables.yaml as it is, because discovery leaves {dotted(place)} out. To leave it"
                    f" out too: remove {name} from tables.yaml, with the references to it, and"
                    f" {skip_tables(self.declaration.skipped, [place])}."
                )
        for name in gone:
            if any(name == each for each, _ in self.kept):
                self.remarks.append(kept_words(name))
            else:
                self._remove_table(name, self._why_gone(wanted[name]))
        for table in new:
            by_name[str(table.name)] = free_name(
                self.tables, str(table.name), repr(source_table(table))
            )
        for table in new:
            self._add_table(by_name[str(table.name)], table, by_name, reasons)

    @cached_property
    def wanted(self) -> dict[str, Wanted]:
        return {name: Wanted.of(table) for name, table in self.declaration.tables.items()}

    def _is_like(self, name: str, table: sa.Table) -> bool:
        return self.wanted[name].is_like(found_columns(table))

    @property
    def tables(self) -> Mapping[str, Any]:
        return self.tree.tables

    # Tables.

    def _why_gone(self, place: SourcePlace) -> str:
        return "is a view now in the source" if place in self.views else "is gone from the source"

    def _follow_moves(
        self,
        by_place: Mapping[SourcePlace, sa.Table],
        paired: dict[str, SourcePlace],
        new: list[sa.Table],
        gone: list[str],
    ) -> set[str]:
        """Read tables that have the names of others now from where they are, and take them from those that are left.

        Returns:
            The tables of which that can't be said. They stay as they are.
        """
        wanted = {name: source_table(table) for name, table in self.declaration.tables.items()}
        named = [*paired.values(), *map(source_table, new)]
        left_out = [place for place in by_place if place not in named]
        look = Look(
            self.wanted,
            {name: paired.get(name, place) for name, place in wanted.items() if name not in gone},
            {place: found_columns(by_place[place]) for place in (*named, *left_out)},
            left_out,
        )
        moves = look.moves()
        self.guard = look.guard(moves)
        held = {name for each in moves.unsure for name in each.names}
        for name, place in moves.sure.items():
            own = None if name in gone else dotted(paired[name])
            self.changes.append(moved_words(name, own, dotted(place)))
            self._read_from(name, place)
        for each in moves.unsure:
            self.remarks.append(unsure_words(each.names, each.places, self.declaration.skipped))
        settled = {*moves.sure.values(), *(place for each in moves.unsure for place in each.places)}
        paired |= moves.sure
        for name in held & paired.keys():
            del paired[name]
        new[:] = [table for table in new if source_table(table) not in settled]
        gone[:] = [name for name in gone if name not in {*moves.sure, *held}]
        # What is known of the values is about the table of the old place.
        self.unfit = {each for each in self.unfit if each[0] not in moves.sure}
        return held

    def _read_from(self, name: str, place: SourcePlace) -> None:
        node = self.tree.to_change(name)
        if place == (None, name):
            del node["source"]
        else:
            put_first(node, "source", quoted_value(place_entry(place)))

    def _remove_table(self, name: str, why: str) -> None:
        self.tree.remove(name)
        without = [
            other
            for other in self.tables
            if self.tree.drop(other, "references", lambda each: each["table"] == name)
        ]
        also = f", with the references to it in {', '.join(without)}" if without else ""
        self.changes.append(f"{name} {why}: it is removed{also}")

    def _add_table(
        self,
        name: str,
        table: sa.Table,
        names: Mapping[str, str],
        reasons: Mapping[str, Mapping[str, Reason]],
    ) -> None:
        entry = new_entry(name, table, self.tables, names, self.found, reasons)
        self.tree.append(name, entry)
        self.added += table.columns
        number = counted(len(entry["columns"]), "column")
        forms = table_words(name, reasons[str(table.name)])
        self.changes.append(f"{name} is new in the source: it is added, with {number}{forms}")

    def _reasons(self, name: str | None, columns: Iterable[sa.Column[Any]]) -> dict[str, Reason]:
        """Return why new columns must not be read in the clear, by their names in the discovery."""
        found = {str(each.name): self.guard.reason(name, *found_column(each)) for each in columns}
        return {column: reason for column, reason in found.items() if reason is not None}

    # Columns.

    def _merge_columns(self, name: str, table: sa.Table) -> None:
        node = self.tables[name]["columns"]
        by_source = {source_column(column): column for column in table.columns}
        wanted = {each: str(column.get("source", each)) for each, column in node.items()}
        paired = pair_names(wanted, by_source, self.fold)
        skipped = {str(each).casefold() for each in self.tables[name].get("skip", ())}
        new = [
            column
            for source, column in by_source.items()
            if source not in paired.values() and source.casefold() not in skipped
        ]
        gone = [each for each in node if each not in paired]
        unreadable = self._skip_unreadable(name, table)
        lost = [each for each in gone if wanted[each].casefold() in unreadable]
        gone = [each for each in gone if each not in lost]
        reasons = self._reasons(name, new)
        for like in alike(
            gone,
            new,
            lambda each, column: (
                declared_alike(node[each], column)
                and self.guard.may_be(name, each, *found_column(column))
            ),
        ):
            if like.is_rename:
                (renamed,), (found,) = like.gone, like.new
                self._rename_column(name, renamed, source_column(found))
                gone.remove(renamed)
                new.remove(found)
            else:
                olds = [f"{name}.{each}" for each in like.gone]
                news = [*map(source_column, like.new)]
                has = "the same type"
                self.changes.append(undecided(olds, news, kind="columns", alike_by=has))
        for each, source in paired.items():
            self._follow_declared(name, each, by_source[source])
        # A new column may be the key's, so it comes before the key is looked for again.
        for column in new:
            self._add_column(name, column, reasons.get(str(column.name)))
        for each in gone:
            if (name, each) in self.kept:
                self.remarks.append(kept_words(f"{name}.{each}"))
            else:
                self._remove_column(name, each, table, "is gone from the source")
        for each in lost:
            self._remove_column(name, each, table, "can no longer be read")
        remark = key_remark(name, self.tables[name], table)
        if remark is not None:
            self.remarks.append(remark)

    def _skip_unreadable(self, name: str, table: sa.Table) -> set[str]:
        """Skip the columns that the source can't read, unless the file skips them already.

        Returns:
            Their names in small letters.
        """
        node = self.tables[name]
        skipped = [str(each) for each in node.get("skip", ())]
        known = {each.casefold() for each in skipped}
        unreadable = sorted(table.info.get("skipped", ()))
        for each in unreadable:
            if each.casefold() not in known:
                skipped.append(each)
                self.changes.append(
                    f"{name}.{each} can't be read: it is added to `skip:` of {name}"
                )
        if len(skipped) > len(known):
            put_first(self.tree.to_change(name), "skip", quoted_value(skipped))
        return {each.casefold() for each in unreadable}

    def _rename_column(self, name: str, column: str, source: str) -> None:
        node = self.tree.to_change(name)["columns"][column]
        was = node.get("source", column)
        if source == column:
            del node["source"]
        else:
            put_first(node, "source", quoted_value(source))
        self.changes.append(
            f"{name}.{column}: {was} is gone from the source, where {source} is new and has the same type: it is"
            " read from there now"
        )

    def _follow_declared(self, name: str, column: str, found: sa.Column[Any]) -> None:
        node = self.tables[name]["columns"][column]
        was, now = str(node.get("declared", "")), str(found.info.get("declared", ""))
        if was.casefold() == now.casefold():
            if (name, column) in self.unfit:
                self.remarks.append(
                    f"{name}.{column} keeps its type {node['type']}. Where a value does not fit it, the table stops:"
                    f" correct the value, or write `type: {type_name(found)}` at {name}.{column} in tables.yaml."
                )
            return
        if (name, column) in self.kept:
            self.remarks.append(kept_words(f"{name}.{column}"))
            return
        node = self.tree.to_change(name)["columns"][column]
        node["declared"] = quoted_value(now)
        proposed = type_name(found)
        stays = "" if str(node["type"]) == proposed else (
            f". Its type stays {node['type']}, but its values now suggest {proposed}: check it"
        )  # fmt: skip
        self.changes.append(
            f"{name}.{column} is now declared as {now or 'nothing'} in the source; it was {was or 'nothing'}{stays}"
        )

    def _remove_column(self, name: str, column: str, table: sa.Table, reason: str) -> None:
        also = remove_column(self.tree, name, column, table)
        self.changes.append("; ".join([f"{name}.{column} {reason}: it is removed", *also]))

    def _add_column(self, name: str, column: sa.Column[Any], reason: Reason | None) -> None:
        columns = self.tree.to_change(name)["columns"]
        source = source_column(column)
        free = free_name(columns, str(column.name), source)
        node = formed(column_entry(column), reason)
        if free != source:
            node = {"source": source, **node}
        append(columns, free, quoted_value(node))
        self.added.append(column)
        self.changes.append(
            f"{name}.{free} is new in the source: it is added as {node['type']}{column_words(reason)}"
        )
