"""Merging into a tables.yaml that uses YAML's anchors and aliases: a change of one entry is no change of another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saas_platform.schema.commented_yaml import dumped, loaded
from saas_platform.schema.declared import read_declaration
from saas_platform.schema.merging import Merge, merge
from saas_platform.schema.source_names import source_table
from saas_platform_tests.drawing import examples

FILE = """\
# Head.
tables:
  a:
    key: &k [id]
    version: null
    columns:
      id: &i {type: integer, declared: INTEGER, nullable: false}
      # About z.
      z: *i
      v: &v
        type: &t text   # short ones
        declared: TEXT
        nullable: true
      # About w.
      w:
        <<: *v
        declared: VARCHAR
      x: {<<: [*v, *i], type: *t}
  # About b.
  b:
    key: *k
    columns:
      id: *i
      y: *v
      "<<": {type: text, declared: TEXT}
  # About c.
  c: &c
    key: *k
    columns: &cc
      id: *i
  # About d.
  d: {<<: *c, source: dd}
  # The end.
"""
INTEGER, TEXT = {"type": "integer", "declared": "INTEGER"}, {"type": "text", "declared": "TEXT"}
VARCHAR = {"type": "text", "declared": "VARCHAR"}
#: What discovery finds if nothing has changed.
FOUND: dict[str, dict[str, dict[str, str]]] = {
    "a": {"id": INTEGER, "z": INTEGER, "v": TEXT, "w": VARCHAR, "x": TEXT},
    "b": {"id": INTEGER, "y": TEXT, "<<": TEXT},
    "c": {"id": INTEGER},
    "dd": {"id": INTEGER},
}


def _merged(folder: Path, text: str, found: dict[str, Any]) -> Merge:
    file, discovered = folder / "tables.yaml", folder / "found.yaml"
    file.write_text(text)
    tables: list[sa.Table] = []
    if found:
        entries = {name: {"key": ["id"], "columns": each} for name, each in found.items()}
        discovered.write_text(yaml.safe_dump({"tables": entries}, sort_keys=False))
        tables = [*read_declaration(discovered).tables.values()]
    return merge(text, read_declaration(file), tables, [source_table(table) for table in tables])


def _comments(text: str) -> list[str]:
    return re.findall(r"#.*", text)


def test_a_file_that_nothing_changed_keeps_its_aliases(tmp_path: Path) -> None:
    assert _merged(tmp_path, FILE, FOUND) == Merge(FILE, (), ())


def test_a_changed_type_changes_one_column_and_the_other_tables_keep_their_aliases(
    tmp_path: Path,
) -> None:
    found = {**FOUND, "b": {**FOUND["b"], "y": {"type": "text", "declared": "CLOB"}}}
    merged = _merged(tmp_path, FILE, found)
    assert merged.changes == ("b.y is now declared as CLOB in the source; it was TEXT",)
    wanted = yaml.safe_load(FILE)
    wanted["tables"]["b"]["columns"]["y"] = {"type": "text", "declared": "CLOB", "nullable": True}
    assert yaml.safe_load(merged.text) == wanted
    assert sorted(_comments(merged.text)) == sorted(_comments(FILE))
    assert "x: {<<: [*v, *i], type: *t}" in merged.text
    assert "d: {<<: *c, source: dd}" in merged.text


_TYPES = st.sampled_from([INTEGER, TEXT, VARCHAR, {"type": "text", "declared": "CLOB"}])


@st.composite
def _changed(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what discovery finds after columns and tables have come, gone and changed."""
    found: dict[str, Any] = {}
    for name, columns in FOUND.items():
        if draw(st.integers(0, 5)):
            others = {
                c: each for c, each in columns.items() if c == "id" or draw(st.integers(0, 4))
            }
            found[name] = {
                c: draw(_TYPES) if not draw(st.integers(0, 3)) else each
                for c, each in others.items()
            }
            if draw(st.booleans()):
                found[name]["new"] = draw(_TYPES)
    if draw(st.booleans()) or not found:
        found["new"] = {"id": INTEGER, "n": TEXT}
    return found


@settings(
    max_examples=examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(found=_changed())
def test_a_file_with_aliases_means_afterwards_what_it_would_without_them(
    tmp_path: Path, found: dict[str, Any]
) -> None:
    with_aliases = _merged(tmp_path, FILE, found)
    without = _merged(tmp_path, _without_aliases(FILE), found)
    assert with_aliases.changes == without.changes
    assert yaml.safe_load(with_aliases.text) == yaml.safe_load(without.text)
    assert _merged(tmp_path, with_aliases.text, found).changes == ()
    kept = _comments(with_aliases.text)
    assert len(set(kept)) == len(kept), "a comment stands twice"
    assert {"# Head.", "# The end."} <= {*kept}


def _without_aliases(text: str) -> str:
    """Return the text of an equal file in which every entry is written out."""

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    return yaml.dump(yaml.safe_load(text), Dumper=Plain, sort_keys=False, default_flow_style=None)


@pytest.mark.parametrize("name", ["'<<'", '"<<"'])
def test_a_quoted_merge_key_is_a_name(name: str) -> None:
    text = f"tables:\n  a: {{x: 1}}\n  {name}: {{y: 2}}\n"
    tree = loaded(text)
    assert list(tree["tables"]) == ["a", "<<"]
    assert dumped(tree) == text


_COLS = """\
tables:
  b:
    key: [id]
    columns: &cols
      id: {type: integer, declared: INTEGER, nullable: false}
      x: {type: text, declared: TEXT}
"""
_B = {"id": INTEGER, "x": TEXT}


def _part(text: str) -> str:
    return text[text.index("  a:\n") :]


def test_entries_that_are_taken_over_stay_first_and_keep_their_comment(tmp_path: Path) -> None:
    text = f"""\
{_COLS}  a:
    key: [id]
    columns:
      <<: *cols  # as b has them
      z: {{type: integer, declared: INT}}  # own
# The end.
"""
    found = {"b": _B, "a": {**_B, "z": {**INTEGER, "declared": "INT"}, "n": TEXT}}
    merged = _merged(tmp_path, text, found)
    assert merged.changes == ("a.n is new in the source: it is added as text",)
    assert (
        _part(merged.text)
        == """\
  a:
    key: [id]
    # as b has them
    columns:
      id: {type: integer, declared: INTEGER, nullable: false}
      x: {type: text, declared: TEXT}
      z: {type: integer, declared: INT}  # own
      n: {type: text, declared: TEXT, nullable: true}
# The end.
"""
    )
    before, after = tmp_path / "before.yaml", tmp_path / "after.yaml"
    before.write_text(text)
    after.write_text(merged.text)
    # Another order of the columns would load the table again.
    columns = [[*read_declaration(each).tables["a"].columns.keys()] for each in (before, after)]
    assert columns == [["id", "x", "z"], ["id", "x", "z", "n"]]


@pytest.mark.parametrize(
    "last",
    [
        "<<: *cols\n      id: {type: integer, declared: INT, nullable: false}",
        "z: {type: integer, declared: INT}\n      <<: *cols",
        "z: {type: integer, declared: INT}\n      <<: *cols  # as in b",
        "<<: *cols\n      id:\n        type: integer\n        declared: INT",
    ],
)
@pytest.mark.parametrize("end", ["# The end.\n", "\n  # Of the tables.\n\n# The end.\n"])
def test_the_last_comment_of_a_file_stays_the_last_line(
    tmp_path: Path, last: str, end: str
) -> None:
    text = f"{_COLS}  a:\n    key: [id]\n    columns:\n      {last}\n{end}"
    own = {"z": {**INTEGER, "declared": "INT"}} if "z:" in last else {}
    found = {"b": _B, "a": {**_B, **own, "n": TEXT, "m": TEXT}}
    merged = _merged(tmp_path, text, found)
    assert len(merged.changes) >= 2
    assert merged.text.endswith(f"nullable: true}}\n{end}")
    assert sorted(_comments(merged.text)) == sorted(_comments(text))


def test_the_comment_of_what_is_taken_over_stays_if_another_table_changes(tmp_path: Path) -> None:
    text = f"""\
{_COLS}  a:
    key: [id]
    columns:
      <<: *cols  # as b has them
  c: {{key: [id], columns: {{id: {{type: integer, declared: INTEGER, nullable: false}}}}}}
"""
    merged = _merged(tmp_path, text, {"b": _B, "a": _B, "c": {"id": INTEGER, "n": TEXT}})
    assert "<<: *cols" in merged.text
    assert _comments(merged.text) == ["# as b has them"]


def test_an_alone_comment_after_a_lost_last_table_ends_the_file(tmp_path: Path) -> None:
    text = f"{_COLS}  a: {{key: [id], columns: *cols}}\n# The end.\n"
    merged = _merged(tmp_path, text, {"b": _B})
    assert merged.text.startswith("tables:\n  b:\n    key: [id]\n    columns:")
    assert merged.text.endswith("      x: {type: text, declared: TEXT}\n# The end.\n")
