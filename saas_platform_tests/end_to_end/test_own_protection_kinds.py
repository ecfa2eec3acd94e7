"""Test by cases that no change of the source of one kind shows a protected column: a skipped column next to it, another
type, a reference to it, a computation from it, and its return.

The protected columns hold texts that begin with SECRET, as in test_own_protection.py.
"""

from __future__ import annotations

import itertools
import re

import pytest
import yaml

from saas_platform_tests.drawing import drawn
from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own
from saas_platform_tests.end_to_end.test_own_protection import ID, SECRETS, _rename, _swap, _table

DISCOVER = ["doctor", "--discover", "--yes"]
#: What a discovery says that has written the file.
WRITTEN = "now has the changes"


@pytest.fixture(autouse=True)
def _salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_HASH_SALT", "a secret of the test")


def _begin(own: Own, before: str, form: str, *places: str, skip: tuple[str, ...] = ()) -> None:
    """Discover the tables, protect and skip columns, and sync."""
    own.change(before)
    assert command(*DISCOVER).code == 0
    own.protect(form, *places)
    if skip:
        file = yaml.safe_load(own.file.read_text())
        for place in skip:
            table, column = place.split(".")
            del file["tables"][table]["columns"][column]
            file["tables"][table].setdefault("skip", []).append(column)
        own.file.write_text(yaml.safe_dump(file, sort_keys=False))
    assert command("sync").code == 0


def _follow(own: Own) -> str:
    """Follow a change by sync and discovery, and return what they said. Nothing is shown, and nothing changed twice."""
    said = ""
    for words in (["sync"], DISCOVER, ["sync"], DISCOVER, ["sync"]):
        output = command(*words)
        said += output.err
        assert own.shown(*SECRETS) == set(), (words, said)
        if words == DISCOVER and said.count(WRITTEN) == 2:
            raise AssertionError("the second discovery changed the file again")
    assert "could not be read afterwards" not in said
    return said


SKIPPED = _table("a", f"{ID}, x TEXT, z TEXT", "x") + _table("b", f"{ID}, x TEXT")
SKIPPED_IN_OTHER = _table("a", f"{ID}, x TEXT", "x") + _table("b", f"{ID}, x TEXT, z TEXT")
TWO = _table("a", f"{ID}, val TEXT, n INT", "val") + _table("b", f"{ID}, y TEXT")
PARENT = (
    "CREATE TABLE p (mail TEXT PRIMARY KEY NOT NULL, n INT); INSERT INTO p VALUES ('SECRET1', 1);"
)
COMPUTED = _table("a", f"{ID}, val TEXT, note TEXT", "val")
ORDERED = (
    _table("a", f"{ID}, x TEXT, y TEXT", "x")
    + _table("b", f"{ID}, y TEXT, x TEXT")
    + _table("c", f"y TEXT, x TEXT, {ID}")
)


def _rebuilt(table: str, columns: str, select: str) -> str:
    return (
        f"CREATE TABLE aside ({columns}); INSERT INTO aside SELECT {select} FROM {table};"
        f"DROP TABLE {table}; ALTER TABLE aside RENAME TO {table};"
    )


#: The tables, the protected column, the skipped one, and what changes.
CASES: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "a swap, where the protected table has a skip": (SKIPPED, "a.x", ("a.z",), _swap("a", "b")),
    "a swap, where the other table has one": (SKIPPED_IN_OTHER, "a.x", ("b.z",), _swap("a", "b")),
    "a chain with a skip": (
        SKIPPED_IN_OTHER, "a.x", ("b.z",), "ALTER TABLE b RENAME TO c; ALTER TABLE a RENAME TO b;",
    ),
    "a rebuilt table, a new name and type": (
        TWO, "a.val", (), _rebuilt("a", f"{ID}, v VARCHAR(50), n INT", "id, val, n"),
    ),
    "the same without a type": (TWO, "a.val", (), _rebuilt("a", f"{ID}, v, n INT", "id, val, n")),
    "the same by CREATE TABLE AS": (
        TWO, "a.val", (),
        "CREATE TABLE aside AS SELECT id, val || '' AS v, n FROM a; DROP TABLE a; ALTER TABLE aside RENAME TO a;",
    ),
    "a number to a text": (TWO, "a.val", (), _rebuilt("a", f"{ID}, n INT, v BLOB", "id, n, val")),
    "a column moved to another table, with another type": (
        TWO, "a.val", (),
        "ALTER TABLE b ADD COLUMN v VARCHAR(50); UPDATE b SET v = (SELECT val FROM a); ALTER TABLE a DROP COLUMN val;",
    ),
    "a protected name with another type": (
        TWO, "a.val", (), _rebuilt("a", f"{ID}, val VARCHAR(50), n INT", "id, val, n"),
    ),
    "the name of an open column of another type": (
        _table("a", f"{ID}, val TEXT, n VARCHAR(9)", "val"), "a.val", (),
        _rebuilt("a", f"{ID}, n CLOB", "id, val"),
    ),
    "the name of an open column in another table": (
        TWO, "a.val", (),
        _rebuilt("b", f"{ID}, y VARCHAR(50)", "id, (SELECT val FROM a)") + "ALTER TABLE a DROP COLUMN val;",
    ),
    "a computation from a name with signs and accents": (
        _table("a", f"{ID}, p€🙂e\u0301 TEXT, note TEXT", "p€🙂e\u0301"), "a.p€🙂e\u0301", (),
        "ALTER TABLE a ADD COLUMN g TEXT AS (p€🙂e\u0301 || 'x');",
    ),
    "a type that no database knows": (
        _table("a", f"{ID}, val EMAIL, n INT", "val") + _table("b", f"{ID}, y TEXT"), "a.val", (),
        "ALTER TABLE b ADD COLUMN v TEXT; UPDATE b SET v = (SELECT val FROM a); ALTER TABLE a DROP COLUMN val;",
    ),
    "a column that is kept and one of its type that is new": (
        TWO, "a.val", (),
        _rebuilt("b", f"{ID}, y", "id, (SELECT val FROM a)")
        + _rebuilt("a", f"{ID}, v VARCHAR(40), w TEXT, n INT", "id, 'n', 'n', n"),
    ),
    "a new table that references it": (
        PARENT, "p.mail", (), "CREATE TABLE d (id INTEGER PRIMARY KEY, who TEXT REFERENCES p (mail)); INSERT INTO d VALUES (1, 'SECRET1');",
    ),
    "a new column that references it by the key": (
        PARENT + _table("d", f"{ID}, y TEXT"), "p.mail", (), "ALTER TABLE d ADD COLUMN who TEXT REFERENCES P; UPDATE d SET who = 'SECRET1';",
    ),
    "a chain of references": (
        PARENT, "p.mail", (),
        "CREATE TABLE d (who TEXT PRIMARY KEY REFERENCES p (mail)); INSERT INTO d VALUES ('SECRET1');"
        "CREATE TABLE e (id INTEGER PRIMARY KEY, whose REFERENCES d (who)); INSERT INTO e VALUES (1, 'SECRET1');",
    ),
    "a composite key": (
        "CREATE TABLE p (n INT NOT NULL, mail TEXT NOT NULL, PRIMARY KEY (n, mail)); INSERT INTO p VALUES (1, 'SECRET1');",
        "p.mail", (),
        "CREATE TABLE d (id INTEGER PRIMARY KEY, m INT, who TEXT, FOREIGN KEY (m, who) REFERENCES p); INSERT INTO d VALUES (1, 1, 'SECRET1');",
    ),
    "a computed column": (COMPUTED, "a.val", (), "ALTER TABLE a ADD COLUMN up TEXT AS ('<' || \"VAL\" || '>');"),
    "a stored computed column": (
        COMPUTED, "a.val", (),
        _rebuilt("a", f"{ID}, val TEXT, note TEXT, up BLOB GENERATED ALWAYS AS (upper([val])) STORED", "id, val, note")
        .replace("INSERT INTO aside", "INSERT INTO aside (id, val, note)"),
    ),
    "one computed from another one": (
        COMPUTED, "a.val", (),
        "ALTER TABLE a ADD COLUMN up AS (lower(val)); ALTER TABLE a ADD COLUMN upper AS (upper(up));",
    ),
    "a reference to a computed one": (
        PARENT, "p.mail", (),
        "ALTER TABLE p ADD COLUMN up AS (mail || ''); CREATE UNIQUE INDEX i ON p (up);"
        "CREATE TABLE d (id INTEGER PRIMARY KEY, who REFERENCES p (up)); INSERT INTO d VALUES (1, 'SECRET1');",
    ),
    "tables of the same columns in another order": (ORDERED, "a.x", (), _swap("a", "b")),
    "three of them in a circle": (ORDERED, "a.x", (), _swap("a", "b") + _swap("b", "c")),
    "the same with new columns": (
        ORDERED, "a.x", (), _swap("a", "b") + "ALTER TABLE a ADD COLUMN n INT; ALTER TABLE b ADD COLUMN n INT;",
    ),
}  # fmt: skip


@pytest.mark.few
@pytest.mark.draws
@pytest.mark.parametrize(
    ("case", "form"), drawn([*itertools.product(CASES, ("hash", "drop"))], len(CASES))
)
def test_no_kind_of_change_shows_a_protected_column(own: Own, case: str, form: str) -> None:
    before, place, skip, change = CASES[case]
    own.change(before)
    assert command(*DISCOVER).code == 0
    if form == "drop":
        # The file has no dropped column in a key.
        file = yaml.safe_load(own.file.read_text())
        table, column = place.split(".")
        if column in file["tables"][table]["key"]:
            file["tables"][table]["key"] = []
        own.file.write_text(yaml.safe_dump(file, sort_keys=False))
    _begin(own, "", form, place, skip=skip)
    own.change(change)
    _follow(own)


RETURNS = {
    "a column": (
        TWO, "a.val", "ALTER TABLE a DROP COLUMN val;",
        "ALTER TABLE a ADD COLUMN val TEXT; UPDATE a SET val = 'SECRET1';",
    ),
    "a table": (TWO, "a.val", "DROP TABLE a;", _table("a", f"{ID}, val TEXT, n INT", "val")),
    "a column with another name in the mirror": (
        TWO, "a.val", "ALTER TABLE a DROP COLUMN val;",
        "ALTER TABLE a ADD COLUMN VAL TEXT; UPDATE a SET val = 'SECRET1';",
    ),
    "a table behind a view": (
        TWO, "a.val", "ALTER TABLE a RENAME TO old; ALTER TABLE old ADD COLUMN k INT; CREATE VIEW a AS SELECT 1 AS id;",
        "DROP VIEW a; ALTER TABLE old RENAME TO a;",
    ),
}  # fmt: skip


@pytest.mark.few
@pytest.mark.draws
@pytest.mark.parametrize(
    ("case", "form"), drawn([*itertools.product(RETURNS, ("hash", "drop"))], len(RETURNS))
)
def test_what_is_gone_is_not_read_when_it_returns(own: Own, case: str, form: str) -> None:
    before, place, change, back = RETURNS[case]
    _begin(own, before, form, place)
    own.change(change)
    said = _follow(own)
    assert "because it was protected, so that it is not read if it returns" in said
    own.change(back)
    assert "SECRET" not in _follow(own)
    assert command("doctor", "--discover").code == 0


def test_a_skipped_name_that_does_not_exist_stays_quiet(own: Own) -> None:
    _begin(own, TWO, "hash", "a.val")
    own.change("ALTER TABLE a DROP COLUMN val; DROP TABLE b")
    own.protect("hash", "b.y")
    said = command(*DISCOVER).err
    assert (
        "a.val is gone from the source: it is removed; it is in `skip:` of a now, because it was protected, so that it"
        " is not read if it returns. Remove it from there to read it" in said
    )
    assert "b is gone from the source: it is removed; it is in `skip:` at the top now" in said
    file = yaml.safe_load(own.file.read_text())
    assert (file["skip"], file["tables"]["a"]["skip"]) == (["b"], ["val"])
    assert "a.val" not in command("sync").err
    assert "there is nothing to change" in command("doctor", "--discover").err


def test_a_renamed_column_is_not_skipped(own: Own) -> None:
    _begin(own, TWO, "hash", "a.val")
    own.change(_rename("a", ("val", "v")))
    assert command(*DISCOVER).code == 0
    a = yaml.safe_load(own.file.read_text())["tables"]["a"]
    assert "skip" not in a
    assert a["columns"]["val"]["source"] == "v"


def test_the_reference_to_a_hashed_column_is_kept(own: Own) -> None:
    """Equal values have equal hashes, so the contract can check it."""
    _begin(own, PARENT, "hash", "p.mail")
    own.change(
        "CREATE TABLE d (id INTEGER PRIMARY KEY, who TEXT REFERENCES p (mail)); INSERT INTO d VALUES (1, 'SECRET1')"
    )
    said = command(*DISCOVER).err
    assert "d.who is hashed as p.mail is, whose values it may hold: write `mirror: keep`" in said
    d = yaml.safe_load(own.file.read_text())["tables"]["d"]
    assert d["references"] == [{"columns": ["who"], "table": "p", "to": ["mail"]}]
    assert command("sync").code == 0
    assert own.raw("SELECT count(*) FROM raw.d JOIN raw.p ON who = mail") == [(1,)]


def test_the_line_of_a_new_column_has_the_form_of_what_it_references(own: Own) -> None:
    _begin(own, PARENT + _table("d", f"{ID}, y TEXT"), "hash", "p.mail")
    own.change(
        "ALTER TABLE d ADD COLUMN who TEXT REFERENCES p; ALTER TABLE p ADD COLUMN up AS (mail)"
    )
    said = command("sync").err
    assert "write `who: {type: text, declared: TEXT, pii: free_text, mirror: hash}` under" in said
    assert "write `up: {type: text, declared: '', pii: free_text, mirror: hash}` under" in said


def test_a_declared_column_that_comes_from_a_protected_one_is_said(own: Own) -> None:
    _begin(own, PARENT + "CREATE TABLE d (id INTEGER PRIMARY KEY, who TEXT)", "hash", "p.mail")
    own.change("DROP TABLE d; CREATE TABLE d (id INTEGER PRIMARY KEY, who TEXT REFERENCES p)")
    said = command("doctor", "--discover").err
    assert (
        "d.who is in the clear, and it references or is computed from p.mail, which is hashed: write `pii: free_text` and"
        " `mirror: hash` at d.who in tables.yaml, or `mirror: keep` if that is meant." in said
    )
    file = yaml.safe_load(own.file.read_text())
    file["tables"]["d"]["columns"]["who"]["mirror"] = "keep"
    own.file.write_text(yaml.safe_dump(file, sort_keys=False))
    assert "d.who" not in command("doctor", "--discover").err


INNOCENT = {
    "columns of other types": (TWO, "ALTER TABLE b ADD COLUMN m INT;"),
    "a skip and a new column": (SKIPPED, "ALTER TABLE b ADD COLUMN n TEXT;"),
    "the skipped column is dropped": (SKIPPED, "ALTER TABLE a DROP COLUMN z;"),
    "a computed column over an open one": (TWO, "ALTER TABLE a ADD COLUMN twice AS (n * 2);"),
    "a reference to an open column": (TWO, "CREATE TABLE d (k INTEGER PRIMARY KEY, m INT REFERENCES a (n));"),
    "two columns of unlike types renamed": (TWO, _rename("a", ("val", "v"), ("n", "m"))),
}  # fmt: skip


@pytest.mark.few
@pytest.mark.parametrize("case", INNOCENT)
def test_what_is_harmless_gives_no_alarm(own: Own, case: str) -> None:
    before, change = INNOCENT[case]
    is_skip = before is SKIPPED
    _begin(own, before, "hash", "a.x" if is_skip else "a.val", skip=("a.z",) if is_skip else ())
    own.change(change)
    said = command("sync").err
    assert "can't be distinguished" not in said
    said = command(*DISCOVER).err
    assert "may hold" not in said
    assert "stay in tables.yaml" not in said
    assert command("sync").code == 0


def test_a_file_in_another_order_gives_no_alarm(own: Own) -> None:
    _begin(own, ORDERED, "hash", "a.x")
    file = yaml.safe_load(own.file.read_text())
    for name in "ab":
        columns = file["tables"][name]["columns"]
        file["tables"][name]["columns"] = dict(sorted(columns.items(), reverse=True))
    own.file.write_text(yaml.safe_dump(file, sort_keys=False))
    assert command("sync").code == 0
    assert "may have been renamed" not in command("doctor", "--discover").err


def test_the_advice_on_a_protected_table_that_is_gone(own: Own) -> None:
    """To remove it from the file would forget what it protected."""
    _begin(own, TWO, "hash", "a.val")
    own.change("DROP TABLE a")
    said = command("sync").err
    assert "run `saas-platform doctor --discover --yes`, which moves it to `skip:`" in said
    assert "remove a" not in said
    own.change("CREATE TABLE c AS SELECT 1 AS id, 'SECRET1' AS val, 1 AS n")
    _follow(own)


def test_the_advice_on_a_protected_column_that_is_gone(own: Own) -> None:
    _begin(own, TWO, "hash", "a.val")
    own.change(_rename("a", ("val", "town")))
    said = command("sync").err
    assert "If not, write town with its form as below, and then remove the column" in said
    assert "write `town: {type: text, declared: TEXT, pii: free_text, mirror: hash}` under" in said
    own.change("ALTER TABLE a DROP COLUMN town")
    said = command("sync").err
    assert "a.val is gone from the source: run `saas-platform doctor --discover --yes`" in said


def test_a_renamed_column_that_is_dropped_from_the_mirror(own: Own) -> None:
    """Sync says what discovery writes."""
    _begin(own, TWO, "drop", "a.val")
    own.change(_rename("a", ("val", "v")))
    said = command("sync").err
    assert "a new column v has its type: if it was renamed, write `source: v` at a.val" in said
    assert "a.v is new" not in said
    assert command(*DISCOVER).code == 0
    columns = yaml.safe_load(own.file.read_text())["tables"]["a"]["columns"]
    assert (columns["val"]["source"], "v" in columns) == ("v", False)
    assert "a.v" not in command("sync").err


def test_a_table_with_a_column_without_a_name(own: Own) -> None:
    """Discovery leaves it out, so sync does not compare its columns with those of others either."""
    _begin(own, TWO + _table("c", f"{ID}, val TEXT"), "hash", "a.val")
    own.change('ALTER TABLE a ADD COLUMN "" TEXT; ALTER TABLE c ADD COLUMN v TEXT')
    said = command("sync").err
    (line,) = re.findall(r"write `(v: [^`]*)` under the columns of c", said)
    assert command(*DISCOVER).code == 0
    assert f"      {line.replace('declared: TEXT', 'declared: TEXT, nullable: true')}" in (
        yaml_lines(own)
    )


def yaml_lines(own: Own) -> list[str]:
    """Return the columns of the file, each on one line."""
    tables = yaml.safe_load(own.file.read_text())["tables"]
    return [
        "      " + yaml.safe_dump({name: entry}, sort_keys=False, default_flow_style=None).strip()
        for table in tables.values()
        for name, entry in table["columns"].items()
    ]


def test_a_hashed_key_that_is_compared_without_case(own: Own) -> None:
    """Its hashes would not be equal where the texts are, so the new table has no key, and nothing is required."""
    _begin(own, _table("a", f"{ID}, mail TEXT", "mail"), "hash", "a.mail")
    own.change("CREATE TABLE b (mail TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO b VALUES ('x')")
    assert command(*DISCOVER).code == 0
    b = yaml.safe_load(own.file.read_text())["tables"]["b"]
    assert (b["key"], b["columns"]["mail"]["nullable"]) == ([], True)
    assert "NULL" not in command("sync").err


def test_what_is_open_is_not_called_a_match(own: Own) -> None:
    _begin(own, ORDERED, "hash", "a.x")
    own.change(_swap("a", "b"))
    said = command("doctor", "--discover").err
    assert "a and b stay in tables.yaml as before" in said
    assert "tables.yaml is not changed: decide on what is said above." in said
    assert "matches the source" not in said


def test_a_table_of_which_only_dropped_columns_are_left_is_skipped(own: Own) -> None:
    """The file would be wrong, and that would keep discovery from all other tables too."""
    _begin(
        own,
        "CREATE TABLE a (p TEXT, q TEXT); INSERT INTO a VALUES ('SECRET1', 'x');",
        "drop",
        "a.p",
    )
    own.change("ALTER TABLE a DROP COLUMN q; CREATE TABLE other (id INTEGER PRIMARY KEY);")
    said = _follow(own)
    assert "a has only columns now that the mirror drops: it is removed" in said
    assert "other is new in the source: it is added" in said
    file = yaml.safe_load(own.file.read_text())
    assert "a" not in file["tables"]
    assert "a" in file["skip"]
    assert command("sync").code == 0
