"""Test which form a new column of the source must have, and which columns are not taken for renamed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from saas_platform.schema.exposure import Look
from saas_platform.schema.origins import PlacedColumn
from saas_platform.schema.protection import Guard
from saas_platform.schema.standing import Columns, Field, Wanted, is_alike
from saas_platform_tests.schema.test_merging import _merged


def _wanted(columns: str, skipped: str = "") -> Wanted:
    """Return the columns of the file, each as `name:type:form`."""
    parts = [each.split(":") for each in columns.split()]
    return Wanted(
        tuple(Field(name, name, kind, "".join(form) or "keep") for name, kind, *form in parts),
        frozenset(skipped.split()),
    )


def _columns(columns: str) -> Columns:
    return [(name, kind) for name, kind in (each.split(":") for each in columns.split())]


FILE = {
    "users": _wanted("id:int mail:text:hash name:varchar"),
    "cards": _wanted("id:int number:varchar:mask"),
    "lists": _wanted("id:int title:text"),
}
NOW = {
    "users": "id:int mail:text name:varchar",
    "cards": "id:int number:varchar",
    "lists": "id:int title:text",
}


def _look(**changes: str) -> Look[str, str]:
    now = {place: columns for place, columns in {**NOW, **changes}.items() if columns}
    own = {name: name for name in FILE if name in now}
    return Look(FILE, own, {place: _columns(columns) for place, columns in now.items()})


def _guard(**changes: str) -> Guard:
    look = _look(**changes)
    return look.guard(look.moves())


#: What changed, the table and the new column, and the protected column that is the reason.
RULES: dict[str, tuple[dict[str, str], str | None, str, str | None]] = {
    "another name": ({"lists": "id:int title:text x:text"}, "lists", "x:text", None),
    "the name of a protected column": ({"lists": "id:int title:text MAIL:int"}, "lists", "MAIL:int", "users.mail"),
    "the same in a new table": ({"new": "mail:text"}, None, "mail:text", "users.mail"),
    "the type of one that is gone": ({"users": "id:int name:varchar"}, None, "x:TEXT", "users.mail"),
    "the type of one in a table that is gone": ({"users": ""}, "lists", "x:text", "users.mail"),
    "another type than that, for texts too": ({"users": "", "cards": ""}, "lists", "x:nvarchar", "cards.number"),
    "another type than that, for numbers": ({"users": ""}, "lists", "x:int", None),
    "no type": ({"users": ""}, "lists", "x:", "users.mail"),
    "any type in the table that lost one": ({"users": "id:int name:varchar x:int"}, "users", "x:int", "users.mail"),
    "any type where one was given another like type": ({"users": "id:int mail:char name:varchar x:int"}, "users", "x:int", None),
    "the type of one that has another type now": ({"users": "id:int mail:int name:varchar"}, None, "x:text", "users.mail"),
    "the type of one in its table, at the end": ({"users": "id:int mail:text name:varchar x:text"}, "users", "x:text", None),
    "the same before a declared column": ({"users": "id:int x:text mail:text name:varchar"}, "users", "x:text", "users.mail"),
    "the same where one of the type is gone": ({"cards": "id:int x:varchar number:varchar"}, "cards", "x:varchar", "cards.number"),
    "the strictest of two": ({"users": "", "cards": ""}, None, "mail:varchar", "cards.number"),
}  # fmt: skip


@pytest.mark.parametrize("case", RULES)
def test_the_form_of_a_new_column(case: str) -> None:
    changes, table, column, because = RULES[case]
    reason = _guard(**changes).reason(table, *column.split(":"))
    assert (None if reason is None else f"{reason.table}.{reason.field.name}") == because


@pytest.mark.parametrize(
    ("changes", "table", "column", "new", "may"),
    [
        ({"users": "id:int m:text name:varchar"}, "users", "mail", "m:text", True),
        ({"lists": "id:int t:text"}, "lists", "title", "t:text", True),
        ({"lists": "id:int mail:text"}, "lists", "title", "mail:text", False),
        ({"lists": "id:int t:text", "users": "id:int name:varchar"}, "lists", "title", "t:text", False),
        ({"lists": "id:int", "users": "id:int title:text name:varchar"}, "users", "mail", "title:text", False),
    ],
)  # fmt: skip
def test_which_column_may_be_a_renamed_one(
    changes: dict[str, str], table: str, column: str, new: str, may: bool
) -> None:
    assert _guard(**changes).may_be(table, column, *new.split(":")) is may


EXPOSED: dict[str, tuple[str, str, str, bool]] = {
    "nothing": ("id:int mail:text", "id:int mail:text name:varchar", "", False),
    "a swap with new columns": ("id:int mail:text name:varchar x:int", "id:int mail:text x:int", "", True),
    "another column in one": ("id:int mail:text x:int", "id:int mail:text y:int", "", False),
    "the other table is gone": ("id:int mail:text", "", "", False),
    "the other table took its place": ("id:int mail:text name:varchar x:int", "", "", True),
    "the other table was renamed": ("id:int mail:text x:int", "", "id:int mail:text name:varchar", False),
    "the protected column has another name": ("id:int m:text name:varchar", "id:int mail:text x:int", "", False),
}  # fmt: skip


#: By the present columns of both tables, whether they may be exchanged. `lists` skips `old`.
SIGNS: dict[str, tuple[str, str, bool]] = {
    "nothing": ("mail:text id:int old:text", "id:int mail:text", False),
    "the skipped column is gone": ("mail:text id:int", "id:int mail:text", False),
    "it is gone, and another one is new": ("mail:text id:int", "id:int mail:text x:int", False),
    "it is in the other place": ("mail:text id:int", "id:int mail:text OLD:int", True),
    "the order of each other": ("id:int mail:text old:text", "mail:text id:int", True),
    "another order in one": ("id:int mail:text old:text", "id:int mail:text", False),
    "another order in the other": ("mail:text id:int old:text", "mail:text id:int", False),
}


@pytest.mark.parametrize("case", SIGNS)
def test_skipped_columns_and_the_order_show_an_exchange(case: str) -> None:
    lists, users, unsure = SIGNS[case]
    file = {
        "lists": _wanted("mail:text id:int", "old"),
        "users": _wanted("id:int mail:text:hash"),
    }
    columns = {"lists": _columns(lists), "users": _columns(users)}
    assert bool(Look(file, {name: name for name in file}, columns).moves().unsure) is unsure
    stands = file["lists"].stands(columns["lists"])
    assert stands is (lists == "mail:text id:int old:text")


@pytest.mark.parametrize(
    ("column", "form"),
    [("a", "hash"), ("b", "hash"), ("c", None), ("d", "mask"), ("e", None), ("f", "hash")],
)
def test_the_form_of_what_a_column_comes_from(column: str, form: str | None) -> None:
    look = _look(new="a:int b:int c:int d:int e:int")
    mail: PlacedColumn = ("users", "mail")
    a: PlacedColumn = ("new", "a")
    title, number = ("lists", "title"), ("cards", "number")
    origins: dict[PlacedColumn, set[PlacedColumn]] = {
        ("new", "a"): {mail},
        ("new", "b"): {a, ("new", "b")},
        ("new", "c"): {title},
        ("new", "d"): {mail, number},
        ("new", "f"): {("unknown", "mail")},
    }
    guard = replace(look, origins=origins).guard(look.moves())
    reason = guard.reason("new", column, "int")
    assert (None if reason is None else reason.form) == form
    shown = guard.shown("new", column, "hash")
    assert (shown is not None) == (form == "mask")


@pytest.mark.parametrize("case", EXPOSED)
def test_tables_that_may_show_what_another_one_protects(case: str) -> None:
    reader, owner, new, unsure = EXPOSED[case]
    file = {"lists": _wanted("id:int mail:text"), "users": FILE["users"]}
    now = {"lists": reader, "users": owner, "new": new}
    columns = {place: _columns(each) for place, each in now.items() if each}
    own = {name: name for name in file if name in columns}
    moves = Look(file, own, columns).moves()
    assert bool(moves.unsure) is unsure
    assert all(each.names == ("lists", "users") for each in moves.unsure)


def test_a_new_table_with_a_protected_column_in_every_rule(tmp_path: Path) -> None:
    """The file can be read: nothing in it needs the column in the clear."""
    file = """\
tables:
  users:
    key: [id]
    columns:
      id: {type: integer, declared: INT}
      mail: {type: text, declared: TEXT, pii: email, mirror: drop}
"""
    found = """\
tables:
  users:
    key: [id]
    columns: {id: {type: integer, declared: INT}, mail: {type: text, declared: TEXT}}
  logins:
    key: [mail, at]
    slice: {column: at, grain: day}
    unique: [[mail], [at]]
    references: [{columns: [mail], table: logins, to: [mail]}]
    columns:
      mail: {type: text, declared: TEXT}
      at: {type: date, declared: DATE, nullable: false}
  alone:
    key: []
    columns: {mail: {type: text, declared: TEXT}}
"""
    merged = _merged(tmp_path, file, found)
    again = _merged(tmp_path, merged.text, found)
    assert again.changes == ()
    assert "mirror: drop" in merged.text[merged.text.index("logins") : merged.text.index("alone")]
    assert "mirror: mask" in merged.text[merged.text.index("alone") :]
    assert merged.changes[0] == (
        "logins is new in the source: it is added, with 2 columns; logins.mail is dropped from the mirror as users.mail"
        " is, whose values it may hold: write `mirror: keep` if it does not; its reference to logins by mail is left"
        " out, because columns of these forms can't be joined"
    )


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("TIMESTAMP", "DATETIME", True),
        ("TIMESTAMP", "varbinary(8)", True),
        ("DATE", "TEXT", True),
        ("EMAIL", "TEXT", True),
        ("EMAIL", "INTEGER", True),
        ("DECIMAL(10,2)", "VARCHAR(20)", False),
        ("BLOB", "TEXT", False),
    ],
)
def test_types_are_alike_if_values_may_have_moved(one: str, other: str, alike: bool) -> None:
    assert is_alike(one, other) is is_alike(other, one) is alike
