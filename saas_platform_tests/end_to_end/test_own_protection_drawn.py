"""Draw changes of a source, and test that none makes the commands read a protected column in the clear.

The values of each column are texts that name the table and the column that they were written to, so that a value in
the warehouse says where it comes from. Out of scope: changes that no catalogue shows, which are those by which a
column stands under the name of one that the file has in the clear, and nothing else about its table is new there.
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
FORMS = ("keep", "keep", "hash", "mask", "drop")


@dataclass
class Source:
    """The tables of a source, and where their columns come from."""

    #: By the present name, the columns: the present name, with the type and where the values were written.
    tables: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    #: By the present name, the name that the table had at first.
    was: dict[str, str] = field(default_factory=dict)
    sql: list[str] = field(default_factory=list)

    def create(self, name: str, columns: dict[str, str]) -> None:
        listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        values = ", ".join(f"'<{name}.{column}>'" for column in columns)
        self.sql.append(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {listed})")
        self.sql.append(f"INSERT INTO {name} VALUES (1, {values})")
        self.tables[name] = {
            column: (kind, f"<{name}.{column}>") for column, kind in columns.items()
        }
        self.was[name] = name

    def rename(self, old: str, new: str) -> None:
        self.sql.append(f"ALTER TABLE {old} RENAME TO {new}")
        self.tables[new], self.was[new] = self.tables.pop(old), self.was.pop(old)

    def drop(self, name: str) -> None:
        self.sql.append(f"DROP TABLE {name}")
        del self.tables[name], self.was[name]

    def rename_column(self, table: str, old: str, new: str) -> None:
        self.sql.append(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
        columns = self.tables[table]
        self.tables[table] = {new if name == old else name: each for name, each in columns.items()}

    def drop_column(self, table: str, column: str) -> None:
        self.sql.append(f"ALTER TABLE {table} DROP COLUMN {column}")
        del self.tables[table][column]

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
        }


def _is_hidden(
    source: Source, declared: dict[str, set[tuple[str, str]]], owner: str, reader: str
) -> bool:
    """Return whether no catalogue shows that the table `reader` of the file now reads the data of `owner`.

    It shows if a column of the owner is new there, or a column of the reader is new in the owner's place.
    """
    now = {first: name for name, first in source.was.items()}
    if owner not in now:
        return True
    if source.unchanged(now[owner]) - declared[reader]:
        return False
    of_reader = source.unchanged(now[reader]) if reader in now else set()
    lost = of_reader - source.columns(now[owner])
    return not lost & (source.columns(owner) - declared[owner])


def _draw_change(
    draw: st.DrawFn,
    source: Source,
    first: Collection[str],
    clear: Collection[tuple[str, str]],
    fresh: list[str],
) -> None:
    """Draw one change of the source.

    Args:
        draw: the draw of hypothesis.
        source: the source, which is changed.
        first: the names that the tables of the file had at first.
        clear: names and types of the columns that the file has in the clear. No column takes one of them.
        fresh: names that nothing has had yet.
    """
    kind = draw(
        st.sampled_from(("swap", "rename", "take", "drop", "rename column", "drop column", "add"))
    )
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
    elif kind == "drop column" and len(columns) > 1:
        source.drop_column(one, draw(st.sampled_from(columns)))
    elif kind == "add":
        free = [fresh.pop(), *(each for each in "pqrs" if each not in columns)]
        source.add_column(one, draw(st.sampled_from(free)), draw(st.sampled_from(TYPES)))


@pytest.mark.slow
@pytest.mark.draws
@settings(deadline=None, max_examples=examples(4))
@given(data=st.data())
def test_no_change_shows_a_protected_column(data: st.DataObject) -> None:
    source, forms = Source(), dict[str, str]()
    for name in data.draw(st.sampled_from((["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]))):
        columns = data.draw(st.lists(st.sampled_from("pqrs"), min_size=1, max_size=3, unique=True))
        source.create(name, {column: data.draw(st.sampled_from(TYPES)) for column in columns})
        forms |= {f"{name}.{column}": data.draw(st.sampled_from(FORMS)) for column in columns}
    declared = {name: source.columns(name) for name in source.tables}
    skipped = data.draw(st.sampled_from(("", "", "b")))
    forms = {place: form for place, form in forms.items() if place[0] != skipped}
    first, source.sql = source.sql, []
    fresh = [f"n{number}" for number in range(9)]
    clear = {
        (column, kind)
        for name, columns in declared.items()
        for column, kind in columns
        if forms.get(f"{name}.{column}") == "keep"
    }
    for _ in range(data.draw(st.integers(1, 6))):
        data.draw(st.composite(_draw_change)(source, [*declared], clear, fresh))
    note(f"{'; '.join(first)} -> {'; '.join(source.sql)}, {forms}, skip {skipped}")
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
        if skipped:
            file = yaml.safe_load(own.file.read_text())
            del file["tables"][skipped]
            own.file.write_text(yaml.safe_dump({"skip": [skipped], **file}))
        said = command("sync")
        assert own.shown(*secrets) == set(), said
        own.change(";".join(source.sql))
        for words in (["sync"], ["doctor", "--discover", "--yes"], ["sync"]):
            said = command(*words)
            note(f"{words}: {said.out} {said.err}")
            assert "could not be read afterwards" not in said.err
            for table, value in own.places(*secrets):
                owner = value[1:].split(".")[0]
                assert table != owner, (table, value)
                assert table in declared, (table, value)
                assert _is_hidden(source, declared, owner, table), (table, value)
