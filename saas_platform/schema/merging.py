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

from saas_platform.schema.commented_yaml import put_first, quoted_value
from saas_platform.schema.declared import (
    Declaration,
    SourcePlace,
    folded_place,
    place_entry,
    skip_tables,
)
from saas_platform.schema.describing import counted
from saas_platform.schema.exposure import Look
from saas_platform.schema.kept_comments import with_comments
from saas_platform.schema.merging_columns import ColumnsMerge, Notes
from saas_platform.schema.merging_forms import (
    kept_words,
    reasons_of,
    skipped_words,
    stays_words,
    table_words,
    undecided_types,
)
from saas_platform.schema.merging_names import dotted, free_name
from saas_platform.schema.merging_tables import new_entry
from saas_platform.schema.moved_sentences import moved_words, unsure_words
from saas_platform.schema.origins import Origins
from saas_platform.schema.protection import Guard, Reason
from saas_platform.schema.renames import alike, undecided
from saas_platform.schema.source_names import pair_names, source_table
from saas_platform.schema.standing import Wanted, found_columns
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
    origins: Origins | None = None,
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
        origins: which columns of the source reference others, and which are computed.

    Returns:
        The changed text, with all changes.
    """
    # A mark of the byte order, which some editors write, is no part of the text that is parsed.
    mark = text[: text.startswith("\ufeff")]
    text = text.removeprefix(mark)
    fold = str.casefold if ignore_case else str
    work = _Work(
        TablesTree(text),
        declaration,
        list(found),
        present,
        views,
        unfit,
        fold,
        origins or Origins(),
    )
    work.run()
    notes = work.notes
    merged = with_comments(text, work.tree.text()) if notes.changes else text
    return Merge(
        mark + merged,
        tuple(notes.changes),
        tuple(notes.added),
        tuple(notes.remarks),
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
    origins: Origins
    notes: Notes = field(default_factory=Notes)
    guard: Guard = field(default_factory=Guard)

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
        reasons = {
            str(table.name): reasons_of(self.guard, source_table(table), table.columns)
            for table in new
        }
        for each in alike(gone, new, self._is_like):
            if each.is_rename:
                (name,), (table,) = each.gone, each.new
                self._read_from(name, source_table(table))
                self.notes.changes.append(
                    f"{name} {self._why_gone(wanted[name])}, where {dotted(source_table(table))} is new and has the"
                    " same columns: it is read from there now"
                )
                new.remove(table)
                gone.remove(name)
                paired[name] = source_table(table)
            else:
                names = [dotted(source_table(table)) for table in each.new]
                self.notes.changes.append(
                    undecided(each.gone, names, kind="tables", alike_by="the same columns")
                )
        by_name = {str(by_place[place].name): name for name, place in paired.items()}
        there = {name: by_place[place] for name, place in paired.items()}
        unsettled = undecided_types(self.guard, self.tables, there, self.fold)
        kept = {(reason.table, reason.field.name) for _, reason in unsettled.values()}
        columns = ColumnsMerge(self.tree, self.guard, self.unfit, kept, self.fold, self.notes)
        for (name, column), (kind, reason) in unsettled.items():
            self.notes.remarks.append(stays_words(f"{name}.{column}", kind, reason))
        for name in there:
            if all(name != each for each, _ in unsettled):
                columns.merge(name, there[name])
                if all(
                    each.get("mirror") == "drop" for each in self.tables[name]["columns"].values()
                ):
                    why = "has only columns now that the mirror drops"
                    self._remove_table(name, wanted[name], why)
        for name, place in wanted.items():
            if name not in (*paired, *gone, *held):
                self.notes.remarks.append(
                    f"{name} stays in tables.yaml as it is, because discovery leaves {dotted(place)} out. To leave it"
                    f" out too: remove {name} from tables.yaml, with the references to it, and"
                    f" {skip_tables(self.declaration.skipped, [place])}."
                )
        for name in gone:
            if any(name == each for each, _ in kept):
                self.notes.remarks.append(kept_words(name))
            else:
                self._remove_table(name, wanted[name], self._why_gone(wanted[name]))
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
        columns = {place: found_columns(by_place[place]) for place in (*named, *left_out)}
        look = Look(
            self.wanted,
            {name: paired.get(name, place) for name, place in wanted.items() if name not in gone},
            columns,
            left_out,
            self.origins.among(columns),
        )
        moves = look.moves()
        self.guard = look.guard(moves)
        held = {name for each in moves.unsure for name in each.names}
        for name, place in moves.sure.items():
            own = None if name in gone else dotted(paired[name])
            self.notes.changes.append(moved_words(name, own, dotted(place)))
            self._read_from(name, place)
        for each in moves.unsure:
            self.notes.remarks.append(
                unsure_words(each.names, each.places, self.declaration.skipped)
            )
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

    def _remove_table(self, name: str, place: SourcePlace, why: str) -> None:
        self.tree.remove(name)
        without = [
            other
            for other in self.tables
            if self.tree.drop(other, "references", lambda each: each["table"] == name)
        ]
        also = f", with the references to it in {', '.join(without)}" if without else ""
        if any(each.form != "keep" for each in self.wanted[name].fields):
            self.tree.skip_table(place_entry(place))
            also += f"; {skipped_words('at the top ')}"
        self.notes.changes.append(f"{name} {why}: it is removed{also}")

    def _add_table(
        self,
        name: str,
        table: sa.Table,
        names: Mapping[str, str],
        reasons: Mapping[str, Mapping[str, Reason]],
    ) -> None:
        entry, without = new_entry(name, table, self.tables, names, self.found, reasons)
        self.tree.append(name, entry)
        self.notes.added += table.columns
        number = counted(len(entry["columns"]), "column")
        forms = table_words(name, reasons[str(table.name)])
        self.notes.changes.append(
            "; ".join([f"{name} is new in the source: it is added, with {number}{forms}", *without])
        )
