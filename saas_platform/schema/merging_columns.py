"""Merge what a discovery found of the columns of a table into a `tables.yaml` that a person has edited.

Out of scope: the tables (merging.py), and which columns must have which form (protection.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.commented_yaml import append, put_first, quoted_value
from saas_platform.schema.declared import column_entry, type_name
from saas_platform.schema.merging_forms import (
    column_words,
    formed,
    kept_words,
    reasons_of,
    shown_words,
    skipped_words,
)
from saas_platform.schema.merging_keys import key_remark
from saas_platform.schema.merging_names import declared_alike, free_name
from saas_platform.schema.merging_removal import remove_column
from saas_platform.schema.protection import Guard, Reason
from saas_platform.schema.renames import alike, undecided
from saas_platform.schema.source_names import pair_names, source_column, source_table
from saas_platform.schema.standing import found_column
from saas_platform.schema.tables_tree import TablesTree


@dataclass
class Notes:
    """What a merge says of its steps."""

    changes: list[str] = field(default_factory=list)
    added: list[sa.Column[Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ColumnsMerge:
    """The part of a merge that changes the columns of tables."""

    tree: TablesTree
    guard: Guard
    #: The columns, by table and name, with values that do not fit the type that the file declares.
    unfit: Collection[tuple[str, str]]
    #: The protected columns, as table and name, that must not change because others may hold their values.
    kept: Collection[tuple[str, str]]
    fold: Callable[[str], str]
    notes: Notes

    def merge(self, name: str, table: sa.Table) -> None:
        """Bring the columns of the table `name` of the file up to date with the table that was found in its place."""
        node = self.tree.tables[name]["columns"]
        place = source_table(table)
        by_source = {source_column(column): column for column in table.columns}
        wanted = {each: str(column.get("source", each)) for each, column in node.items()}
        paired = pair_names(wanted, by_source, self.fold)
        skipped = {each.casefold() for each in self.tree.skipped(name)}
        new = [
            column
            for source, column in by_source.items()
            if source not in paired.values() and source.casefold() not in skipped
        ]
        gone = [each for each in node if each not in paired]
        unreadable = self._skip_unreadable(name, table)
        lost = [each for each in gone if wanted[each].casefold() in unreadable]
        gone = [each for each in gone if each not in lost]
        reasons = reasons_of(self.guard, place, new)
        for like in alike(
            [each for each in gone if (name, each) not in self.kept],
            new,
            lambda each, column: (
                declared_alike(node[each], column)
                and self.guard.may_be(place, each, *found_column(column))
            ),
        ):
            if like.is_rename:
                (renamed,), (found,) = like.gone, like.new
                self._rename(name, renamed, source_column(found))
                gone.remove(renamed)
                new.remove(found)
            else:
                olds = [f"{name}.{each}" for each in like.gone]
                news = [*map(source_column, like.new)]
                has = "the same type"
                self.notes.changes.append(undecided(olds, news, kind="columns", alike_by=has))
        for each, source in paired.items():
            self._follow_declared(name, each, by_source[source])
            self._remark_shown(name, each, by_source[source])
        # A new column may be the key's, so it comes before the key is looked for again.
        for column in new:
            self._add(name, column, reasons.get(str(column.name)))
        for each in gone:
            if (name, each) in self.kept:
                self.notes.remarks.append(kept_words(f"{name}.{each}"))
            else:
                self._remove(name, each, table, "is gone from the source", wanted[each])
        for each in lost:
            self._remove(name, each, table, "can no longer be read")
        remark = key_remark(name, self.tree.tables[name], table)
        if remark is not None:
            self.notes.remarks.append(remark)

    def _skip_unreadable(self, name: str, table: sa.Table) -> set[str]:
        """Skip the columns that the source can't read, unless the file skips them already.

        Returns:
            Their names in small letters.
        """
        unreadable = sorted(table.info.get("skipped", ()))
        for each in self.tree.skip_columns(name, unreadable):
            self.notes.changes.append(
                f"{name}.{each} can't be read: it is added to `skip:` of {name}"
            )
        return {each.casefold() for each in unreadable}

    def _rename(self, name: str, column: str, source: str) -> None:
        node = self.tree.to_change(name)["columns"][column]
        was = node.get("source", column)
        if source == column:
            del node["source"]
        else:
            put_first(node, "source", quoted_value(source))
        self.notes.changes.append(
            f"{name}.{column}: {was} is gone from the source, where {source} is new and has the same type: it is"
            " read from there now"
        )

    def _follow_declared(self, name: str, column: str, found: sa.Column[Any]) -> None:
        node = self.tree.tables[name]["columns"][column]
        was, now = str(node.get("declared", "")), str(found.info.get("declared", ""))
        if was.casefold() == now.casefold():
            if (name, column) in self.unfit:
                self.notes.remarks.append(
                    f"{name}.{column} keeps its type {node['type']}. Where a value does not fit it, the table stops:"
                    f" correct the value, or write `type: {type_name(found)}` at {name}.{column} in tables.yaml."
                )
            return
        if (name, column) in self.kept:
            self.notes.remarks.append(kept_words(f"{name}.{column}"))
            return
        node = self.tree.to_change(name)["columns"][column]
        node["declared"] = quoted_value(now)
        proposed = type_name(found)
        stays = "" if str(node["type"]) == proposed else (
            f". Its type stays {node['type']}, but its values now suggest {proposed}: check it"
        )  # fmt: skip
        self.notes.changes.append(
            f"{name}.{column} is now declared as {now or 'nothing'} in the source; it was {was or 'nothing'}{stays}"
        )

    def _remark_shown(self, name: str, column: str, found: sa.Column[Any]) -> None:
        """Remark on a column that shows what another one protects, unless its form was written by hand."""
        if "mirror" not in self.tree.tables[name]["columns"][column]:
            reason = self.guard.shown(source_table(found.table), source_column(found), "keep")
            if reason is not None:
                self.notes.remarks.append(shown_words(f"{name}.{column}", reason))

    def _remove(
        self, name: str, column: str, table: sa.Table, reason: str, to_skip: str | None = None
    ) -> None:
        """Remove a column; one that is protected is skipped from now on by its name in the source, `to_skip`."""
        form = str(self.tree.tables[name]["columns"][column].get("mirror", "keep"))
        also = remove_column(self.tree, name, column, table)
        if to_skip is not None and form != "keep":
            self.tree.skip_columns(name, [to_skip])
            also.append(skipped_words(f"of {name} "))
        self.notes.changes.append("; ".join([f"{name}.{column} {reason}: it is removed", *also]))

    def _add(self, name: str, column: sa.Column[Any], reason: Reason | None) -> None:
        columns = self.tree.to_change(name)["columns"]
        source = source_column(column)
        free = free_name(columns, str(column.name), source)
        node = formed(column_entry(column), reason)
        if free != source:
            node = {"source": source, **node}
        append(columns, free, quoted_value(node))
        self.notes.added.append(column)
        self.notes.changes.append(
            f"{name}.{free} is new in the source: it is added as {node['type']}{column_words(reason)}"
        )
