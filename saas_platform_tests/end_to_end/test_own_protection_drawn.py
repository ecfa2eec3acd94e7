"""Draw changes of a source, and test that none makes the commands read a protected column in the clear.

The values of each column are texts that name the table and the column that they were written to, so that a value in
the warehouse says where it comes from. A value that was copied into a column with a reference, computed, or written
again into what was dropped, has a word before it. Out of scope: changes that no catalogue shows, which are those by
which a column stands under the name of one that the file has in the clear, and nothing else about its table is new there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from hypothesis import given, note, settings
from hypothesis import strategies as st

from saas_platform_tests.drawing import examples
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own

TYPES = ("TEXT", "VARCHAR(80)")
#: The types that a column gets when its table is rebuilt.
NEW_TYPES = (*TYPES, "CLOB", "")
#: The words before values that were copied, computed and written again.
COPIED, COMPUTED, BACK = "copied", "computed", "back"
FORMS = ("keep", "keep", "hash", "mask", "drop")


@dataclass
class Source:
    """The tables of a source, and where their columns come from."""

    #: By the present name, the columns: the present name, with the type and where the values were written.
    tables: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    #: By the present name, the name that the table had at first.
    was: dict[str, str] = field(default_factory=dict)
    sql: list[str] = field(default_factory=list)
    #: The first names of tables that stay as they are but for names, because a column comes from one of theirs.
    bound: set[str] = field(default_factory=set)
    #: By the first name of a table, its first columns.
    first: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    #: What was dropped: the table and the column, with the type; the column is empty for a table.
    dropped: dict[tuple[str, str], str] = field(default_factory=dict)

    def create(self, name: str, columns: dict[str, str]) -> None:
        listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        values = ", ".join(f"'<{name}.{column}>'" for column in columns)
        self.sql.append(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {listed})")
        self.sql.append(f"INSERT INTO {name} VALUES (1, {values})")
        self.tables[name] = {
            column: (kind, f"<{name}.{column}>") for column, kind in columns.items()
        }
        self.was[name] = name
        self.first[name] = self.columns(name)

    def rename(self, old: str, new: str) -> None:
        self.sql.append(f"ALTER TABLE {old} RENAME TO {new}")
        self.tables[new], self.was[new] = self.tables.pop(old), self.was.pop(old)

    def drop(self, name: str) -> None:
        self.sql.append(f"DROP TABLE {name}")
        if self.was[name] == name:
            self.dropped[name, ""] = ", ".join(
                f"{c} {kind}" for c, (kind, _) in self.tables[name].items()
            )
        del self.tables[name], self.was[name]

    def rename_column(self, table: str, old: str, new: str) -> None:
        self.sql.append(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
        columns = self.tables[table]
        self.tables[table] = {new if name == old else name: each for name, each in columns.items()}

    def drop_column(self, table: str, column: str) -> None:
        self.sql.append(f"ALTER TABLE {table} DROP COLUMN {column}")
        kind, origin = self.tables[table].pop(column)
        if origin == f"<{table}.{column}>":
            self.dropped[table, column] = kind

    def retype(self, table: str, column: str, new: str, kind: str) -> None:
        """Rebuild a table, in which a column has another name and type."""
        columns = self.tables[table]
        self.tables[table] = {
            new if name == column else name: (kind, each[1]) if name == column else each
            for name, each in columns.items()
        }
        listed = ", ".join(f"{name} {kind}" for name, (kind, _) in self.tables[table].items())
        self.sql += [
            f"CREATE TABLE rebuilt (id INTEGER PRIMARY KEY, {listed})",
            f"INSERT INTO rebuilt SELECT id, {', '.join(columns)} FROM {table}",
            f"DROP TABLE {table}",
            f"ALTER TABLE rebuilt RENAME TO {table}",
        ]

    def refer(self, table: str, column: str, parent: str, to: str) -> None:
        """Add a column that references one of another table, and has a value of it."""
        value = f"{COPIED}{self.tables[parent][to][1]}"
        self.sql.append(f"ALTER TABLE {table} ADD COLUMN {column} REFERENCES {parent} ({to})")
        self.sql.append(f"UPDATE {table} SET {column} = '{value}'")
        self.tables[table][column] = ("", value)
        self.bound |= {self.was[table], self.was[parent]}

    def compute(self, table: str, column: str, of: str) -> None:
        """Add a column that is computed from another one of its table."""
        value = f"{COMPUTED}{self.tables[table][of][1]}"
        self.sql.append(f"ALTER TABLE {table} ADD COLUMN {column} AS ('{COMPUTED}' || {of})")
        self.tables[table][column] = ("", value)
        self.bound.add(self.was[table])

    def bring_back(self) -> None:
        """Create again what was dropped and what nothing has taken the place of."""
        for (table, column), kinds in self.dropped.items():
            if not column and table not in self.tables:
                listed = dict(each.split(" ", 1) for each in kinds.split(", ") if each)
                values = "".join(f", '{BACK}<{table}.{each}>'" for each in listed)
                self.sql.append(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, {kinds})")
                self.sql.append(f"INSERT INTO {table} VALUES (1{values})")
            elif column and self.was.get(table) == table and column not in self.tables[table]:
                self.sql.append(f"ALTER TABLE {table} ADD COLUMN {column} {kinds}")
                self.sql.append(f"UPDATE {table} SET {column} = '{BACK}<{table}.{column}>'")

    def add_column(self, table: str, column: str, kind: str) -> None:
        self.sql.append(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        self.sql.append(f"UPDATE {table} SET {column} = '<new>'")
        self.tables[table][column] = (kind, "<new>")

    def columns(self, table: str) -> set[tuple[str, str]]:
        return {(name, kind) for name, (kind, _) in self.tables.get(table, {}).items()}

    def unchanged(self, table: str) -> set[tuple[str, str]]:
        """Return the columns of a present table that still have the name that they had at first."""
        return {
            (name, kind)
            for name, (kind, origin) in self.tables.get(table, {}).items()
            if origin == f"<{self.was[table]}.{name}>"
        } & self.first.get(self.was[table], set())


def _is_hidden(
    source: Source,
    skips: dict[str, set[str]],
    owner: str,
    reader: str,
) -> bool:
    """Return whether no catalogue shows that the table `reader` of the file now reads the data of `owner`.

    It shows if a column of the owner is new there, or a column of the reader is new in the owner's place.
    """
    now = {first: name for name, first in source.was.items()}
    if owner not in now:
        return True

    def new(columns: set[tuple[str, str]], table: str) -> set[tuple[str, str]]:
        """Return the columns that are new in the place of a table."""
        return {each for each in columns - source.first[table] if each[0] not in skips[table]}

    if new(source.unchanged(now[owner]), reader):
        return False
    of_reader = source.unchanged(now[reader]) if reader in now else set()
    lost = of_reader - source.columns(now[owner])
    return not lost & new(source.columns(owner), owner)


def _draw_change(
    draw: st.DrawFn,
    source: Source,
    first: Collection[str],
    clear: Collection[tuple[str, str]],
    fresh: list[str],
    kinds: tuple[str, ...],
) -> None:
    """Draw one change of the source.

    Args:
        draw: the draw of hypothesis.
        source: the source, which is changed.
        first: the names that the tables of the file had at first.
        clear: names and types of the columns that the file has in the clear. No column takes one of them.
        fresh: names that nothing has had yet.
        kinds: the kinds of changes to draw from.
    """
    kind = draw(st.sampled_from(kinds))
    names = sorted(source.tables)
    one = draw(st.sampled_from(names))
    columns = sorted(source.tables[one])
    if kind == "swap" and len(names) > 1:
        other = draw(st.sampled_from([each for each in names if each != one]))
        source.rename(one, "aside")
        source.rename(other, one)
        source.rename("aside", other)
    elif kind == "rename":
        source.rename(one, fresh.pop())
    elif kind == "take":
        free = sorted({*first} - {*names})
        if free:
            source.rename(one, draw(st.sampled_from(free)))
    elif kind == "drop" and len(names) > 1:
        source.drop(one)
    elif kind == "rename column" and columns:
        column = draw(st.sampled_from(columns))
        of_type = source.tables[one][column][0]
        free = [each for each in "pqrs" if each not in columns and (each, of_type) not in clear]
        free.append(fresh.pop())
        source.rename_column(one, column, draw(st.sampled_from(free)))
    elif kind == "refer" and columns:
        child = draw(st.sampled_from(names))
        source.refer(child, fresh.pop(), one, draw(st.sampled_from(columns)))
    elif kind == "compute" and columns:
        source.compute(one, fresh.pop(), draw(st.sampled_from(columns)))
    elif kind == "retype" and columns and source.was[one] not in source.bound:
        column, of_type = draw(st.sampled_from(columns)), draw(st.sampled_from(NEW_TYPES))
        free = [each for each in "pqrs" if each not in columns and (each, of_type) not in clear]
        new = draw(st.sampled_from([column, column, fresh.pop(), *free]))
        if (new, of_type) not in clear or new == column:
            source.retype(one, column, new, of_type)
    elif kind == "drop column" and len(columns) > 1 and source.was[one] not in source.bound:
        source.drop_column(one, draw(st.sampled_from(columns)))
    elif kind == "add":
        free = [fresh.pop(), *(each for each in "pqrs" if each not in columns)]
        source.add_column(one, draw(st.sampled_from(free)), draw(st.sampled_from(TYPES)))


#: Changes after which each table still has its name.
CALM = ("drop", "rename column", "drop column", "add", "refer", "compute", "retype")
WILD = ("swap", "rename", "take", *CALM)
FOLLOW = (["sync"], ["doctor", "--discover", "--yes"], ["sync"])


@pytest.mark.slow
@pytest.mark.draws
@settings(deadline=None, max_examples=examples(4))
@given(data=st.data())
def test_no_change_shows_a_protected_column(data: st.DataObject) -> None:
    source, forms = Source(), dict[str, str]()
    skips: dict[str, set[str]] = {}
    for name in data.draw(st.sampled_from((["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]))):
        columns = data.draw(st.lists(st.sampled_from("pqrs"), min_size=1, max_size=3, unique=True))
        source.create(name, {column: data.draw(st.sampled_from(TYPES)) for column in columns})
        skips[name] = data.draw(st.sets(st.sampled_from(columns), max_size=1))
        forms |= {
            f"{name}.{column}": data.draw(st.sampled_from(FORMS))
            for column in columns
            if column not in skips[name]
        }
    skipped = data.draw(st.sampled_from(("", "", "b")))
    forms = {place: form for place, form in forms.items() if place[0] != skipped}
    first, source.sql = source.sql, []
    fresh = [f"n{number}" for number in range(19)]
    clear = {
        (column, kind)
        for name, columns in source.first.items()
        for column, kind in columns
        if forms.get(f"{name}.{column}") == "keep"
    }
    is_calm = data.draw(st.booleans())
    for _ in range(data.draw(st.integers(1, 6))):
        kinds = CALM if is_calm else WILD
        data.draw(st.composite(_draw_change)(source, [*source.first], clear, fresh, kinds))
    changes, source.sql = source.sql, []
    if is_calm:
        source.bring_back()
    note(f"{'; '.join(first)} -> {'; '.join(changes)} -> {'; '.join(source.sql)}")
    note(f"{forms}, skip {skipped} {skips}")
    secrets = [f"<{place}>" for place, form in forms.items() if form != "keep"]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAAS_SYNTHETIC", "false")
        patch.setenv("SAAS_HASH_SALT", "a secret of the test")
        patch.setenv("SAAS_HOME", f"{folder}/home")
        patch.setenv("SAAS_SOURCE_URL", f"sqlite:///{folder}/own.db")
        own = Own(Path(folder), ";".join(first))
        assert command("doctor", "--discover").code == 0
        for place, form in forms.items():
            if form != "keep":
                own.protect(form, place)
        file = yaml.safe_load(own.file.read_text())
        for name, out in skips.items():
            for column in out:
                del file["tables"][name]["columns"][column]
                file["tables"][name]["skip"] = [column]
        if skipped:
            del file["tables"][skipped]
            file = {"skip": [skipped], **file}
        own.file.write_text(yaml.safe_dump(file, sort_keys=False))
        said = command("sync")
        assert own.shown(*secrets) == set(), said
        for sql in filter(None, (changes, source.sql)):
            own.change(";".join(sql))
            for words in FOLLOW:
                said = command(*words)
                note(f"{words}: {said.out} {said.err}")
                assert "could not be read afterwards" not in said.err
                _check(own, source, skips, secrets)


def _check(own: Own, source: Source, skips: dict[str, set[str]], secrets: Collection[str]) -> None:
    """Check that the warehouse has no secret but where no catalogue shows it."""
    again = [f"{word}{each}" for word in (COPIED, COMPUTED, BACK) for each in secrets]
    hidden = {
        owner
        for owner in source.first
        for reader in source.first
        if reader != owner and _is_hidden(source, skips, owner, reader)
    }
    for table, value in own.places(*again):
        # The file takes what such a value comes from for a column of another table.
        assert value.partition("<")[2].split(".")[0] in hidden, (table, value)
        assert not value.startswith(BACK), (table, value)
    plain = own.places(*(f"'{each}'" for each in secrets))
    for table, value in plain:
        owner = value[2:].split(".")[0]
        assert table != owner, (table, value)
        assert table in source.first, (table, value)
        assert _is_hidden(source, skips, owner, table), (table, value)
