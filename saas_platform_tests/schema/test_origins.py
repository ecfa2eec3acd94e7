"""Test from which columns others come: by references, and by the names in expressions."""

from __future__ import annotations

import pytest

from saas_platform.schema.origins import Origins, definitions, names_in
from saas_platform.schema.standing import is_alike


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a + 1", {"a", "1"}),
        ("upper([E-Mail]) || 'x''y' -- b\n", {"upper", "e-mail", "x'y"}),
        ('"a ""b""" /* c */ || `d`', {'a "b"', "d"}),
        ("(Größe)", {"grösse"}),
    ],
)
def test_the_names_in_an_expression(expression: str, names: set[str]) -> None:
    assert names_in(expression) == names


def test_the_definitions_of_columns() -> None:
    found = definitions(
        'CREATE TABLE "t (x" ("a,b" TEXT DEFAULT \'(,\', /* z, */ up TEXT AS (coalesce("a,b", \'-\')), CHECK (up > 0))'
    )
    assert [*found] == ["a,b", "up", "check"]
    assert "a,b" in names_in(found["up"])
    assert "up" not in names_in(found["a,b"])


def test_origins_among_tables() -> None:
    """Names are compared without their case; a computed column without an expression comes from all others."""
    d, p, other = (None, "d"), (None, "P"), ("x", "p")
    found = Origins(
        [((d, "Who"), ((None, "p"), "Mail")), ((other, "a"), (d, "who"))],
        {((None, "p"), "up"): "upper(MAIL)", ((None, "p"), "all"): None, (d, "one"): "1"},
    ).among({d: [("who", ""), ("one", "")], p: [("mail", ""), ("up", ""), ("n", ""), ("all", "")]})
    assert found == {
        (d, "who"): {(p, "mail")},
        (other, "a"): {(d, "who")},
        (p, "up"): {(p, "mail")},
        (p, "all"): {(p, "mail"), (p, "up"), (p, "n")},
        (d, "one"): set(),
    }


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("TEXT", "nvarchar(max)", True),
        ("CLOB", "uniqueidentifier", True),
        ("INT", "DATE", True),
        ("INT", "TEXT", False),
        ("BLOB", "varbinary(9)", True),
        ("BLOB", "TEXT", False),
        ("BLOB", "NUM", False),
        ("", "TEXT", True),
        ("INT", "", True),
    ],
)
def test_types_of_one_family(one: str, other: str, expected: bool) -> None:
    assert is_alike(one, other) is expected
    assert is_alike(other, one) is expected
