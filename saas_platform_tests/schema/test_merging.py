"""Merging a new discovery into an edited tables.yaml, with pairs that a reader can check by eye.

The result of the discovery is written as a file too, because that is the shortest way to declare tables.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.schema.declared import as_yaml, read_declaration
from saas_platform.schema.merging import Merge, merge
from saas_platform.schema.source_names import source_table
from saas_platform_tests.drawing import examples

FILE = """\
# Ours: edited by hand.
skip: [audit]   # nobody needs it

tables:
  # What customers buy.
  orders:   # the heart
    schema: finance
    skip: [internal]
    key: [id]   # as agreed
    version: null
    slice: {column: placed, grain: day}
    unique:
    - [number]
    references:
    - columns: [buyer]
      table: people
      to: [nr]
    columns:
      id: {type: integer, declared: INT, nullable: false}
      number: {type: text, declared: TEXT}   # printed
      # Money is exact.
      amount: {type: 'decimal(8, 2)', declared: REAL, plausible: [0, null]}
      buyer: {type: integer, declared: INT}
      placed: {type: date, declared: DATE, nullable: false}

  people:
    key: [nr]
    version:
    slice: ~
    columns:
      nr: {source: id, type: integer, declared: INT, nullable: false}
      mail: {type: text, declared: VARCHAR(80), pii: email, mirror: hash}
      remark:
        type: text   # long ones
        declared: TEXT
        pii: free_text

  # The end.
"""
#: The tables that discovery proposes for the same source.
FOUND = """\
tables:
  audit: {key: [], columns: {at: {type: text, declared: TEXT}}}
  orders:
    key: [id]
    columns:
      id: {type: integer, declared: INT, nullable: false}
      number: {type: text, declared: TEXT}
      amount: {type: float, declared: REAL}
      buyer: {type: integer, declared: INT}
      placed: {type: date, declared: DATE, nullable: false}
      internal: {type: text, declared: TEXT}
  people:
    key: [id]
    columns:
      id: {type: integer, declared: INT, nullable: false}
      mail: {type: text, declared: VARCHAR(80), pii: email}
      remark: {type: text, declared: TEXT, pii: free_text}
"""


def _merged(folder: Path, file: str, found: str, *unseen: str) -> Merge:
    (folder / "tables.yaml").write_text(file)
    (folder / "found.yaml").write_text(found)
    tables = read_declaration(folder / "found.yaml").tables.values()
    present = [*(source_table(table) for table in tables), *((None, name) for name in unseen)]
    return merge(file, read_declaration(folder / "tables.yaml"), tables, present)


def _lines(before: str, after: str) -> list[str]:
    """Return the removed and the added lines."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in found if not line.startswith(("---", "+++", "@@"))]


def test_an_unchanged_source_changes_nothing(tmp_path: Path) -> None:
    assert _merged(tmp_path, FILE, FOUND) == Merge(FILE, (), ())


#: The edits of the source, the removed and added lines of the file, and the reported changes.
CHANGES: dict[str, tuple[list[tuple[str, str]], list[str], list[str]]] = {
    "a new column": (
        [("      mail: {", "      phone: {type: text, declared: TEXT, pii: phone}\n      mail: {")],
        ["+      phone: {type: text, declared: TEXT, nullable: true, pii: phone}"],
        ["people.phone is new in the source: it is added as text"],
    ),
    "a new column called as one of the file": (
        [("      mail: {", "      NR: {type: text, declared: TEXT}\n      mail: {")],
        ["+      NR_fbceba: {source: NR, type: text, declared: TEXT, nullable: true}"],
        ["people.NR_fbceba is new in the source: it is added as text"],
    ),
    "a renamed column": (
        [("      number: {", "      'no': {")],
        [
            "-      number: {type: text, declared: TEXT}   # printed",
            "+      number: {source: 'no', type: text, declared: TEXT} # printed",
        ],
        ["orders.number: number is gone from the source, where no is new and has the same type: it is read from there now"],
    ),
    "a column renamed to the name that the file has": (
        [("      id: {type: integer, declared: INT, nullable: false}\n      mail", "      nr: {type: integer, declared: INT, nullable: false}\n      mail"), ("  people:\n    key: [id]", "  people:\n    key: [nr]")],
        [
            "-      nr: {source: id, type: integer, declared: INT, nullable: false}",
            "+      nr: {type: integer, declared: INT, nullable: false}",
        ],
        ["people.nr: id is gone from the source, where nr is new and has the same type: it is read from there now"],
    ),
    "a changed type": (
        [("amount: {type: float, declared: REAL}", "amount: {type: text, declared: 'NUMERIC(8, 2)'}")],
        [
            "-      amount: {type: 'decimal(8, 2)', declared: REAL, plausible: [0, null]}",
            "+      amount: {type: 'decimal(8, 2)', declared: 'NUMERIC(8, 2)', plausible: [0, null]}",
        ],
        ["orders.amount is now declared as NUMERIC(8, 2) in the source; it was REAL. Its type stays decimal(8, 2), but its values now suggest text: check it"],
    ),
    "a dropped column with a comment": (
        [("      remark: {type: text, declared: TEXT, pii: free_text}\n", "")],
        ["-      remark:", "-        type: text   # long ones", "-        declared: TEXT", "-        pii: free_text"],
        ["people.remark is gone from the source: it is removed"],
    ),
    "a dropped column before a comment": (
        [("      number: {type: text, declared: TEXT}\n", "")],
        ["-    unique:", "-    - [number]", "-      number: {type: text, declared: TEXT}   # printed"],
        ["orders.number is gone from the source: it is removed; the unique rules that named it are removed too"],
    ),
    "a dropped column that much names": (
        [("      placed: {type: date, declared: DATE, nullable: false}\n", ""), ("      buyer: {type: integer, declared: INT}\n", "")],
        [
            "-    slice: {column: placed, grain: day}", "+    slice: null",
            "-    references:", "-    - columns: [buyer]", "-      table: people", "-      to: [nr]",
            "-      buyer: {type: integer, declared: INT}",
            "-      placed: {type: date, declared: DATE, nullable: false}",
        ],
        ["orders.buyer is gone from the source: it is removed; the references that named it are removed too", "orders.placed is gone from the source: it is removed; slice is now null"],
    ),
    "a dropped key": (
        [("      id: {type: integer, declared: INT, nullable: false}\n      mail", "      mail"), ("  people:\n    key: [id]", "  people:\n    key: [mail]")],
        [
            "-    references:", "-    - columns: [buyer]", "-      table: people", "-      to: [nr]",
            "-    key: [nr]", "+    key: [mail]",
            "-      nr: {source: id, type: integer, declared: INT, nullable: false}",
        ],
        ["people.nr is gone from the source: it is removed; the key is now [mail]; the references to it in orders are removed too"],
    ),
    "a new table": (
        [("  people:\n", "  lines:\n    key: [id]\n    references: [{columns: [person], table: people, to: [id]}, {columns: [id], table: audit, to: [at]}]\n    columns: {id: {type: text}, person: {type: integer}}\n  people:\n")],
        [
            "+  lines:", "+    key: [id]", "+    version: null", "+    slice: null",
            "+    references:", "+    - columns: [person]", "+      table: people", "+      to: [nr]",
            "+    columns:", "+      id: {type: text, declared: '', nullable: false}", "+      person: {type: integer, declared: '', nullable: true}",
        ],
        ["lines is new in the source: it is added, with 2 columns"],
    ),
    "a new table called as one of the file": (
        [("  people:\n", "  people: {source: {schema: old, table: people}, key: [], columns: {a: {type: text}}}\n  people2:\n    source: people\n")],
        [
            "+  people_688285:", "+    source: {schema: old, table: people}", "+    key: []", "+    version: null",
            "+    slice: null", "+    columns:", "+      a: {type: text, declared: '', nullable: true}",
        ],
        ["people_688285 is new in the source: it is added, with 1 column"],
    ),
    "a dropped table": (
        [(FOUND[FOUND.index("  people:"):], "")],
        [
            "-skip: [audit]   # nobody needs it", "+skip: [audit, people] # nobody needs it",
            "-    references:", "-    - columns: [buyer]", "-      table: people", "-      to: [nr]",
            *(f"-{line}" for line in FILE[FILE.index("  people:"):FILE.index("  # The end")].splitlines()),
        ],
        [
            "people is gone from the source: it is removed, with the references to it in orders; it is in `skip:` at the"
            " top now, because it was protected, so that it is not read if it returns. Remove it from there to read it"
        ],
    ),
    "a renamed table": (
        [("  people:\n", "  per.sons:\n")],
        ["+    source: per.sons"],
        ["people is gone from the source, where per.sons is new and has the same columns: it is read from there now"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_the_source(tmp_path: Path, what: str) -> None:
    edits, lines, messages = CHANGES[what]
    found = FOUND
    for old, new in edits:
        assert found.count(old) == 1, old
        found = found.replace(old, new)
    merged = _merged(tmp_path, FILE, found)
    assert list(merged.changes) == messages
    assert sorted(_lines(FILE, merged.text)) == sorted(lines)
    # Every comment is still there unless it belongs to a removed line.
    kept = [line for line in FILE.splitlines() if "#" in line and f"-{line}" not in lines]
    assert all(line.partition("#")[2] in merged.text for line in kept)
    again = _merged(tmp_path, merged.text, found)
    assert (again.text, again.changes) == (merged.text, ())


def test_a_table_that_discovery_could_not_read_is_kept(tmp_path: Path) -> None:
    found = FOUND[: FOUND.index("  people:")]
    assert _merged(tmp_path, FILE, found, "people").changes == ()
    assert _merged(tmp_path, FILE, found, "PEOPLE").changes == ()


def test_names_that_differ_only_by_case_are_the_same_table_or_column(tmp_path: Path) -> None:
    found = FOUND.replace("  people:", "  People:").replace("mail:", "Mail:")
    assert _merged(tmp_path, FILE, found).changes == ()


def test_a_column_in_another_case_is_a_renamed_one_where_the_source_says_so(tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text(FILE)
    (tmp_path / "found.yaml").write_text(FOUND.replace("mail:", "Mail:"))
    tables = [*read_declaration(tmp_path / "found.yaml").tables.values()]
    declaration = read_declaration(tmp_path / "tables.yaml")
    merged = merge(FILE, declaration, tables, [*map(source_table, tables)], ignore_case=False)
    assert merged.changes == (
        "people.mail: mail is gone from the source, where Mail is new and has the same type: it is read from there now",
    )


def test_schemas_that_differ_by_case_are_one_where_the_source_has_one(tmp_path: Path) -> None:
    found = FOUND.replace("  people:\n", "  people:\n    source: {schema: sales, table: people}\n")
    file = FILE.replace("  people:\n", "  people:\n    source: {schema: SALES, table: People}\n")
    assert file != FILE
    assert _merged(tmp_path, file, found).changes == ()


def test_added_columns_are_returned(tmp_path: Path) -> None:
    found = FOUND.replace("      mail: {", "      phone: {type: text, pii: phone}\n      mail: {")
    assert [c.name for c in _merged(tmp_path, FILE, found).added] == ["phone"]


def test_a_file_in_one_line(tmp_path: Path) -> None:
    file = "tables: {t: {key: [a], columns: {a: {type: text, declared: TEXT}, 1: {type: integer, declared: INT}}}}\n"
    found = "tables: {t: {key: [a], columns: {a: {type: text, declared: TEXT}, b: {type: date, declared: DATE}}}, u: {key: [], columns: {x: {type: text}}}}"
    merged = _merged(tmp_path, file, found)
    assert len(merged.changes) == 3
    assert _merged(tmp_path, merged.text, found).changes == ()
    declared = read_declaration(tmp_path / "tables.yaml").tables
    assert [c.name for c in declared["t"].columns] == ["a", "b"]
    assert list(declared) == ["t", "u"]


_names = st.sampled_from(
    ["a", "b", "no", "1", "null", "x y", "e-mail", "2024-01-01", "ü", "#c", "k: v"]
)
_columns = st.dictionaries(
    _names, st.sampled_from([("text", "TEXT"), ("integer", "INT"), ("date", "DATE")]), min_size=1, max_size=5
)  # fmt: skip
_source = st.dictionaries(_names, _columns, min_size=1, max_size=4)


def _tables(source: dict[str, dict[str, tuple[str, str]]]) -> list[sa.Table]:
    types: dict[str, sa.types.TypeEngine[Any]] = {
        "text": sa.String(),
        "integer": sa.BigInteger(),
        "date": sa.Date(),
    }
    metadata = sa.MetaData()
    return [
        sa.Table(
            name,
            metadata,
            *(
                sa.Column(each, types[kind], info={"declared": declared}, primary_key=not place)
                for place, (each, (kind, declared)) in enumerate(columns.items())
            ),
        )
        for name, columns in source.items()
    ]


@settings(deadline=None, max_examples=examples(20))
@given(before=_source, after=_source)
def test_any_source_becomes_any_other(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, dict[str, tuple[str, str]]],
    after: dict[str, dict[str, tuple[str, str]]],
) -> None:
    """The merged file is readable and mirrors the current columns of the source; no change is left.

    Only tables that may have been renamed among each other in several ways stay as they were.
    """
    path = tmp_path_factory.mktemp("merge") / "tables.yaml"
    path.write_text(as_yaml(_tables(before)))
    found = _tables(after)
    present = [source_table(table) for table in found]
    merged = merge(path.read_text(), read_declaration(path), found, present)
    path.write_text(merged.text)
    declaration = read_declaration(path)
    if any("in tables.yaml as before, because" in remark for remark in merged.remarks):
        assert merge(merged.text, declaration, found, present).changes == ()
        return
    assert {source_table(table)[1] for table in declaration.tables.values()} == set(after)
    for table in declaration.tables.values():
        columns = {
            str(c.info.get("source_name", c.name)): c.info["declared"] for c in table.columns
        }
        wanted = {name: declared for name, (_, declared) in after[source_table(table)[1]].items()}
        assert columns == wanted
    again = merge(merged.text, declaration, found, present)
    assert again.changes == ()
