"""Tests of cells that other tools take for equal: every engine must distinguish them.

The first ten are cases, or close to cases, that Google's data validator or reladiff missed.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from saas_platform_tests.digests.conftest import Digests
from saas_platform_tests.digests.rows import EVERY_TYPE, Row, plain


def texts(left: str | None, right: str | None = None) -> list[Row]:
    return [plain(left_text=left, right_text=right)]


def cell(name: str, value: Any) -> list[Row]:
    return [plain(**{name: value})]


DIFFERENT: dict[str, tuple[list[Row], list[Row]]] = {
    "a trailing space": (texts("ab"), texts("ab ")),
    "a trailing newline": (texts("ab"), texts("ab\n")),
    "text shifted over a column border": (texts("ab", "c"), texts("a", "bc")),
    "NULL swapped with the empty text": (texts(None, ""), texts("", None)),
    "NULL against the empty text": (texts(None), texts("")),
    "NULL against the text <null>": (texts(None), texts("<null>")),
    "a separator shifted over a column border": (texts("a|b", "c"), texts("a", "b|c")),
    "the canonical form's own marks shifted over a column border": (
        texts("a|", ".b"),
        texts("a", "|.b"),
    ),
    "NULL against the mark for NULL": (texts(None), texts("|-")),
    "another case": (texts("a"), texts("A")),
    "a composed and a decomposed character": (texts("\u00e9"), texts("e\u0301")),
    "a full-width mark against the mark": (texts("\uff5c"), texts("|")),
    "two characters outside the basic plane": (texts("\U0001d11e"), texts("\U0001d11f")),
    "zeros at the end of a text": (texts("1.0"), texts("1.00")),
    "integers that are equal as doubles": (
        cell("row_version", 2**53),
        cell("row_version", 2**53 + 1),
    ),
    "doubles that are equal in fifteen digits": (cell("ratio", 0.1 + 0.2), cell("ratio", 0.3)),
    "the two smallest doubles": (cell("ratio", 5e-324), cell("ratio", 1e-323)),
    "decimals that are equal as doubles": (
        cell("whole", Decimal("9" * 38)),
        cell("whole", Decimal("9" * 37 + "8")),
    ),
    "a microsecond": (
        cell("moment", datetime(2024, 1, 1, 23, 59, 59, 999_999)),
        cell("moment", datetime(2024, 1, 2)),
    ),
    "NULL against false": (cell("flag", None), cell("flag", False)),
    "NULL against zero": (cell("small", None), cell("small", 0)),
    "NULL against no bytes": (cell("raw", None), cell("raw", b"")),
    "a NUL byte at the end": (cell("raw", b"a"), cell("raw", b"a\0")),
    "one value in another column": (texts("a", None), texts(None, "a")),
    "values swapped between rows": (
        [*texts("a", "b"), *texts("c", "d")],
        [*texts("a", "d"), *texts("c", "b")],
    ),
    "a pair of one row against a pair of another": (texts("a") * 2, texts("b") * 2),
    "one more row": (texts("a"), texts("a") * 2),
}

SAME: dict[str, tuple[list[Row], list[Row]]] = {
    "two zeros": (cell("ratio", 0.0), cell("ratio", -0.0)),
    "a decimal with fewer zeros": (cell("price", Decimal("1.1")), cell("price", Decimal("1.10"))),
    "another order": ([*texts("a"), *texts("b")], [*texts("b"), *texts("a")]),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_cells_are_distinguished(engine: Digests, name: str) -> None:
    one, other = DIFFERENT[name]
    assert engine(EVERY_TYPE, one) != engine(EVERY_TYPE, other)


@pytest.mark.parametrize("name", SAME)
def test_equal_cells_are_the_same(engine: Digests, name: str) -> None:
    one, other = SAME[name]
    assert engine(EVERY_TYPE, one) == engine(EVERY_TYPE, other)
