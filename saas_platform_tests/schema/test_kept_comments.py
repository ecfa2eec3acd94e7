"""A comment in tables.yaml stays when a discovery changes the file, unless its table or column is gone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from saas_platform.schema.kept_comments import with_comments
from saas_platform_tests.drawing import examples
from saas_platform_tests.schema.test_merging import _merged


def test_a_comment_in_braces_on_several_lines(tmp_path: Path) -> None:
    file = """\
tables:
  t:
    key: [a]
    columns:
      a: {type: integer, declared: INT}
      b: {        # the name
        type: text,   # printed
        # as the law has it
        declared: TEXT
      }
      c: {type: text, declared: TEXT}
"""
    found = """\
tables:
  t: {key: [a], columns: {a: {type: integer, declared: INT}, b: {type: text, declared: VARCHAR},
    c: {type: text, declared: TEXT}}}
"""
    assert (
        _merged(tmp_path, file, found).text
        == """\
tables:
  t:
    key: [a]
    columns:
      a: {type: integer, declared: INT}
      # the name
      # printed
      # as the law has it
      b: {type: text, declared: VARCHAR}
      c: {type: text, declared: TEXT}
"""
    )


def test_a_comment_after_an_alias(tmp_path: Path) -> None:
    file = """\
tables:
  s: {key: [a], unique: [&both [a, b]], columns: &columns {a: {type: text, declared: TEXT}, b: {type: text, declared: TEXT}}}
  t:
    key: [a]
    unique:
    - *both   # as in s
    - [b]
    columns: *columns   # of s
"""
    found = """\
tables:
  s: {key: [a], columns: {a: {type: text, declared: TEXT}, b: {type: text, declared: TEXT}}}
  t: {key: [a], columns: {a: {type: text, declared: VARCHAR}, b: {type: text, declared: TEXT}}}
"""
    text = _merged(tmp_path, file, found).text
    assert "    # as in s\n    - [a, b]\n    - [b]\n    # of s\n    columns: {a: " in text
    assert text.count("#") == 2


def test_the_comment_above_columns_after_a_slice_that_is_gone(tmp_path: Path) -> None:
    file = """\
tables:
  t:
    key: [a]
    slice:
      column: at
      grain: month   # busy
    # All of them.
    columns:
      a: {type: integer, declared: INT}
      at: {type: time, declared: DATETIME, nullable: false}
"""
    found = "tables:\n  t: {key: [a], columns: {a: {type: integer, declared: INT}}}\n"
    assert (
        _merged(tmp_path, file, found).text
        == """\
tables:
  t:
    key: [a]
    # busy
    slice: null
    # All of them.
    columns:
      a: {type: integer, declared: INT}
"""
    )


def test_a_comment_above_a_column_that_is_gone_stays_before_the_next_one(tmp_path: Path) -> None:
    """It may be about several columns. The next column's own comment stays next to that column."""
    file = """\
tables:
  t:
    key: [a]
    columns:
      a: {type: integer, declared: INT}
      # About b.
      b: {type: text, declared: TEXT}   # old
      # About c.
      c: {type: text, declared: TEXT}
"""
    found = "tables:\n  t: {key: [a], columns: {a: {type: integer, declared: INT}, c: {type: text, declared: TEXT}}}\n"
    assert (
        _merged(tmp_path, file, found).text
        == """\
tables:
  t:
    key: [a]
    columns:
      a: {type: integer, declared: INT}
      # About b.
      # About c.
      c: {type: text, declared: TEXT}
"""
    )


def test_a_comment_of_a_column_that_is_gone_goes_with_it(tmp_path: Path) -> None:
    file = """\
tables:
  t:
    key: [a]
    columns:
      a: {type: integer, declared: INT}
      b: {   # old
        # older
        type: text, declared: TEXT
      }   # oldest
      # The rest.
      c: {type: text, declared: TEXT}
"""
    found = "tables:\n  t: {key: [a], columns: {a: {type: integer, declared: INT}, c: {type: text, declared: CLOB}}}\n"
    assert (
        _merged(tmp_path, file, found).text
        == """\
tables:
  t:
    key: [a]
    columns:
      a: {type: integer, declared: INT}
      # The rest.
      c: {type: text, declared: CLOB}
"""
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a: |   # why\n  # text\nb: 1\n", "a: |\n  # text\nb: 1\n", "# why\na: |\n  # text\nb: 1\n"),
        ("a: '# text'   # why\n", "a: '# text'\n", "# why\na: '# text'\n"),
        ("a: b#c   # why\n", "a: b#c\n", "# why\na: b#c\n"),
        ("a: {b: 1, # x\n  c: 2} # x\n", "a: {b: 1, c: 2} # x\n", "# x\na: {b: 1, c: 2} # x\n"),
        # No line of its own is free above c, so the comment goes to the top.
        (
            'a: {b: "x\n\n  y", c: # why\n 1}\n',
            'a: {b: "x\n\n  y", c: 1}\n',
            '# why\na: {b: "x\n\n  y", c: 1}\n',
        ),
        ("# alone\n", "a: 1\n", "# alone\na: 1\n"),
        ("a: 1   # why\n", "a: [\n", "a: [\n"),
    ],
)  # fmt: skip
def test_what_is_a_comment_and_where_it_goes(before: str, after: str, expected: str) -> None:
    assert with_comments(before, after) == expected
    assert with_comments(expected, expected) == expected


#: Each line of a file with the table and column on it. A comment may stand above each line, and at its end.
LINES: list[tuple[str, str]] = [
    ("tables:", ""),
    ("  s:", "s"),
    ("    key: &key [a]", "s"),
    ("    unique:", "s"),
    ("    - &rule [a, b]", "s"),
    ("    - [b]", "s"),
    ("    columns:", "s"),
    ("      a: &a {type: integer, declared: INT}", "s.a"),
    ("      b: {", "s.b"),
    ("        type: text,", "s.b"),
    ("        declared: TEXT", "s.b"),
    ("      }", "s.b"),
    ("      at:", "s.at"),
    ("        type: time", "s.at"),
    ("        declared: DATETIME", "s.at"),
    ("        nullable: false", "s.at"),
    ("  t: {", "t"),
    ("    key: *key,", "t"),
    ("    unique: [", "t"),
    ("      *rule,", "t"),
    ("      [b]", "t"),
    ("    ],", "t"),
    ("    columns: {a: *a,", "t.a"),
    ("      b: {type: text, declared: TEXT},", "t.b"),
    ("      c: {type: text,", "t.c"),
    ("        declared: TEXT} } }", "t.c"),
    ("  u:", "u"),
    ("    key: *key", "u"),
    ("    slice:", "u"),
    ("      column: at", "u"),
    ("      grain: month", "u"),
    ("    unique:", "u"),
    ("    - *rule", "u"),
    ("    - [at]", "u"),
    ("    references:", "u"),
    ("    - {columns: [b], table: s,", "u"),
    ("      to: [b]}", "u"),
    ("    columns:", "u"),
    ("      a: *a", "u.a"),
    ("      b:", "u.b"),
    ("        type: text", "u.b"),
    ("        declared: TEXT", "u.b"),
    ("      at: {type: time, declared: DATETIME, nullable: false}", "u.at"),
]
_COLUMNS = {"s": ["a", "b", "at"], "t": ["a", "b", "c"], "u": ["a", "b", "at"]}
_TYPES = {"INT": "integer", "TEXT": "text", "VARCHAR": "text", "DATETIME": "time"}
_DECLARED = {"a": "INT", "b": "TEXT", "c": "TEXT", "at": "DATETIME"}


@st.composite
def _sources(draw: st.DrawFn) -> dict[str, dict[str, str]]:
    """Return the columns of each table of a changed source, with their types there."""
    source: dict[str, dict[str, str]] = {}
    for table in draw(st.sets(st.sampled_from("stu"), min_size=1)):
        kept = draw(st.sets(st.sampled_from(_COLUMNS[table]), min_size=1))
        source[table] = {each: _DECLARED[each] for each in _COLUMNS[table] if each in kept}
        if "b" in kept and draw(st.booleans()):
            source[table]["b"] = "VARCHAR"
        if draw(st.booleans()):
            source[table]["new"] = "INT"
    return source


@settings(max_examples=examples(25), deadline=None)
@given(
    source=_sources(),
    alone=st.sets(st.integers(0, len(LINES) - 1)),
    at_end=st.sets(st.integers(0, len(LINES) - 1)),
    indents=st.integers(0, 8),
)
def test_comments_anywhere_stay(
    tmp_path_factory: pytest.TempPathFactory,
    source: dict[str, dict[str, str]],
    alone: set[int],
    at_end: set[int],
    indents: int,
) -> None:
    text, wanted = "", []
    for number, (line, owner) in enumerate(LINES):
        table, _, column = owner.partition(".")
        is_table_gone = bool(table) and table not in source
        is_gone = is_table_gone or (bool(column) and column not in source[table])
        # A comment above the first line of a table or column is not in it.
        is_first = owner != LINES[number - 1][1]
        is_gone_above = (is_table_gone and bool(column)) if is_first else is_gone
        if number in alone:
            text += " " * indents + f"# above {number}.\n"
            wanted += [] if is_gone_above else [f"# above {number}."]
        text += line + (f"   # after {number}." if number in at_end else "") + "\n"
        if number in at_end and not is_gone:
            wanted.append(f"# after {number}.")
    found = {
        name: {
            "key": [],
            "columns": {
                each: {"type": _TYPES[type_], "declared": type_} for each, type_ in columns.items()
            },
        }
        for name, columns in source.items()
    }
    folder = tmp_path_factory.mktemp("comments")
    bare = "".join(f"{line}\n" for line, _ in LINES)
    merged = _merged(folder, text, yaml.safe_dump({"tables": found}))
    plain = _merged(folder, bare, yaml.safe_dump({"tables": found}))
    assert yaml.safe_load(merged.text) == yaml.safe_load(plain.text)
    lines = Counter(
        "#" + part for line in merged.text.splitlines() for part in [line.partition("#")[2]] if part
    )
    missing = Counter(wanted) - lines
    assert not missing, merged.text
