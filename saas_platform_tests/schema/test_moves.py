"""Test which tables are said to have the names of others now, and what a merge makes of it."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from saas_platform.schema.moves import Moves, Sides, Unsure
from saas_platform_tests.schema.test_merging import _lines, _merged

#: Three tables with other columns, two that are alike, and one whose columns another has too.
COLUMNS = {"a": "x", "b": "rs", "c": "xyz", "d": "pq", "e": "pq"}


def _moves(now: dict[str, str], declared: dict[str, str] = COLUMNS) -> Moves[str, str]:
    """Return the moves if the tables of the source have these columns now."""
    return Sides(
        list(declared),
        {name: name for name in declared if name in now},
        list(now),
        lambda name, place: {*declared[name]} == {*now[place]},
        lambda name, place: {*declared[name]} <= {*now[place]},
    ).moves()


NAMES = ("a", "b", "c")


@pytest.mark.parametrize("order", [*permutations(NAMES)], ids="".join)
def test_every_order_of_names_is_found(order: tuple[str, ...]) -> None:
    now = {**COLUMNS, **{place: COLUMNS[name] for name, place in zip(NAMES, order, strict=True)}}
    moved = {name: place for name, place in zip(NAMES, order, strict=True) if name != place}
    assert _moves(now) == Moves(moved)


#: The present columns of the tables that changed (none: gone), where the moved tables are, and the unsure ones.
CASES: dict[str, tuple[dict[str, str], dict[str, str], list[tuple[str, str]]]] = {
    "nothing": ({}, {}, []),
    "two alike that were swapped": ({"d": "pq", "e": "pq"}, {}, []),
    "a column that was renamed": ({"b": "rt"}, {}, []),
    "a table that has a copy under a new name": ({"b": "rt", "b_old": "rs"}, {}, [("b", "b+b_old")]),
    "a table that has a copy, and only a new column": ({"b": "rst", "b_old": "rs"}, {}, []),
    "a table that took the name of another, which has a new one": (
        {"a": "rs", "b": "", "new": "x"},
        {"a": "new", "b": "a"},
        [],
    ),
    "a chain of three": ({"a": "rs", "b": "xyz", "c": "", "new": "x"}, {"a": "new", "b": "a", "c": "b"}, []),
    "a table that took the name of one that is gone": ({"a": "rs", "b": ""}, {}, [("ab", "a")]),
    "a swap, and a column that was renamed at the same time": ({"a": "rs", "b": "y"}, {}, [("ab", "ab")]),
    "a swap, and a copy": ({"a": "rs", "b": "x", "new": "x"}, {}, [("ab", "ab+new")]),
    "a swap with one of two that are alike": ({"a": "pq", "d": "x"}, {}, [("ade", "ade")]),
    "a circle through one of two that are alike": (
        {"a": "pq", "d": "pq", "e": "x"},
        {},
        [("ade", "ade")],
    ),
    "a new column, by which a table is like another": ({"a": "xyz", "c": "xyzw"}, {}, []),
    "two tables in one place": ({"a": "rs", "b": "x", "d": ""}, {"a": "b", "b": "a"}, []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_sure_and_what_is_not(case: str) -> None:
    changes, sure, unsure = CASES[case]
    now = {place: columns for place, columns in {**COLUMNS, **changes}.items() if columns}
    found = [
        Unsure(tuple(names), tuple(there))
        for names, places in unsure
        for there in [[*places.partition("+")[0], *filter(None, [places.partition("+")[2]])]]
    ]
    assert _moves(now) == Moves(sure, tuple(found))


def test_a_table_that_can_not_be_examined_may_be_anything() -> None:
    now = {"a": "rs"}
    found = Sides(
        ["a", "b"],
        {"a": "a", "b": "b"},
        ["a"],
        lambda name, place: COLUMNS[name] == now[place],
        lambda name, place: {*COLUMNS[name]} <= {*now[place]},
    ).moves()
    assert found == Moves({}, (Unsure(("a", "b"), ("a",)),))


FILE = """\
tables:
  a:   # the first
    key: [id]
    columns:
      id: {type: integer, declared: INT, nullable: false}
      x: {type: text, declared: TEXT, pii: credential, mirror: hash}   # secret
  b:
    key: [id]
    columns:
      id: {type: integer, declared: INT, nullable: false}
      r: {type: text, declared: TEXT}
  c:
    key: [id]
    columns:
      id: {type: integer, declared: INT, nullable: false}
      s: {type: text, declared: TEXT}
"""


def _found(**columns: str) -> str:
    lines = ["tables:"]
    for name, column in columns.items():
        lines += [f"  {name}:", "    key: [id]", "    columns:"]
        lines += ["      id: {type: integer, declared: INT, nullable: false}"]
        lines += [f"      {column}: {{type: text, declared: TEXT}}"]
    return "\n".join(lines) + "\n"


def test_a_swap_is_followed_and_the_data_keep_their_edits(tmp_path: Path) -> None:
    found = _found(a="r", b="x", c="s")
    merged = _merged(tmp_path, FILE, found)
    assert _lines(FILE, merged.text) == ["+    source: b", "+    source: a"]
    assert merged.changes == (
        "a has other columns in a of the source now, and its own in b, which was renamed: it is read from there now",
        "b has other columns in b of the source now, and its own in a, which was renamed: it is read from there now",
    )
    assert merged.remarks == ()
    again = _merged(tmp_path, merged.text, found)
    assert (again.changes, again.text) == ((), merged.text)


def test_a_swap_back_takes_the_lines_away(tmp_path: Path) -> None:
    swapped = _merged(tmp_path, FILE, _found(a="r", b="x", c="s")).text
    assert _merged(tmp_path, swapped, _found(a="x", b="r", c="s")).text == FILE


def test_a_circle_of_three_is_followed(tmp_path: Path) -> None:
    merged = _merged(tmp_path, FILE, _found(a="s", b="x", c="r"))
    assert _lines(FILE, merged.text) == ["+    source: b", "+    source: c", "+    source: a"]


def test_a_chain_is_followed(tmp_path: Path) -> None:
    merged = _merged(tmp_path, FILE, _found(a="r", c="s", new="x"))
    assert _lines(FILE, merged.text) == ["+    source: new", "+    source: a"]
    assert merged.changes[1] == (
        "b is gone from the source, and its own in a, which was renamed: it is read from there now"
    )


@pytest.mark.parametrize(
    ("found", "names", "places"),
    [
        ({"a": "r", "c": "s"}, "a and b", "a of the source may be any of them now"),
        (
            {"a": "r", "b": "x", "c": "s", "new": "x"},
            "a and b",
            "a, b and new of the source may have been renamed",
        ),
        (
            {"a": "r", "b": "x", "c": "s", "new": "r"},
            "a and b",
            "a, b and new of the source may have been renamed",
        ),
    ],
)
def test_what_is_unsure_stays_and_is_named(
    tmp_path: Path, found: dict[str, str], names: str, places: str
) -> None:
    merged = _merged(tmp_path, FILE, _found(**found))
    assert (merged.text, merged.changes, merged.added, merged.tables) == (FILE, (), (), 3)
    (said,) = merged.remarks
    assert said.startswith(f"{names} stay in tables.yaml as before, because {places}")


def test_the_rest_is_merged_beside_what_is_unsure(tmp_path: Path) -> None:
    merged = _merged(tmp_path, FILE, _found(a="r", c="t", more="z"))
    assert merged.changes == (
        "c.t is new in the source: it is added as text, and hashed as a.x is, whose values it may hold: write"
        " `mirror: keep` if it does not",
        "c.s is gone from the source: it is removed",
        "more is new in the source: it is added, with 2 columns; more.z is hashed as a.x is, whose values it may hold:"
        " write `mirror: keep` if it does not",
    )
    assert len(merged.remarks) == 1


def test_a_skipped_table_is_not_read_in_place_of_a_renamed_one(tmp_path: Path) -> None:
    file = "skip: [out]\n" + FILE
    merged = _merged(tmp_path, file, _found(a="z", b="r", c="s", out="x"))
    assert (merged.text, merged.changes) == (file, ())
    assert merged.remarks == (
        "a stays in tables.yaml as before, because a of the source lacks some of its columns, and out, which tables.yaml"
        " does not mirror, has exactly its columns: if it was renamed, write `source: out` under a in tables.yaml, and a"
        " in `skip:` instead of out; if not, write the present columns under a, and discover again.",
    )


def test_a_skipped_column_in_another_case_does_not_hide_a_move(tmp_path: Path) -> None:
    file = FILE.replace("  b:\n", "  b:\n    skip: [NOTE]\n")
    found = _found(a="r", b="x", c="s").replace(
        "      r: {", "      note: {type: text, declared: TEXT}\n      r: {"
    )
    merged = _merged(tmp_path, file, found)
    assert _lines(file, merged.text) == ["+    source: b", "+    source: a"]
