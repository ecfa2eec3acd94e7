"""Test that what a command proposes for a user's own database works, and that all commands propose the same."""

from __future__ import annotations

import re

import pytest

from saas_platform_tests.end_to_end.command_line import command
from saas_platform_tests.end_to_end.own import Own, warnings_in


@pytest.mark.few
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("declared", ["BLOB", "INT"])
@pytest.mark.parametrize("in_key", [True, False])
def test_no_type_is_proposed_for_texts_that_fit_none(
    own: Own, declared: str, encoding: str, *, in_key: bool
) -> None:
    """The first value that does not fit would fit another type; the second one fits none."""
    own.path.unlink()
    key = "PRIMARY KEY" if in_key else ""
    own.change(
        f"PRAGMA encoding = '{encoding}';"
        f"CREATE TABLE other (id INTEGER); CREATE TABLE t (k {declared} {key}, v TEXT);"
    )
    own.file.unlink()
    assert command("doctor", "--discover").code == 0
    bad = "X'FF'" if encoding == "UTF-8" else "X'00D8'"
    own.change(f"INSERT INTO t VALUES ('fine', 'a'), (CAST({bad} AS TEXT), 'b')")
    said = command("doctor", "--discover").error_text
    assert "t.k holds a text that" in said
    assert "so that t can't be mirrored" in said
    assert "discovery proposes" not in said
    said = command("sync").error_text
    assert "t.k of the source holds" in said
    assert "doctor --discover" not in said
    remedy = "remove t from tables.yaml" if in_key else "move the column from the columns of t"
    assert remedy in said


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("", "1.5"),
        ("NUMERIC(4,1)", "1.55"),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in [
                ("", "1"),
                ("", "'x'"),
                ("", "X'00'"),
                ("", "'x'), (3, 1"),
                ("", "NULL"),
                ("DATE", "'no day'"),
                ("DATETIME", "'2024-01-01'"),
                ("BOOLEAN", "7"),
                ("TEXT", "1"),
            ]
        ),
    ],
)
def test_doctor_and_discovery_propose_the_same_type(own: Own, declared: str, values: str) -> None:
    own.change("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    assert command("doctor", "--discover", "--yes").code == 0
    own.change(
        f"ALTER TABLE t ADD COLUMN n {declared}; INSERT INTO t (id, n) VALUES (1, NULL), (2, {values})"
    )
    lines = [line for line in warnings_in(command("sync")) if "t.n is new" in line]
    proposed = re.findall(r"`n: \{type: ([^,}]+)", " ".join(lines))
    said = " ".join(each["remedy"] for each in command("doctor", "--json").json)
    assert re.findall(r"`n: \{type: ([^,}]+)", said) == proposed
    added = re.findall(
        r"t.n is new in the source: it is added as (\S+)", command("doctor", "--discover").err
    )
    assert added == proposed != []


def test_a_mark_of_the_byte_order_stays(own: Own) -> None:
    own.file.write_text("\ufeff" + own.file.read_text(), encoding="utf-8")
    own.change("ALTER TABLE orders ADD COLUMN more TEXT")
    assert command("doctor", "--discover", "--yes").code == 0
    written = own.file.read_text(encoding="utf-8")
    assert written.startswith("\ufeff#")
    assert written.count("\ufeff") == 1
    assert "more:" in written
    assert command("sync").code == 0
