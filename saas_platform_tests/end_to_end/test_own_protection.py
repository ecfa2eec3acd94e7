"""Test that no change of the source makes the commands read a protected column in the clear.

The protected columns hold texts that begin with SECRET. `sync`, `doctor --discover --yes` and `sync` again follow the
change, and the warehouse is then searched for these texts.
"""

from __future__ import annotations

import itertools
import re

import pytest
import yaml

from saas_platform_tests.drawing import drawn
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own

SECRETS = ("SECRET1", "SECRET2")


@pytest.fixture(autouse=True)
def _salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_HASH_SALT", "a secret of the test")


def _table(name: str, columns: str, secret: str | None = None) -> str:
    """Return the SQL of a table with a row, in which one column may hold a secret."""
    names = [each.split()[0] for each in columns.split(", ")]
    values = [
        "1" if each in ("id", "k", "m") else f"'{SECRETS[0] if each == secret else name + each}'"
        for each in names
    ]
    return (
        f"CREATE TABLE {name} ({columns});"
        f"INSERT INTO {name} ({', '.join(names)}) VALUES ({', '.join(values)});"
    )


ID = "id INTEGER PRIMARY KEY"
LISTS = _table("lists", f"{ID}, email TEXT") + _table(
    "users", f"{ID}, email TEXT, name TEXT", "email"
)
NOTES = _table("t1", f"{ID}, secret TEXT", "secret") + _table("t2", f"{ID}, note TEXT")
WITH_NUMBERS = _table("t1", f"{ID}, secret TEXT, k INT", "secret") + _table(
    "t2", f"{ID}, note TEXT, m INT"
)
CIRCLE = NOTES + _table("t3", f"{ID}, remark TEXT")
ONE = _table("a", f"{ID}, val TEXT, note TEXT", "val")
TWINS = _table("a", f"{ID}, val TEXT", "val") + _table("b", f"{ID}, val TEXT")


def _swap(one: str, other: str) -> str:
    return (
        f"ALTER TABLE {one} RENAME TO aside; ALTER TABLE {other} RENAME TO {one};"
        f" ALTER TABLE aside RENAME TO {other};"
    )


def _add(*tables: str, column: str = "extra INT") -> str:
    return "".join(f"ALTER TABLE {table} ADD COLUMN {column};" for table in tables)


def _rename(table: str, *pairs: tuple[str, str]) -> str:
    return "".join(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new};" for old, new in pairs)


#: The tables, the protected column, and what changes.
CASES: dict[str, tuple[str, str, str]] = {
    "a swap with new columns": (LISTS, "users.email", _swap("lists", "users") + _add("lists", "users")),
    "a table in place of a dropped one": (
        LISTS, "users.email", "DROP TABLE lists; ALTER TABLE users RENAME TO lists;" + _add("lists"),
    ),
    "a swap with a table that has more columns": (
        _table("lists", f"{ID}, email TEXT, title TEXT") + _table("users", f"{ID}, email TEXT", "email"),
        "users.email", _swap("lists", "users") + _add("lists", "users"),
    ),
    "a swap with new columns, of other columns": (NOTES, "t1.secret", _swap("t1", "t2") + _add("t1", "t2")),
    "a swap with dropped columns": (
        WITH_NUMBERS, "t1.secret",
        _swap("t1", "t2") + "ALTER TABLE t1 DROP COLUMN m; ALTER TABLE t2 DROP COLUMN k;",
    ),
    "a circle with new columns": (
        CIRCLE, "t1.secret", _swap("t1", "t2") + _swap("t2", "t3") + _add("t1", "t2", "t3"),
    ),
    "a chain with new columns": (
        NOTES, "t1.secret", "ALTER TABLE t1 RENAME TO old; ALTER TABLE t2 RENAME TO t1;" + _add("t1", "old"),
    ),
    "two columns renamed at once": (ONE, "a.val", _rename("a", ("val", "val2"), ("note", "note2"))),
    "two like tables renamed at once": (
        TWINS, "a.val", "ALTER TABLE a RENAME TO a2; ALTER TABLE b RENAME TO b2;",
    ),
    "a renamed table with a new column": (ONE, "a.val", "ALTER TABLE a RENAME TO a2;" + _add("a2")),
    "a renamed table with a new column, whose column is renamed too": (
        ONE, "a.val", "ALTER TABLE a RENAME TO a2;" + _rename("a2", ("val", "v")) + _add("a2"),
    ),
    "a chain of columns": (ONE, "a.val", _rename("a", ("val", "old"), ("note", "val"))),
    "a new column under the name of a renamed one": (
        ONE, "a.val", _rename("a", ("val", "old")) + _add("a", column="val TEXT"),
    ),
    "a column under the name of one of another type": (
        _table("a", f"{ID}, val TEXT, note VARCHAR(9)", "val"), "a.val",
        "ALTER TABLE a DROP COLUMN note;" + _rename("a", ("val", "note")),
    ),
    "the same, and another column under its name": (
        _table("a", f"{ID}, val TEXT, note VARCHAR(9), x TEXT", "val"), "a.val",
        "ALTER TABLE a DROP COLUMN note;" + _rename("a", ("val", "note"), ("x", "val")),
    ),
    "two columns that exchange their names and types": (
        _table("a", f"{ID}, secret TEXT, num VARCHAR(9)", "secret"), "a.secret",
        _rename("a", ("secret", "aside"), ("num", "secret"), ("aside", "num")),
    ),
    "a column whose name and type another table has": (
        _table("a", f"{ID}, x TEXT", "x") + _table("b", f"{ID}, x INT, y TEXT"), "a.x",
        _swap("a", "b") + _add("a", "b"),
    ),
}  # fmt: skip


@pytest.mark.few
@pytest.mark.draws
@pytest.mark.parametrize(
    ("case", "form"), drawn([*itertools.product(CASES, ("hash", "drop"))], len(CASES))
)
def test_a_protected_column_is_never_shown(own: Own, case: str, form: str) -> None:
    before, place, change = CASES[case]
    own.change(before)
    assert command("doctor", "--discover", "--yes").code == 0
    own.protect(form, place)
    assert command("sync").code == 0
    own.change(change)
    # The second discovery must not forget what the first one knew.
    for words in (["sync"], *(["doctor", "--discover", "--yes"], ["sync"]) * 2):
        said = command(*words)
        assert own.shown(*SECRETS) == set(), (words, said)
    assert "could not be read afterwards" not in said.err
    # What is written stays: nothing is advised or changed a second time.
    assert "is new in the source" not in command("doctor", "--discover").err


def test_an_open_column_beside_a_protected_one_can_be_renamed(own: Own) -> None:
    """The columns are in the order of the file, so no name was given to another column."""
    own.change(
        "CREATE TABLE p (code TEXT PRIMARY KEY NOT NULL, secret TEXT, city TEXT UNIQUE);"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p TEXT REFERENCES p (code));"
        "INSERT INTO p VALUES ('x', 'SECRET1', 'Rome'); INSERT INTO c VALUES (1, 'x')"
    )
    assert command("doctor", "--discover", "--yes").code == 0
    own.protect("hash", "p.secret")
    assert command("sync").code == 0
    own.change(_rename("p", ("code", "number")))
    assert "write `source: number` at p.code" in command("sync").err
    assert command("doctor", "--discover", "--yes").code == 0
    own.change(_rename("p", ("city", "town")))
    said = command("doctor", "--discover", "--yes").err
    assert "p.city: city is gone from the source, where town is new and has the same type" in said
    assert command("sync").code == 0
    tables = yaml.safe_load(own.file.read_text())["tables"]
    p = tables["p"]
    assert (p["key"], p["unique"]) == (["code"], [["city"]])
    assert tables["c"]["references"] == [{"columns": ["p"], "table": "p", "to": ["code"]}]
    assert own.shown(*SECRETS) == set()


def test_the_advice_on_a_column_that_is_gone_shows_the_form_of_a_new_one(own: Own) -> None:
    own.change(NOTES)
    assert command("doctor", "--discover", "--yes").code == 0
    own.protect("hash", "t1.secret")
    assert command("sync").code == 0
    own.change(_swap("t1", "t2") + _add("t1", "t2"))
    said = command("sync").err
    assert "t2.note is gone from the source" in said
    line = "secret: {type: text, declared: TEXT, pii: free_text, mirror: hash}"
    assert f"write `{line}` under the columns of t2" in said


def test_columns_that_exchanged_their_names_stay_until_somebody_decides(own: Own) -> None:
    own.change(_table("a", f"{ID}, secret TEXT, num VARCHAR(9)", "secret"))
    assert command("doctor", "--discover", "--yes").code == 0
    own.protect("hash", "a.secret")
    assert command("sync").code == 0
    own.change(_rename("a", ("secret", "aside"), ("num", "secret"), ("aside", "num")))
    for _ in range(2):
        said = command("doctor", "--discover", "--yes").err
        assert "a.num stays in tables.yaml as before: it is TEXT in the source now, and may" in said
        assert "secret is now declared" not in said
    file = yaml.safe_load(own.file.read_text())
    file["tables"]["a"]["columns"]["num"] |= {
        "declared": "TEXT", "type": "text", "pii": "free_text", "mirror": "hash",
    }  # fmt: skip
    own.file.write_text(yaml.safe_dump(file, sort_keys=False))
    assert command("doctor", "--discover", "--yes").code == 0
    assert command("sync").code == 0
    assert own.shown(*SECRETS) == set()


@pytest.mark.parametrize("left_out", ["skip: [b]\n", ""])
def test_a_swap_with_a_table_that_is_not_mirrored(own: Own, left_out: str) -> None:
    own.change(_table("a", f"{ID}, x TEXT", "x"))
    assert command("doctor", "--discover", "--yes").code == 0
    own.protect("hash", "a.x")
    own.file.write_text(left_out + own.file.read_text())
    own.change(_table("b", f"{ID}, y TEXT", "y").replace(SECRETS[0], SECRETS[1]))
    assert command("sync").code == 0
    own.change(_swap("a", "b"))
    instead = ", and a in `skip:` instead of b" if left_out else ""
    words = (
        "because a of the source lacks some of its columns, and b, which tables.yaml does not mirror, has exactly its"
        f" columns: if it was renamed, write `source: b` under a in tables.yaml{instead}; if not, write the present"
        " columns under a, and discover again."
    ).split(", and discover")[0]
    for arguments in (["sync"], ["doctor", "--discover", "--yes"], ["sync"]):
        said = command(*arguments)
        assert words.removeprefix("because ") in said.err, said.err
    assert own.shown(*SECRETS) == set()
    own.file.write_text(own.file.read_text().replace("skip: [b]\n", "skip: [a]\n"))
    own.edit(("  a:\n", "  a:\n    source: b\n"))
    command("doctor", "--discover", "--yes")
    assert command("sync").code == 0
    assert own.shown(SECRETS[0]) == set()
    assert own.shown(SECRETS[1]) == (set() if left_out else {SECRETS[1]})


def test_an_undeclared_table_that_took_the_place_of_a_protected_one(own: Own) -> None:
    own.change(_table("a", f"{ID}, x TEXT", "x"))
    assert command("doctor", "--discover", "--yes").code == 0
    own.protect("hash", "a.x")
    own.change(_table("b", f"{ID}, x TEXT, w TEXT") + _swap("a", "b"))
    assert command("sync").code == 0
    said = command("doctor", "--discover", "--yes").err
    assert (
        "b is new in the source: it is added, with 2 columns; b.x is hashed as a.x is, whose values it may hold: write"
        " `mirror: keep` if it does not" in said
    )
    assert command("sync").code == 0
    assert own.shown(*SECRETS) == set()


def test_the_line_that_sync_shows_is_the_one_that_discovery_writes(own: Own) -> None:
    own.change(ONE)
    assert command("doctor", "--discover", "--yes").code == 0
    own.protect("mask", "a.val")
    assert command("sync").code == 0
    own.change(_rename("a", ("val", "old")) + _add("a", column="val TEXT"))
    said = command("sync").err
    (line,) = re.findall(r"write `(old: [^`]*)` under the columns of a", said)
    assert line == "old: {type: text, declared: TEXT, pii: free_text, mirror: mask}"
    assert (
        "That line has it masked as a.val is, whose values it may hold: write `mirror: keep`"
        in said
    )
    by_hand = own.file.read_text().replace("      val:\n", f"      {line}\n      val:\n")
    assert "a.old is new in the source: it is added as text, and masked as a.val is" in (
        command("doctor", "--discover", "--yes").err
    )
    assert command("sync").code == 0
    own.file.write_text(by_hand)
    assert command("sync").code == 0
    assert own.shown(*SECRETS) == set()
    assert own.raw("SELECT old FROM raw.a") == [("***",)]


def test_a_protected_key_of_a_new_table(own: Own) -> None:
    own.change("CREATE TABLE a (mail TEXT PRIMARY KEY, n INT); INSERT INTO a VALUES ('SECRET1', 1)")
    assert command("doctor", "--discover", "--yes").code == 0
    own.edit(("key: [mail]\n    version: null\n    slice: null\n    columns:\n      mail: {type: text, declared: TEXT, nullable: false, pii: email}\n      n:", "key: []\n    version: null\n    slice: null\n    columns:\n      mail: {type: text, declared: TEXT, nullable: false, pii: email, mirror: mask}\n      n:"))  # fmt: skip
    assert command("sync").code == 0
    own.change(
        "ALTER TABLE a RENAME TO b; ALTER TABLE b ADD COLUMN m INT;"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, mail TEXT REFERENCES b (mail), UNIQUE (mail))"
    )
    assert "b is new in the source" in command("doctor", "--discover", "--yes").err
    assert command("sync").code == 0
    assert own.shown(*SECRETS) == set()
    assert own.raw("SELECT mail FROM raw.b") == [("***",)]


INNOCENT = {
    "a dropped column, and another one elsewhere": "ALTER TABLE users DROP COLUMN name; ALTER TABLE lists ADD COLUMN size INT;",
    "a new column in each": _add("lists", "users"),
    "a dropped table": "DROP TABLE users;",
    "a column that moves where nothing protected is read": "ALTER TABLE users DROP COLUMN name; ALTER TABLE other ADD COLUMN name TEXT;",
}  # fmt: skip


@pytest.mark.parametrize("case", INNOCENT)
def test_what_is_harmless_does_not_stop_the_other_table(own: Own, case: str) -> None:
    own.change(LISTS + _table("other", f"{ID}, z TEXT") + _add("users", column="phone TEXT"))
    assert command("doctor", "--discover", "--yes").code == 0
    own.protect("hash", "users.email")
    assert command("sync").code == 0
    own.change(INNOCENT[case])
    assert "can't be distinguished" not in command("sync").err
    assert command("doctor", "--discover", "--yes").code == 0
    assert command("sync").code == 0
    assert own.raw("SELECT email FROM raw.lists") == [("listsemail",)]


def test_a_column_that_was_renamed_only_in_case(own: Own) -> None:
    own.change("CREATE TABLE a (Id INTEGER PRIMARY KEY, Mail TEXT); INSERT INTO a VALUES (1, 'x')")
    assert command("doctor", "--discover", "--yes").code == 0
    assert command("sync").code == 0
    own.change(_rename("a", ("Mail", "mail"), ("Id", "id")) + "INSERT INTO a VALUES (2, 'y')")
    for words in (["sync"], ["verify", "--level", "rows"], ["doctor"], ["doctor", "--discover"]):
        said = command(*words)
        assert said.code == 0, said
        assert "a.Mail" not in said.err, said
        assert "a.mail" not in said.err
    assert own.raw("SELECT Mail FROM raw.a ORDER BY Id") == [("x",), ("y",)]
