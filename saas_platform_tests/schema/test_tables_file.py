"""tables.yaml: every error names line, table and column in plain words; a right file is read as written."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.schema.declared import (
    TablesError,
    as_yaml,
    read_declaration,
    read_tables,
)
from saas_platform.schema.source_names import left_out, source_column, source_table
from saas_platform_tests.drawing import examples

GOOD = """\
skip:
- audit
- {schema: old, table: orders}
tables:
  orders:
    source: {schema: sales, table: Orders.2024}
    schema: finance
    skip: [internal]
    key: [id]
    version: null
    slice: {column: placed, grain: month}
    unique:
    - [number]
    references:
    - columns: [buyer]
      table: people
      to: [mail]
    columns:
      id: {type: integer, declared: INT, nullable: false}
      number: {type: text}
      buyer: {type: text, source: E-Mail, pii: email, mirror: hash}
      placed: {type: date, nullable: false}
      total: {type: 'decimal(10, 2)', plausible: [0, null]}
      remark: {type: text, pii: free_text, mirror: drop}
  people:
    key: [mail]
    columns:
      mail: {type: text, pii: email, mirror: hash}
      full_name: {type: text, pii: name, mirror: mask}
"""


def _read(folder: Path, text: str) -> Path:
    path = folder / "tables.yaml"
    path.write_text(text)
    return path


def test_a_full_declaration_is_read(tmp_path: Path) -> None:
    declaration = read_declaration(_read(tmp_path, GOOD))
    orders, people = declaration.tables.values()
    assert declaration.skipped == {(None, "audit"), ("old", "orders")}
    assert declaration.known == {*declaration.skipped, ("sales", "Orders.2024"), (None, "people")}
    assert source_table(orders) == ("sales", "Orders.2024")
    assert orders.info["target_schema"] == "finance"
    # Neither dropped nor skipped columns are in the mirror.
    assert [c.name for c in orders.columns] == ["id", "number", "buyer", "placed", "total"]
    assert {*orders.info["skipped"], *orders.info["dropped"]} == {"internal", "remark"}
    assert left_out(orders) == {"internal", "remark"}
    assert source_column(orders.c.buyer) == "E-Mail"
    assert orders.c.buyer.info["mirror_form"] == "hash"
    assert people.c.full_name.info["mirror_form"] == "mask"
    assert "mirror_form" not in orders.c.id.info
    assert [c.name for c in people.primary_key] == ["mail"]
    assert isinstance(orders.c.total.type, sa.Numeric)


def test_the_file_is_written_as_it_was_read(tmp_path: Path) -> None:
    declaration = read_declaration(_read(tmp_path, GOOD))
    text = as_yaml(declaration.tables.values(), declaration.skipped)
    again = read_declaration(_read(tmp_path, text))
    assert again.skipped == declaration.skipped
    assert as_yaml(again.tables.values(), again.skipped) == text
    for name, table in declaration.tables.items():
        assert left_out(again.tables[name]) == left_out(table)
        for info in (table.info, again.tables[name].info):
            info.pop("skipped", None)
            info.pop("dropped", None)
        assert again.tables[name].info == table.info
        # Types do not compare as equal, but their repr is the same.
        assert [(c.name, repr(c.info)) for c in again.tables[name].columns] == [
            (c.name, repr(c.info)) for c in table.columns
        ]


def test_names_that_yaml_would_read_as_other_types(tmp_path: Path) -> None:
    text = "tables: {no: {key: ['1'], columns: {1: {type: integer}, null: {type: text}, 2024-01-01: {type: text}, a.b: {type: text}}}}"
    (table,) = read_tables(_read(tmp_path, text)).values()
    assert table.name == "no"
    assert [c.name for c in table.columns] == ["1", "null", "2024-01-01", "a.b"]
    written = as_yaml([table])
    (again,) = read_tables(_read(tmp_path, written)).values()
    assert [c.name for c in again.columns] == [c.name for c in table.columns]


def test_a_reserved_column_name_is_accepted_by_the_file(tmp_path: Path) -> None:
    """The warehouse rejects it later, which stops only its own table."""
    text = GOOD.replace(
        "number: {type: text}", "number: {type: text}\n      _sync_id: {type: text}"
    )
    assert set(read_tables(_read(tmp_path, text))) == {"orders", "people"}


#: An edit of the good file, and the expected message with line, table, column and remedy.
WRONG = [
    ("id: {type: integer,", "id: {type: int,", "line 19: table orders, column id: 'int' is not a type: choose integer, flag"),
    ("'decimal(10, 2)'", "'decimal(50, 2)'", "line 23: table orders, column total: 'decimal(50, 2)' is not a type"),
    ("key: [id]", "key: [nr]", "line 9: table orders: key names nr, which is not one of the table's columns: choose from id, number"),
    ("key: [id]", "key: [id, id]", "line 9: table orders: key names a column twice: name it once"),
    ("key: [id]", "key: id", "line 9: table orders: key is 'id': write a list, such as [a, b]"),
    ("key: [id]", "key: [yes]", "line 9: table orders: key.0 is true: write a text, and put it in quotes"),
    ("key: [id]", "kee: [id]", "line 9: table orders: kee is not a known name: did you mean key?"),
    ("key: [id]", "key: {a: b}", "line 9: table orders: key: write a list, such as [a, b]."),
    ("version: null", "version: number", "line 10: table orders: version column number is not of type integer: choose another column"),
    ("version: null", "version: 3", "line 10: table orders: version is 3: write a text"),
    ("column: placed", "column: number", "line 11: table orders: slice column number is not of type time or date: choose another column"),
    ("grain: month", "grain: week", "line 11: table orders: slice.grain is 'week': choose day or month"),
    ("placed: {type: date, nullable: false}", "placed: {type: date}", "line 11: table orders: slice column placed is nullable: choose another column"),
    ("- [number]", "- [nr]", "line 13: table orders: unique names nr"),
    ("- [number]", "- []", "line 13: table orders: unique.0: it must not be empty"),
    ("table: people", "table: persons", "line 15: table orders: orders references persons, which is not one of the tables: remove the reference"),
    ("to: [mail]", "to: [nr]", "orders references people.nr, which is not one of its columns: choose from mail, full_name"),
    ("to: [mail]", "to: [mail, mail]", "orders references people with 1 in `columns` and 2 in `to`: name as many in both"),
    ("buyer: {type: text", "buyer: {type: integer", "orders references people.mail, of type text, by buyer, of type integer: give both the same type"),
    ("buyer: {type: text, source: E-Mail, pii: email, mirror: hash}", "buyer: {type: text}", "people.mail, which is `mirror: hash`, by buyer, which is `mirror: keep`: give both the same form"),
    ("pii: name", "pii: nme", "line 29: table people, column full_name: pii is 'nme': choose name, email, phone"),
    ("nullable: false}\n      number", "nullable: maybe}\n      number", "line 19: table orders, column id: nullable is 'maybe': write true or false"),
    ("nullable: false}\n      number", "nulable: false}\n      number", "line 19: table orders, column id: nulable is not a known name: did you mean nullable?"),
    ("{type: integer, declared", "{declared", "line 19: table orders, column id: type is missing"),
    ("[0, null]", "[null, null]", "line 23: table orders, column total: plausible has no bound: give a lowest or a highest"),
    ("[0, null]", "[3, 1]", "line 23: table orders, column total: plausible has 3 before 1: the lowest comes first"),
    ("[0, null]", "[a, null]", "line 23: table orders, column total: a in plausible is not of type decimal(10, 2)"),
    ("[0, null]", "[0]", "line 23: table orders, column total: plausible"),
    ("number: {type: text}", "number: {type: text, values: [a, 1]}", "line 20: table orders, column number: 1 in values is not of type text"),
    ("number: {type: text}", "Id: {type: text}\n      number: {type: text}", "line 20: table orders, column Id: id and Id differ only by case"),
    ("number: {type: text}", "'': {type: text}\n      number: {type: text}", "line 20: table orders, column '': a column has no name: give it one, with `source: ''`"),
    ("number: {type: text}", "number: {type: text}\n      number: {type: date}", "line 21: number occurs already on line 20"),
    ("number: {type: text}", "number: text", "line 20: table orders, column number: it is 'text': write `name: value` for each of its parts"),
    ("  people:", "  orders:", "line 25: orders occurs already on line 5"),
    ("  people:", "  ORDERS:", "line 25: table ORDERS: orders and ORDERS differ only by case"),
    ("number: {type: text}", "number: {type: text, source: id}", "line 20: table orders, column number: id and number are the same column id of the source: remove one"),
    ("    source: {schema: sales, table: Orders.2024}\n", "    source: people\n", "line 25: table people: orders and people are the same table of the source: write under people by `source:` where it is now, or remove one"),
    ("  people:\n", "  people:\n    source: {schema: sales, table: Orders.2024}\n", "line 25: table people: orders and people are the same table of the source: remove one"),
    ("- audit", "- people", "line 2: people is both in skip and among the tables"),
    ("skip: [internal]", "skip: [total]", "line 8: table orders: total is both in skip and among the columns"),
    ("schema: finance", "schema: marts", "line 7: table orders: schema marts can't be used"),
    ("schema: finance", "schema: a-b", "line 7: table orders: schema a-b can't be used"),
    ("pii: email, mirror: hash}\n      placed", "mirror: hash}\n      placed", "line 21: table orders, column buyer: `mirror: hash` is for personal data: name its kind with `pii:`"),
    ("mirror: mask", "mirror: maks", "line 29: table people, column full_name: mirror is 'maks': choose keep, mask, hash or drop"),
    ("mail: {type: text, pii: email, mirror: hash}", "mail: {type: text, pii: email, mirror: mask}", "line 28: table people, column mail: `mirror: mask` would make all values of the column equal, but key needs it"),
    ("mail: {type: text, pii: email, mirror: hash}", "mail: {type: text, pii: email, mirror: hash, collation: NOCASE}", "line 28: table people, column mail: `mirror: hash` gives different hashes to texts that the source takes for equal (collation NOCASE), but key compares them: use keep"),
    ("mail: {type: text, pii: email, mirror: hash}", "mail: {type: text, pii: email, mirror: drop}", "line 28: table people, column mail: `mirror: drop` would leave the column out, but key needs it"),
    ("placed: {type: date, nullable: false}", "placed: {type: date, nullable: false, pii: birth_date, mirror: hash}", "line 22: table orders, column placed: `mirror: hash` would destroy the order of the column's values, but slice needs it"),
    ("mirror: mask", "mirror: mask, values: [a]", "line 29: table people, column full_name: values can't be checked in a column"),
    ("    columns:\n      mail", "    columns: []\n    x:\n      mail", "line 27: table people: columns: write `name: value` for each entry"),
    ("source: {schema: sales, table: Orders.2024}", "source: {schema: sales}", "line 6: table orders: source.table is missing"),
    ("- audit", "- 3", "line 2: skip.0 is 3: write `name: value` for each of its parts"),
    ("plausible: [0, null]", "plausible: [2024-02-30, null]", "line 23: a value can't be read"),
    ("tables:\n", "tables:\n  [a]: b\n", "line 5: a name must be a text"),
    ("'decimal(10, 2)'", "decimal(10, 2)", "line 23: table orders, column total: 2) is the rest of a value with a comma: put the whole value in quotes"),
    ("  people:\n", "---\n  people:\n", "line 25: a second document begins here: remove the `---` and keep one document"),
    ("key: [id]", "key: [id", "is not YAML"),
    ("key: [id]", f"key: {'[' * 5000}", "is nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), WRONG)
def test_wrong_declarations(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert GOOD.count(old) == 1, old
    with pytest.raises(TablesError) as raised:
        read_tables(_read(tmp_path, GOOD.replace(old, new)))
    message = str(raised.value)
    assert expected in message
    assert message.startswith(("tables.yaml, line ", str(tmp_path)))
    starts = ("tables.yaml, line ", str(tmp_path))
    assert all(sentence.startswith(starts) for sentence in raised.value.sentences)
    for python in ("\n", "{'", "Input", "pydantic", "Tuple", "Dictionary", "dict", "None", "True"):
        assert python not in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tables: {}", "tables.yaml, line 1: tables: it must not be empty"),
        ("", "tables.yaml: tables is missing"),
        ("skip: []", "tables.yaml, line 1: tables is missing"),
        ("- a", "contains no names"),
        ("tables: {t: {key: [], columns: {a: {type: text, pii: name, mirror: drop}}}}", "every column is dropped: leave the table out with `skip:`"),
        ("tables: &t {t: *t}", "table t"),
        ("tables: {t: {key: [], columns: &c {c: *c}}}", "column c"),
    ],
)  # fmt: skip
def test_files_that_declare_nothing(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(TablesError) as raised:
        read_tables(_read(tmp_path, text))
    assert expected in str(raised.value)
    assert "{'" not in str(raised.value)


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("type: date", "type: day").replace("mirror: mask", "mirror: masked")
    with pytest.raises(TablesError) as raised:
        read_tables(_read(tmp_path, text))
    assert "line 22" in str(raised.value)
    assert "line 29" in str(raised.value)


def test_a_collation_is_read_and_written(tmp_path: Path) -> None:
    text = "tables: {t: {key: [a], columns: {a: {type: text, collation: NOCASE_RTRIM}, b: {type: text}}}}"
    (table,) = read_tables(_read(tmp_path, text)).values()
    assert table.c.a.info["collation"] == "NOCASE_RTRIM"
    assert "collation" not in table.c.b.info
    (again,) = read_tables(_read(tmp_path, as_yaml([table]))).values()
    assert again.c.a.info == table.c.a.info
    with pytest.raises(TablesError, match=r"line 1: table t, column a: 'RTRIM_NOCASE' is not a"):
        read_tables(_read(tmp_path, text.replace("NOCASE_RTRIM", "RTRIM_NOCASE")))


_scraps = st.sampled_from(
    ["", "x", "- ", ": ", "[", "]", "{", "}", "null", "~", "3", "1.5", "yes", "2024-01-01", "2024-02-30", "'", '"',
     "&a ", "*a", "!!set ", "!!binary ", "? ", "|\n", "<<: ", "#", "\t", "\u0000", "\u2028", "id", "orders", "\n"]
)  # fmt: skip


@settings(deadline=None, max_examples=examples(100))
@given(edits=st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), _scraps), min_size=1, max_size=3))  # fmt: skip
def test_any_file_is_read_or_rejected_with_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int, str]]
) -> None:
    text = GOOD
    for place, length, scrap in edits:
        text = text[:place] + scrap + text[place + length :]
    path = tmp_path_factory.mktemp("any") / "tables.yaml"
    path.write_text(text)
    try:
        tables = read_tables(path)
    except TablesError as error:
        message = str(error).replace(str(path), "")
        assert "Input should" not in message
        assert "{'" not in message
        assert "Error" not in message
    else:
        again = path.with_name("again.yaml")
        again.write_text(as_yaml(tables.values()))
        assert list(read_tables(again)) == list(tables)
