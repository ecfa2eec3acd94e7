"""Test the judge itself: what it calls right is right, and it finds the faults that it should find."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from saas_platform_tests.judge.own import Own
from saas_platform_tests.judge.rules import (
    NULL,
    Normal,
    Stops,
    Text,
    bits,
    is_shown,
    mirrored,
    names_literal,
    right,
)

#: A type, the value that SQLite stores, and the value that the mirror must have; None if the table must stop.
PAIRS: list[tuple[str, Any, Normal | None]] = [
    ("integer", 2**63 - 1, ("integer", 2**63 - 1)),
    ("integer", 2.0, None),
    ("integer", Text(b"7"), None),
    ("integer", b"7", None),
    ("flag", 1, ("flag", True)),
    ("flag", 2, None),
    ("flag", -1, None),
    ("flag", 1.0, None),
    ("float", 0.1, ("float", bits(0.1))),
    ("float", 2**53, ("float", bits(2.0**53))),
    ("float", 2**53 + 1, None),
    ("float", Text(b"NaN"), None),
    ("decimal(10, 2)", 15.86, ("decimal", Decimal("15.86"))),
    ("decimal(10, 2)", 0.35, ("decimal", Decimal("0.35"))),
    ("decimal(10, 2)", 7, ("decimal", Decimal(7))),
    ("decimal(10, 2)", 0.125, None),
    ("decimal(10, 2)", 100_000_000, None),
    ("decimal(10, 2)", 0.1 + 0.2, None),
    ("decimal(10, 2)", float("inf"), None),
    ("decimal(18, 0)", 900719925474099301, ("decimal", Decimal(900719925474099301))),
    ("decimal(38, 4)", 1e300, None),
    ("text", Text(b" a "), ("text", " a ")),
    ("text", Text(b"\xff"), None),
    ("text", 1, None),
    ("time", Text(b"2024-02-29T23:59:59.5"), ("time", datetime(2024, 2, 29, 23, 59, 59, 500_000))),
    ("time", Text(b"2024-02-29"), ("time", datetime(2024, 2, 29))),
    ("time", Text(b"2024-02-29 10"), ("time", datetime(2024, 2, 29, 10))),
    ("time", Text(b"2024-02-29 10:00:00Z"), None),
    ("time", Text(b"2024-02-29 24:00:00"), None),
    ("time", Text(b"2024-02-29 10:00:00.1234567"), None),
    ("time", Text(b"0000-01-01 10:00:00"), None),
    ("time", Text("2024-02-2\u0669".encode()), None),
    ("date", Text(b"0001-01-01"), ("date", date(1, 1, 1))),
    ("date", Text(b"2023-02-29"), None),
    ("date", Text(b"2023-02-28 00:00:00"), None),
    ("bytes", b"", ("bytes", b"")),
    ("bytes", Text(b"a"), None),
    ("any", 1, ("any", "integer", 1)),
    ("any", Text(b"1"), ("any", "text", "1")),
    ("any", Text(b"\xff"), None),
]


@pytest.mark.parametrize(("kind", "value", "wanted"), PAIRS)
def test_what_is_right(kind: str, value: Any, wanted: Normal | None) -> None:
    found = right(kind, True, value)
    assert found.value == wanted
    assert found.stops is (Stops.MUST if wanted is None else Stops.NEVER)


def test_null_is_right_in_a_nullable_column() -> None:
    assert right("integer", True, None).value == NULL
    assert right("integer", False, None).stops is Stops.MUST


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        ("1", ("any", "integer", 1)),
        ("'1'", ("any", "text", "1")),
        ("'it''s'", ("any", "text", "it's")),
        ("X'31'", ("any", "bytes", b"1")),
        ("1.0", ("any", "float", bits(1.0))),
        ("it's", ("any", "no literal", "it's")),
        (True, ("flag", True)),
        (1, ("integer", 1)),
        (datetime(2024, 1, 1), ("time", datetime(2024, 1, 1))),
        (date(2024, 1, 1), ("date", date(2024, 1, 1))),
    ],
)
def test_what_a_mirror_holds(value: Any, normal: Normal) -> None:
    assert mirrored("any", value) == normal


def test_how_a_value_is_named() -> None:
    assert names_literal("t.v holds 2 in the row with id 5", 2)
    assert not names_literal("t.v holds 22 in the row with id 5", 2)
    assert not names_literal("t.v holds '2.0'", 2)
    assert names_literal("t.v holds 1.0e+300", 1e300)
    assert names_literal("t.v holds 'it''s'", Text(b"it's"))
    assert names_literal(r"t.v holds 'a\x1b'", Text(b"a\x1b"))
    assert not names_literal("t.v holds 'a\x1b'", Text(b"a\x1b"))
    assert is_shown(1.5, "float", 1.5)
    assert not is_shown(1, "flag", 1)
    assert not is_shown("1.50", "decimal(10, 2)", 1.51)


#: For each type a declaration, a value, and SQL that changes the value in the mirror as little as possible.
PLANTED = {
    "integer": ("INTEGER", "9223372036854775806", "v + 1"),
    "flag": ("BOOLEAN", "1", "false"),
    "float": ("REAL", "0.1", "0.1::DOUBLE + 1e-17 + 1.4e-17"),
    "decimal(10, 2)": ("DECIMAL(10,2)", "15.86", "15.87"),
    "text": ("TEXT", "'a '", "'a'"),
    "time": ("DATETIME", "'2024-01-01'", "v + INTERVAL 1 MICROSECOND"),
    "date": ("DATE", "'2024-01-01'", "v + 1"),
    "bytes": ("BLOB", "x'00'", "''::BLOB"),
}


def test_an_injected_difference_is_found(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        [
            statement
            for n, (declared, value, _) in enumerate(PLANTED.values())
            for statement in (
                f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, v {declared})",
                f"INSERT INTO t{n} VALUES (1, {value}), (2, NULL)",
            )
        ],
    )
    assert [table.kinds["v"] for table in own.declared().values()] == list(PLANTED)
    before = own.mirror()
    reports = own.sync()
    assert own.faults_of_sync(reports, before) == []
    proofs = own.verify("rows")
    assert own.faults_of_verify(proofs) == []
    own.in_mirror(
        ";".join(
            f"UPDATE raw.t{n} SET v = {wrong} WHERE id = 1"
            for n, (_, _, wrong) in enumerate(PLANTED.values())
        )
    )
    faults = own.faults_of_sync(reports, before)
    assert [fault[:20] for fault in faults] == [
        f"t{n}: the mirror lacks"[:20] for n in range(len(PLANTED))
    ]
    # The earlier proof does not prove the mirror in its present state.
    assert own.faults_of_verify(proofs) == [
        f"t{n} is not equal, verify rows reports proven" for n in range(len(PLANTED))
    ]


def test_a_stop_without_a_reason_is_found(tmp_path: Path) -> None:
    own = Own(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
    own.execute("INSERT INTO t VALUES (1, 'x')")
    reports = own.sync()
    assert own.faults_of_sync(reports, {}) == []
    own.execute("UPDATE t SET v = 'y'")
    (fault,) = own.faults_of_sync(reports, {})
    assert "names no misfit" in fault
    own.execute("UPDATE t SET v = 5")
    (fault,) = own.faults_of_sync(reports, {})
    assert "holds nothing that should stop it" in fault
