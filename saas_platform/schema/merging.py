"""What a new discovery changes in a `tables.yaml` that a person has edited.

Holds: the comparison, and the changed text with every edit and comment that it does not concern. Does not
hold: the discovery (source/discovery.py), or the decision to write the text (doctor.py).

A table or column that is new is added, one that is gone is removed with what names it, one that seems to be
renamed gets its `source:`, and `declared` follows the catalogue. Types, names, marks, keys, contracts and
what is skipped are the person's, and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa
from ruamel.yaml.comments import CommentedMap

from saas_platform.schema.commented_yaml import (
    append,
    dumped,
    loaded,
    put_first,
    quoted_value,
    remove,
)
from saas_platform.schema.declared import (
    Declaration,
    SourcePlace,
    column_said,
    folded_place,
    place_said,
    table_said,
    type_name,
)
from saas_platform.schema.mirror_names import folded, mark
from saas_platform.schema.source_names import source_column, source_table


@dataclass(frozen=True)
class Merge:
    """The file's text with the changes, and each of them in words."""

    text: str
    changes: tuple[str, ...]
    #: Columns that are in the file by the changes.
    added: tuple[sa.Column[Any], ...]


def merge(
    text: str,
    declaration: Declaration,
    found: Iterable[sa.Table],
    present: Collection[SourcePlace],
) -> Merge:
    """Bring the file's text up to what discovery found.

    `declaration` is what the text says; `present` are all tables of the source, as one that discovery could
    not look at is not gone.
    """
    work = _Work(loaded(text), declaration, list(found), present)
    work.run()
    return Merge(
        dumped(work.file) if work.changes else text, tuple(work.changes), tuple(work.added)
    )


_Key = TypeVar("_Key")


def _paired(
    wanted: Mapping[str, _Key], there: Collection[_Key], fold: Callable[[_Key], object]
) -> dict[str, _Key]:
    """For each name in the file what it is in the source: the same, or one that differs by case alone."""
    by_fold = {fold(each): each for each in there if each not in wanted.values()}
    paired = {}
    for name, key in wanted.items():
        if key in there:
            paired[name] = key
        elif fold(key) in by_fold:
            paired[name] = by_fold[fold(key)]
    return paired


@dataclass
class _Work:
    """One merge: the file's tree is changed step by step, and each step noted."""

    file: CommentedMap
    declaration: Declaration
    found: list[sa.Table]
    present: Collection[SourcePlace]
    changes: list[str] = field(default_factory=list)
    added: list[sa.Column[Any]] = field(default_factory=list)

    def run(self) -> None:
        by_place = {source_table(table): table for table in self.found}
        wanted = {name: source_table(table) for name, table in self.declaration.tables.items()}
        paired = _paired(wanted, by_place, folded_place)
        skipped = {folded_place(place) for place in self.declaration.skipped}
        new = [
            table
            for place, table in by_place.items()
            if place not in paired.values() and folded_place(place) not in skipped
        ]
        here = {folded_place(place) for place in self.present}
        gone = [n for n, p in wanted.items() if n not in paired and folded_place(p) not in here]
        for name in list(gone):
            like = [table for table in new if self._columns_of(table, name) == self._columns(name)]
            if len(like) == 1:
                self._rename_table(name, like[0])
                new.remove(like[0])
                gone.remove(name)
                paired[name] = source_table(like[0])
        names = {str(by_place[place].name): name for name, place in paired.items()}
        for name, place in paired.items():
            self._merge_columns(name, by_place[place])
        for name in gone:
            self._remove_table(name)
        for table in new:
            names[str(table.name)] = self._free(
                self.tables, str(table.name), repr(source_table(table))
            )
        for table in new:
            self._add_table(names[str(table.name)], table, names)

    @property
    def tables(self) -> CommentedMap:
        tables: CommentedMap = self.file["tables"]
        return tables

    # Tables.

    def _columns(self, name: str) -> set[tuple[str, str]]:
        """The columns of a table in the file, as the source has them."""
        return {
            (str(said.get("source", each)), str(said.get("declared", "")).casefold())
            for each, said in self.tables[name]["columns"].items()
        }

    def _columns_of(self, table: sa.Table, name: str) -> set[tuple[str, str]]:
        """The same of a found table, but for those that the table of that name in the file skips."""
        return {
            (source_column(column), str(column.info.get("declared", "")).casefold())
            for column in table.columns
            if source_column(column) not in self.tables[name].get("skip", ())
        }

    def _rename_table(self, name: str, table: sa.Table) -> None:
        place = source_table(table)
        said = self.tables[name]
        if place == (None, name):
            del said["source"]
        else:
            put_first(said, "source", quoted_value(place_said(place)))
        self.changes.append(
            f"{name}: gone in the source, where {_dotted(place)} with the same columns is new: read from there"
            " now"
        )

    def _remove_table(self, name: str) -> None:
        remove(self.tables, name)
        without = [
            other
            for other in self.tables
            if self._drop(other, "references", lambda each: each["table"] == name)
        ]
        also = f", with the references to it of {', '.join(without)}" if without else ""
        self.changes.append(f"{name}: gone in the source: removed{also}")

    def _add_table(self, name: str, table: sa.Table, names: Mapping[str, str]) -> None:
        said = table_said(table)
        if name != table.name:
            said = {"source": place_said(source_table(table)), **said}
        found = said.pop("references", ())
        columns = said.pop("columns")
        references = [
            own for each in found if (own := self._reference(each, names, columns)) is not None
        ]
        if references:
            said["references"] = references
        append(self.tables, name, quoted_value({**said, "columns": columns}))
        self.added += table.columns
        self.changes.append(f"{name}: new in the source: added, with {len(columns)} columns")

    def _reference(
        self, found: Any, names: Mapping[str, str], columns: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """The reference in the file's names; None where its parent is not there, or not as it would need."""
        parent = next((table for table in self.found if table.name == found["table"]), None)
        name = names.get(found["table"])
        if parent is None or name is None:
            return None
        sources = [source_column(parent.columns[each]) for each in found["to"]]
        if name in self.tables:
            there = self.tables[name]["columns"]
            own = {str(said.get("source", each)): str(each) for each, said in there.items()}
            to = [own[source] for source in sources if source in own]
            kept = all(str(there[each].get("mirror", "keep")) == "keep" for each in to)
            types = [str(there[each]["type"]) for each in to]
        else:
            to, kept = found["to"], True
            types = [type_name(parent.columns[each]) for each in to]
        if not kept or types != [columns[mine]["type"] for mine in found["columns"]]:
            return None
        return {**found, "table": name, "to": to}

    # Columns.

    def _merge_columns(self, name: str, table: sa.Table) -> None:
        said = self.tables[name]["columns"]
        by_source = {source_column(column): column for column in table.columns}
        wanted = {each: str(column.get("source", each)) for each, column in said.items()}
        paired = _paired(wanted, by_source, str.casefold)
        skipped = {str(each).casefold() for each in self.tables[name].get("skip", ())}
        new = [
            column
            for source, column in by_source.items()
            if source not in paired.values() and source.casefold() not in skipped
        ]
        gone = [each for each in said if each not in paired]
        for each, column in _renamed(gone, new, said):
            self._rename_column(name, each, source_column(column))
            gone.remove(each)
            new.remove(column)
        for each, source in paired.items():
            self._follow_declared(name, each, by_source[source])
        for each in gone:
            self._remove_column(name, each, table)
        for column in new:
            self._add_column(name, column)

    def _rename_column(self, name: str, column: str, source: str) -> None:
        said = self.tables[name]["columns"][column]
        was = said.get("source", column)
        if source == column:
            del said["source"]
        else:
            put_first(said, "source", quoted_value(source))
        self.changes.append(
            f"{name}.{column}: {was} is gone in the source, where {source} of the same type is new: read from"
            " there now"
        )

    def _follow_declared(self, name: str, column: str, found: sa.Column[Any]) -> None:
        said = self.tables[name]["columns"][column]
        was, now = str(said.get("declared", "")), str(found.info.get("declared", ""))
        if was.casefold() == now.casefold():
            return
        said["declared"] = quoted_value(now)
        proposed = type_name(found)
        stays = "" if str(said["type"]) == proposed else (
            f"; its type stays {said['type']}, where its values now call for {proposed}: check it"
        )  # fmt: skip
        self.changes.append(
            f"{name}.{column}: declared as {now or 'nothing'} in the source, before as {was or 'nothing'}{stays}"
        )

    def _remove_column(self, name: str, column: str, table: sa.Table) -> None:
        said = self.tables[name]
        remove(said["columns"], column)
        also = []
        if column in said["key"]:
            key = self._key(name, table)
            said["key"] = quoted_value(key)
            also.append(f"the key is now [{', '.join(key)}]")
        if said.get("version") == column or (
            not said["key"] and said.get("version", "null") != "null"
        ):
            said["version"] = "null"
            also.append("version is now null")
        if _is_named(said.get("slice"), column):
            said["slice"] = "null"
            also.append("slice is now null")
        if self._drop(name, "unique", lambda names: column in names):
            also.append("a unique rule that named it is gone")
        if self._drop(name, "references", lambda each: column in each["columns"]):
            also.append("a reference that named it is gone")
        also += [
            f"so is a reference of {other} to it"
            for other in self.tables
            if self._drop(
                other, "references", lambda each: each["table"] == name and column in each["to"]
            )
        ]
        rest = f"; {', '.join(also)}" if also else ""
        self.changes.append(f"{name}.{column}: gone in the source: removed{rest}")

    def _key(self, name: str, table: sa.Table) -> list[str]:
        """The key that the source has now, in the file's names; none where the file lacks a part of it."""
        columns = self.tables[name]["columns"]
        by_source = {str(said.get("source", each)): str(each) for each, said in columns.items()}
        sources = [source_column(column) for column in table.primary_key.columns]
        key = [by_source[source] for source in sources if source in by_source]
        usable = all(columns[each].get("mirror", "keep") in ("keep", "hash") for each in key)
        return key if usable and len(key) == len(sources) else []

    def _add_column(self, name: str, column: sa.Column[Any]) -> None:
        columns = self.tables[name]["columns"]
        source = source_column(column)
        free = self._free(columns, str(column.name), source)
        said = column_said(column)
        if free != source:
            said = {"source": source, **said}
        append(columns, free, quoted_value(said))
        self.added.append(column)
        self.changes.append(f"{name}.{free}: new in the source: added as {said['type']}")

    # Both.

    def _drop(self, table: str, part: str, condition: Callable[[Any], bool]) -> bool:
        """Take entries out of a list of the table, and the list where none is left; whether any was."""
        said = self.tables[table]
        entries = said.get(part, [])
        places = [place for place, entry in enumerate(entries) if condition(entry)]
        for place in reversed(places):
            del entries[place]
        if places and not entries:
            remove(said, part)
        return bool(places)

    @staticmethod
    def _free(taken: Collection[str], name: str, source: str) -> str:
        """The name, or where a mirror would take it for another one, the name with a mark of the source's."""
        others = {folded(str(each)) for each in taken}
        return f"{name}_{mark(source)}" if folded(name) in others else name


def _renamed(
    gone: list[str], new: list[sa.Column[Any]], said: Mapping[str, Any]
) -> list[tuple[str, sa.Column[Any]]]:
    """Columns that are gone, each with the new one of its type, where there is one of each."""
    types = {each: str(said[each].get("declared", "")).casefold() for each in gone}
    found = []
    for each in gone:
        like = [c for c in new if str(c.info.get("declared", "")).casefold() == types[each]]
        if len(like) == 1 and list(types.values()).count(types[each]) == 1:
            found.append((each, like[0]))
    return found


def _is_named(said: Any, column: str) -> bool:
    return isinstance(said, Mapping) and said.get("column") == column


def _dotted(place: SourcePlace) -> str:
    return ".".join(part for part in place if part is not None)
