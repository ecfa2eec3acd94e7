"""Test every storage class in a column of every declaration: it is mirrored exactly, or the table stops.

Each case is a table of its own in one database. So one sync covers all cases, and the tests see whether a
table that stops also stops another.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from saas_platform.sync import sentences
from saas_platform_tests.drawing import drawn
from saas_platform_tests.judge.hostile import DECLARATIONS, KINDS, MOST, VALUES
from saas_platform_tests.judge.own import Own
from saas_platform_tests.judge.rules import Stops

pytestmark = pytest.mark.draws

#: More rows than one batch of the reader has.
_BEYOND = 20_000


class Case(NamedTuple):
    """A hostile value in the first or last row of a table."""

    declaration: str
    value: str
    last: bool


class Retyped(NamedTuple):
    """A hostile value in a column whose type in tables.yaml was changed by hand."""

    case: Case
    kind: str


CASES = [Case(*each) for each in itertools.product(DECLARATIONS, VALUES, (False, True))]


class Many(NamedTuple):
    """A value as SQL, to write into one row of a table with many rows."""

    declaration: str
    sql: str
    id_: int


#: A column without a declaration converts no value, so every value meets every type.
RETYPED = [
    Retyped(Case("", value, last), kind)
    for value, last, kind in itertools.product(VALUES, (False, True), KINDS)
]
RETYPED_ALL = [Retyped(case, kind) for case in CASES for kind in KINDS]


def holds(case: Case) -> bool:
    """Return whether SQLite accepts the value in the column at all."""
    return not (case.value == "NULL" and "NOT NULL" in case.declaration)


def create(number: int, case: Case) -> list[str]:
    """Return the statements that create a table of four plain rows."""
    plain = DECLARATIONS[case.declaration].plain
    rows = ", ".join(f"({id_}, {plain[id_ % len(plain)]})" for id_ in range(1, 5))
    return [
        f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, v {case.declaration})",
        f"INSERT INTO t{number} VALUES {rows}",
    ]


def write(number: int, case: Case) -> str:
    """Return the statement that writes the hostile value into the table's first or last row."""
    return f"UPDATE t{number} SET v = {VALUES[case.value]} WHERE id = {4 if case.last else 1}"


def back(number: int, case: Case) -> str:
    plain = DECLARATIONS[case.declaration].plain
    id_ = 4 if case.last else 1
    return f"UPDATE t{number} SET v = {plain[id_ % len(plain)]} WHERE id = {id_}"


def with_cases(faults: Sequence[str], cases: Sequence[Any]) -> str:
    """Return the faults, each with the case that its table stands for."""
    names = {f"t{number}": case for number, case in enumerate(cases)}
    lines = []
    for fault in faults:
        named = [names[word] for word in re.findall(r"\w+", fault) if word in names]
        lines.append(f"{named[:1]} {fault}")
    return "\n".join(lines)


def check_first_load(folder: Path, cases: Sequence[Case], encoding: str = "UTF-8") -> None:
    """Check that all values which discovery saw are mirrored, except texts that are not UTF-8."""
    cases = [case for case in cases if holds(case)]
    numbered = list(enumerate(cases))
    made = itertools.chain.from_iterable(create(*each) for each in numbered)
    own = Own(folder, [f"PRAGMA encoding = '{encoding}'", *made])
    own.execute([write(*each) for each in numbered])
    own.declare()
    expected = own.expected()
    faults = [
        f"t{number}: discovery declares {expected[f't{number}'].table.kinds['v']}, which does not hold"
        f" the value"
        for number, case in numbered
        if expected[f"t{number}"].stops is Stops.MUST and not case.value.startswith("not UTF-8")
    ]
    faults += own.judged()
    assert not faults, with_cases(faults, cases)


def check_later_edit(folder: Path, cases: Sequence[Case]) -> None:
    """Check values written after the load. Those that do not fit stop their tables; no other row changes."""
    cases = [case for case in cases if holds(case)]
    numbered = list(enumerate(cases))
    own = Own(folder, itertools.chain.from_iterable(create(*each) for each in numbered))
    faults = own.judged()
    assert not faults, with_cases(faults, cases)

    own.execute([write(*each) for each in numbered])
    faults = own.judged()
    before = own.mirror()
    repaired = own.repair()
    wanted = own.expected()
    faults += [
        f"{name} holds a value that can't be mirrored, but repair reports success"
        for name, report in repaired.items()
        if report.succeeded and wanted[name].stops is Stops.MUST
    ]
    faults += [
        f"{name} was changed by a repair that failed"
        for name, report in repaired.items()
        if not report.succeeded and own.mirror().get(name) != before.get(name)
    ]
    assert not faults, with_cases(faults, cases)

    own.execute([back(*each) for each in numbered])
    faults = own.judged()
    assert not faults, with_cases(faults, cases)


def check_retyped(folder: Path, cases: Sequence[Retyped], *, later: bool) -> None:
    """Check a type that a person wrote into tables.yaml, before or after the value was written."""
    cases = [each for each in cases if holds(each.case)]
    numbered = [(number, each.case) for number, each in enumerate(cases)]
    own = Own(folder, itertools.chain.from_iterable(create(*each) for each in numbered))
    if not later:
        own.execute([write(*each) for each in numbered])

    def retype(tables: dict[str, Any]) -> None:
        for number, each in enumerate(cases):
            tables[f"t{number}"]["columns"]["v"]["type"] = each.kind

    if later:
        own.sync()
    own.edit(retype)
    if later:
        own.execute([write(*each) for each in numbered])
    faults = own.judged()
    assert not faults, with_cases(faults, cases)


def test_some_at_the_first_load(tmp_path: Path) -> None:
    check_first_load(tmp_path, drawn(CASES, 20))


def test_some_written_later(tmp_path: Path) -> None:
    check_later_edit(tmp_path, drawn(CASES, 8))


@pytest.mark.parametrize("later", [False, True], ids=["before the load", "after the load"])
def test_some_under_types_written_by_hand(tmp_path: Path, later: bool) -> None:
    check_retyped(tmp_path, drawn(RETYPED, 24), later=later)


@pytest.mark.parametrize("value", ["not UTF-8", "not UTF-8 and a mark"])
def test_a_text_that_is_not_utf8_is_shown_as_its_own_bytes(tmp_path: Path, value: str) -> None:
    cases = [Retyped(Case("TEXT", value, True), kind) for kind in ("any", "text", "time")]
    check_retyped(tmp_path, cases, later=True)


def test_every_cent_is_exact(tmp_path: Path) -> None:
    """Test all amounts up to 999.99, such as 0.35 and 15.86, stored as floats in a column for money."""
    own = Own(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v NUMERIC(10,2))")
    own.fill("INSERT INTO t VALUES (?, ?)", ((i, i / 100) for i in range(100_000)))
    own.declare()
    assert own.declared()["t"].kinds["v"] == "decimal(10, 2)"
    report = own.sync()["t"]
    assert report.succeeded, report
    with duckdb.connect(str(own.warehouse.path), read_only=True) as connection:
        counted = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE v * 100 = id) FROM raw.t"
        ).fetchall()
    assert counted == [(100_000, 100_000)]


@pytest.mark.parametrize(
    ("precision", "scale"), [(10, 2), (15, 4), (20, 2), (38, 10), (4, 4), (38, 20)]
)
def test_decimals_are_exact(tmp_path: Path, precision: int, scale: int) -> None:
    """Test floats made from decimals with that many places, up to the limit of the precision of floats."""
    most = 10 ** min(precision, 15)
    chance = random.Random(f"{precision} {scale}")
    whole = [0, 1, most - 1, 1 - most, *(chance.randrange(-most, most) for _ in range(1000))]
    own = Own(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v REAL)")
    own.fill(
        "INSERT INTO t VALUES (?, ?)",
        (
            (i, float(Decimal(each >> chance.randrange(50)).scaleb(-scale)))
            for i, each in enumerate(whole)
        ),
    )
    own.declare()
    own.edit(
        lambda tables: tables["t"]["columns"]["v"].update(type=f"decimal({precision}, {scale})")
    )
    assert own.expected()["t"].stops is Stops.NEVER
    faults = own.faults_of_sync(own.sync(), {})
    assert not faults, "\n".join(faults)


#: Declarations whose values are texts.
TEXTS = ("TEXT", "DATE", "DATETIME", "")


@pytest.mark.parametrize("encoding", ["UTF-16le", pytest.param("UTF-16be", marks=pytest.mark.slow)])
def test_texts_of_a_database_in_utf16(tmp_path: Path, encoding: str) -> None:
    cases = [Case(declaration, value, True) for declaration in TEXTS for value in VALUES]
    usual = [Case("DATE", "day", True), Case("DATETIME", "3 digits", True)]
    check_first_load(tmp_path, [*usual, *drawn(cases, 8)], encoding)


@pytest.mark.slow
@pytest.mark.parametrize("declaration", TEXTS)
def test_many_texts_of_a_database_in_utf16(tmp_path: Path, declaration: str) -> None:
    cases = [Case(declaration, value, True) for value in VALUES]
    check_first_load(tmp_path, drawn(cases, MOST), "UTF-16le")


def test_a_misfit_of_a_personal_column_is_masked(tmp_path: Path) -> None:
    """The error that stops the table names the row, and neither the error nor the proof shows the value."""

    def personal(tables: dict[str, Any]) -> None:
        tables["t0"]["columns"]["v"]["pii"] = "email"

    own = Own(tmp_path, create(0, Case("INTEGER", "x", False)), edit=personal)
    own.sync()
    own.execute("UPDATE t0 SET v = 'eve@example.org' WHERE id = 4")
    faults = own.judged()
    assert not faults, "\n".join(faults)
    reports = [repr(own.sync()), *(repr(own.verify(level)) for level in ("digest", "rows"))]
    assert "id 4" in reports[0]
    assert not any("eve@" in each for each in reports)


@pytest.mark.slow
@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_many_at_the_first_load(tmp_path: Path, declaration: str) -> None:
    cases = [case for case in CASES if case.declaration == declaration]
    check_first_load(tmp_path, drawn(cases, MOST))


@pytest.mark.slow
@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_many_written_later(tmp_path: Path, declaration: str) -> None:
    cases = [case for case in CASES if case.declaration == declaration]
    check_later_edit(tmp_path, drawn(cases, MOST))


@pytest.mark.slow
@pytest.mark.parametrize("declaration", DECLARATIONS)
@pytest.mark.parametrize("later", [False, True], ids=["before the load", "after the load"])
def test_many_under_types_written_by_hand(tmp_path: Path, declaration: str, later: bool) -> None:
    cases = [each for each in RETYPED_ALL if each.case.declaration == declaration]
    check_retyped(tmp_path, drawn(cases, MOST), later=later)


#: Values that must not affect another row of their batch or of a later batch.
MANY = [
    Many(*each, id_)
    for id_ in (1, _BEYOND)
    for each in [
        ("REAL", "'NaN'"),
        ("REAL", "x'31'"),
        ("INTEGER", "'0x1F'"),
        ("", "2.0"),
        ("", "9007199254740993"),
        ("DECIMAL(10,2)", "0.125"),
        ("DECIMAL(10,2)", "0.35"),
        ("NUMERIC(18,0)", "900719925474099301"),
        ("BOOLEAN", "2"),
        ("TEXT", "CAST(x'ff' AS TEXT)"),
        ("TEXT", "x'41'"),
        ("DATE", "'2023-02-29'"),
        ("DATETIME", "'2024-01-01T10:00:00.123Z'"),
        ("BLOB", "'x'"),
        ("", "NULL"),
    ]
]

#: For each declaration, the SQL of a plain value that differs with `i`.
PLAIN = {
    "REAL": "i + 0.123456789",
    "INTEGER": "i * 1000003",
    "": "9007199254740993 - 7 * i",
    "DECIMAL(10,2)": "i / 100.0",
    "NUMERIC(18,0)": "i * 1000003",
    "BOOLEAN": "i % 2",
    "TEXT": "'text ' || i",
    "DATE": "date('2000-01-01', i || ' days')",
    "DATETIME": "strftime('%Y-%m-%d %H:%M:%f', '2000-01-01', i || ' minutes')",
    "BLOB": "CAST('bytes ' || i AS BLOB)",
}


def check_many(folder: Path, cases: Sequence[Many]) -> None:
    """Check that a value written into a table of several batches changes no other row."""
    own = Own(
        folder,
        [
            statement
            for number, case in enumerate(cases)
            for statement in (
                f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, v {case.declaration})",
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                f" WHERE i < {_BEYOND + 1}) INSERT INTO t{number}"
                f" SELECT i, {PLAIN[case.declaration]} FROM n",
            )
        ],
    )
    reports = own.sync()
    assert all(report.succeeded for report in reports.values()), reports
    before = own.mirror()
    own.execute(
        f"UPDATE t{number} SET v = {case.sql} WHERE id = {case.id_}"
        for number, case in enumerate(cases)
    )
    faults = own.faults_of_sync(own.sync(), before)
    assert not faults, with_cases(faults, cases)


@pytest.mark.slow
def test_some_in_a_table_of_many(tmp_path: Path) -> None:
    check_many(tmp_path, drawn(MANY, 3))


def test_a_text_among_floats(tmp_path: Path) -> None:
    check_many(tmp_path, [Many("REAL", "'NaN'", 1), Many("REAL", "'NaN'", _BEYOND)])


@pytest.mark.slow
@pytest.mark.parametrize("declaration", PLAIN)
def test_all_in_a_table_of_many(tmp_path: Path, declaration: str) -> None:
    check_many(tmp_path, [case for case in MANY if case.declaration == declaration])


@pytest.mark.few
@pytest.mark.parametrize("declared", ["DECIMAL(38,0)", "NUMERIC(30,2)", "DECIMAL(22,4)"])
@pytest.mark.parametrize("value", ["10000000000000000000", "5557034917481839538995200.0", "-1e20"])
def test_a_number_that_sqlite_keeps_as_a_float_of_many_digits(
    tmp_path: Path, declared: str, value: str
) -> None:
    """From 2^63 on, SQLite does not keep the exact whole number. A float holds what is stored."""
    own = Own(
        tmp_path,
        f"CREATE TABLE d (id INTEGER PRIMARY KEY, v {declared}); INSERT INTO d VALUES (1, {value})",
    )
    assert own.declared()["d"].kinds["v"] == "float"
    assert own.judged() == []


def test_such_a_number_that_is_written_later_stops_its_table(tmp_path: Path) -> None:
    own = Own(
        tmp_path,
        "CREATE TABLE d (id INTEGER PRIMARY KEY, v DECIMAL(38,0)); INSERT INTO d VALUES (1, 9223372036854775807);"
        "CREATE TABLE good (id INTEGER PRIMARY KEY); INSERT INTO good VALUES (1)",
    )
    assert own.declared()["d"].kinds["v"] == "decimal(38, 0)"
    assert own.judged() == []
    before = own.mirror(["d"])
    own.execute("INSERT INTO d VALUES (2, 10000000000000000000); INSERT INTO good VALUES (2)")
    reports = own.sync()
    assert "d.v of the source holds 1.0e+19 in the row with id 2" in (reports["d"].error or "")
    assert own.mirror(["d"]) == before
    assert reports["good"].succeeded
    assert not own.verify("rows")["d"].proven


@pytest.mark.parametrize("level", ["digest", "rows"])
def test_marks_in_what_looks_like_a_time_stay_in_their_cell(tmp_path: Path, level: str) -> None:
    """A mark ends a cell, so that one that is not doubled would move values into the columns of others."""
    own = Own(
        tmp_path,
        "CREATE TABLE p (id INTEGER PRIMARY KEY, born DATETIME, t DATETIME, email TEXT, c TEXT);"
        "INSERT INTO p VALUES (1, '2024-01-01 00:00:00.000000', '2024-01-01 00:00:00.000000', 'canary@x.org', 'c1'),"
        "(2, '2024-01-01 00:00:00.000000', '2024-01-01 00:00:00.000000', 'canary@x.org', 'c2')",
    )
    assert own.judged() == []
    own.execute(
        "UPDATE p SET t = '2024-01-01 00:00:00.00000|' WHERE id = 1;"
        "UPDATE p SET born = '2024-01-01 00:00:00.00|.xx', t = '2024-01-01 00:00:00.00000|' WHERE id = 2"
    )
    (report,) = own.verify(level).values()
    assert report.differences is not None
    found = report.differences
    assert (found.missing, found.extra, found.different) == (0, 0, 2)
    assert found.columns == {"born": 1, "t": 2}
    said = " ".join(sentences(report))
    assert "canary" not in said
    assert "t is '2024-01-01 00:00:00.00000|', which is not a time" in said
    assert own.faults_of_verify({"p": report}) == []
