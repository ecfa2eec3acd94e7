"""Make one conversion of the load from SQLite at a time return wrong values: the proof finds every such lie.

The proof uses none of these functions, so it names the row, the column and the value that SQLite itself
holds. A function that is added to the reader without a lie here fails a test.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from saas_platform.source.sqlite import reading, snapshot
from saas_platform_tests.judge.lies import ID, KINDS, ROWS, Lie, lies_on, rows_of, with_lie
from saas_platform_tests.judge.own import Own


class LoadedLie(NamedTuple):
    """A lie with which the table and the column `v` of the same number are loaded."""

    kind: str
    name: str
    #: The lie about the values that a function returns; None if the SQL lies.
    lie: Lie | None
    sql: str = ""


#: Functions that return the values of a column, with the types of these values.
MAKES: dict[str, tuple[str, ...]] = {
    "_as_it_is": ("float", "bytes"),
    "_flags": ("flag",),
    "_integers": ("integer",),
    "_texts": ("text", "any"),
    "_times": ("time",),
    "_dates": ("date",),
    "_parsed": ("time", "date"),
    "_decimals": ("decimal(10, 2)",),
    "_decimals_of_texts": ("decimal(30, 2)",),
    "_unscaled": ("decimal(10, 2)", "decimal(30, 2)"),
}
#: Functions that return a reading, whose `make` is made to lie.
READS: dict[str, tuple[str, ...]] = {
    "_wide_decimal": ("decimal(30, 2)",),
    "_one": ("integer", "any"),
    "_reading": ("decimal(30, 2)", "date"),
}
#: Functions that return an expression for SQLite.
ASKS: dict[str, tuple[str, ...]] = {
    "_only": ("text", "time", "date", "bytes"),
    "_float_sql": ("float", "decimal(10, 2)"),
    "_number_text_sql": ("decimal(30, 2)",),
    "_literal_sql": ("any",),
}
#: Functions with a lie of their own below, and functions whose result is not part of a loaded value.
OTHERS = {
    "readings": "test_two_columns_that_are_read_as_each_other",
    "_fails": "test_a_misfit_that_is_let_through",
    "_check_range": "test_a_range_that_is_not_checked",
    "is_utf8": "test_a_text_whose_bytes_are_not_checked",
    "_exact": "test_a_decimal_by_the_slow_way",
    "is_wide": "test_a_wide_decimal_taken_for_a_narrow_one",
    "_by_kind": "names the functions above for each kind",
    "_first_not": "names the value in the error of a table that stops",
}


def functions(module: ModuleType) -> set[str]:
    return {
        name
        for name, found in inspect.getmembers(module, inspect.isfunction)
        if found.__module__ == module.__name__
    }


def test_every_function_of_the_reader_has_a_lie() -> None:
    assert functions(reading) == {*MAKES, *READS, *ASKS, *OTHERS}
    missing = {name for name in OTHERS.values() if name.startswith("test_")} - set(globals())
    assert not missing


def own(folder: Path, lies: list[LoadedLie]) -> Own:
    """Make a table for each lie, with a key and a column `v<number>` of the type."""
    made = Own(
        folder,
        [
            f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY, v{n} {KINDS[each.kind].declared})"
            for n, each in enumerate(lies)
        ],
    )
    for n, each in enumerate(lies):
        made.fill(f"INSERT INTO t{n} VALUES (?, ?)", rows_of(KINDS[each.kind]))
    made.declare()

    def type_by_hand(tables: dict[str, Any]) -> None:
        for n, each in enumerate(lies):
            tables[f"t{n}"]["columns"][f"v{n}"]["type"] = each.kind

    made.edit(type_by_hand)
    return made


def check_found(
    made: Own, lies: list[LoadedLie], lying: pytest.MonkeyPatch, *, loaded: bool = False
) -> None:
    """Check that sync and both levels of verify find every lie, and that only an honest repair removes it.

    `loaded`: the mirror exists already, and the rows with the lies have just been written.
    """
    faults = []
    synced = made.sync()
    levels = [made.verify(level) for level in ("digest", "rows")]
    wanted, mirror = made.expected(), made.mirror()
    for n, each in enumerate(lies):
        name = f"t{n}"
        proof = synced[name].proof
        if mirror[name] == wanted[name].rows and not loaded:
            faults.append(f"{each} changed nothing: the test is wrong")
        if proof is None or proof.holds or synced[name].succeeded:
            faults.append(f"{each}: the sync reports {proof}")
        faults += [f"{each}: proven at {r[name].level}" for r in levels if r[name].proven]
    for reports in levels:
        for n, each in enumerate(lies):
            found = made.faults_of_verify({f"t{n}": reports[f"t{n}"]})
            faults += [f"{each}: {fault}" for fault in found]
    repaired = made.repair()
    faults += [
        f"{each}: repair reports success"
        for n, each in enumerate(lies)
        if repaired[f"t{n}"].succeeded
    ]
    lying.undo()
    repaired = made.repair()
    faults += [
        f"{each}: is not repaired by an honest load: {repaired[f't{n}']}"
        for n, each in enumerate(lies)
        if not repaired[f"t{n}"].succeeded
    ]
    wanted, mirror = made.expected(), made.mirror()
    faults += [
        f"{each}: the mirror is reported as repaired, but is not equal"
        for n, each in enumerate(lies)
        if mirror[f"t{n}"] != wanted[f"t{n}"].rows
    ]
    assert not faults, "\n".join(faults)


def of_values(kinds: tuple[str, ...], *, most: int | None = None) -> list[LoadedLie]:
    """Return the lies about values of the types, all of them or the first few."""
    return [
        LoadedLie(kind, name, lie)
        for kind in kinds
        for name, lie in [*lies_on(KINDS[kind]).items()][:most]
    ]


def of_sql(kinds: tuple[str, ...], most: int | None) -> list[LoadedLie]:
    return [
        LoadedLie(kind, name, None, sql)
        for kind in kinds
        for name, sql in [*KINDS[kind].wrong_sql.items()][:most]
    ]


def by_column(lies: list[LoadedLie]) -> dict[str, LoadedLie]:
    return {f"v{n}": each for n, each in enumerate(lies)}


@pytest.fixture
def lying() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def make_lie(lying: pytest.MonkeyPatch, function: str, lies: list[LoadedLie]) -> None:
    """Patch the function so that it lies about the columns of the lies."""
    real = getattr(reading, function)
    lie_of = by_column(lies)

    def values(column: Any, *rest: Any, **named: Any) -> pa.Array:
        found = real(column, *rest, **named)
        each = lie_of.get(column.name)
        return found if each is None or each.lie is None else with_lie(found, each.lie)

    def whole(column: Any, *rest: Any, **named: Any) -> Any:
        found = real(column, *rest, **named)
        each = lie_of.get(column.name)
        if each is None or each.lie is None:
            return found
        make, lie = found.make, each.lie
        return dataclasses.replace(found, make=lambda arrays: with_lie(make(arrays), lie))

    def sql(name: str, *rest: Any) -> str:
        found = real(name, *rest)
        each = next((e for v, e in lie_of.items() if f"`{v}`" == name), None)
        if each is None:
            return str(found)
        return f"CASE WHEN id = {ID} THEN {each.sql.format(name)} ELSE {found} END"

    lying.setattr(
        reading, function, values if function in MAKES else whole if function in READS else sql
    )


#: How many of the lies about a type are tested.
HOW_MANY = pytest.mark.parametrize(
    "most", [1, pytest.param(None, marks=pytest.mark.slow)], ids=["one lie", "all lies"]
)


@HOW_MANY
@pytest.mark.parametrize("function", [*MAKES, *READS])
def test_a_conversion_that_lies(
    tmp_path: Path, lying: pytest.MonkeyPatch, function: str, most: int | None
) -> None:
    lies = of_values({**MAKES, **READS}[function], most=most)
    made = own(tmp_path, lies)
    if function == "_decimals_of_texts":  # used for tables too wide for two expressions
        lying.setattr(reading, "MOST_COLUMNS", 2)
    make_lie(lying, function, lies)
    check_found(made, lies, lying)


@HOW_MANY
@pytest.mark.parametrize("function", ASKS)
def test_an_expression_that_lies(
    tmp_path: Path, lying: pytest.MonkeyPatch, function: str, most: int | None
) -> None:
    lies = of_sql(ASKS[function], most)
    made = own(tmp_path, lies)
    if function == "_number_text_sql":
        lying.setattr(reading, "MOST_COLUMNS", 2)
    make_lie(lying, function, lies)
    check_found(made, lies, lying)


@pytest.mark.parametrize(
    "name",
    ["NULL", *(pytest.param(each, marks=pytest.mark.slow) for each in (None, "swapped rows"))],
)
def test_a_lie_about_a_later_change(
    tmp_path: Path, lying: pytest.MonkeyPatch, name: str | None
) -> None:
    """The load of a change takes another way through the warehouse than the first load."""
    lies = [each for each in of_values(tuple(KINDS)) if name is None or each.name == name]
    made = own(tmp_path, lies)
    assert all(report.succeeded for report in made.sync().values())
    for n in range(len(lies)):
        made.execute([f"UPDATE t{n} SET v{n} = (SELECT v{n} FROM t{n} WHERE id = 2) WHERE id = 1"])
    make_lie(lying, "_reading", lies)
    check_found(made, lies, lying, loaded=True)


@pytest.mark.parametrize("kind", ["integer", "text", "date", "decimal(30, 2)", "bytes", "any"])
def test_a_lie_about_a_key(tmp_path: Path, lying: pytest.MonkeyPatch, kind: str) -> None:
    """A wrong key shows as one extra and one missing row."""
    what = KINDS[kind]
    made = Own(tmp_path, f"CREATE TABLE t0 (k {what.declared} PRIMARY KEY NOT NULL, n INTEGER)")
    made.fill(
        "INSERT INTO t0 VALUES (?, ?)",
        [(what.value(place), place) for place in range(ROWS)],
    )
    made.declare()
    made.edit(lambda tables: tables["t0"]["columns"]["k"].update(type=kind))
    (name, lie) = next(iter(lies_on(what).items()))
    real = reading._reading

    def lied(column: Any, **named: Any) -> Any:
        found = real(column, **named)
        if column.name != "k":
            return found
        return dataclasses.replace(found, make=lambda arrays: with_lie(found.make(arrays), lie))

    lying.setattr(reading, "_reading", lied)
    (report,) = made.sync().values()
    assert not report.succeeded, name
    for level in ("digest", "rows"):
        (proof,) = made.verify(level).values()
        assert proof.differences is not None, proof
        assert (proof.differences.missing, proof.differences.extra) == (1, 1)
        assert not made.faults_of_verify({"t0": proof})
    (repaired,) = made.repair().values()
    assert not repaired.succeeded
    lying.undo()
    (repaired,) = made.repair().values()
    assert repaired.succeeded, repaired
    assert not made.judged()


# Lies that do not concern a single value.


def test_two_columns_that_are_read_as_each_other(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, a TEXT, b TEXT);"
        "INSERT INTO t0 VALUES (1, 'x', 'y'), (2, 'same', 'same')",
    )
    real = reading.readings

    def lied(columns: Any) -> Any:
        id_, a, b = real(columns)
        return [
            id_,
            dataclasses.replace(a, channels=b.channels),
            dataclasses.replace(b, channels=a.channels),
        ]

    lying.setattr(snapshot, "readings", lied)
    check_found(made, [LoadedLie("text", "columns swapped", None)], lying)


@pytest.mark.parametrize("lost", [True, False], ids=["a row lost", "a row twice"])
def test_rows_that_do_not_arrive_once(
    tmp_path: Path, lying: pytest.MonkeyPatch, lost: bool
) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (a TEXT, b TEXT); INSERT INTO t0 VALUES ('x', 'y'), ('z', 'same')",
    )
    real = snapshot.SqliteSnapshot._rows

    def lied(*words: Any) -> Iterator[pa.RecordBatch]:
        for batch in real(*words):
            yield batch.slice(1) if lost else batch
            if not lost:
                yield batch.slice(0, 1)

    lying.setattr(snapshot.SqliteSnapshot, "_rows", lied)
    check_found(made, [LoadedLie("text", "rows", None)], lying)


def test_rows_that_the_stream_itself_loses(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    """Load and proof use the same stream. Rows that it loses show in SQLite's own count."""
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (a TEXT, b TEXT); INSERT INTO t0 VALUES ('x', 'y'), ('z', 'same')",
    )
    real = snapshot.stream

    def lied(*words: Any) -> Iterator[pa.RecordBatch]:
        for batch in real(*words):
            yield batch.slice(1)

    lying.setattr(snapshot, "stream", lied)
    (report,) = made.sync().values()
    assert not report.succeeded
    for level in ("counts", "digest", "rows"):
        (proof,) = made.verify(level).values()
        assert proof.verdict == "differs", level


#: A declaration, a misfit, and a plain value, by the check that lets the misfit through.
_MISFITS = {
    "float": ("REAL", "'NaN'", "0.5"),
    "wide": ("REAL", "9007199254740993", "0.5"),
    "text": ("TEXT", "x'41'", "'A'"),
    "time": ("DATETIME", "x'41'", "'2024-01-01 00:00:00'"),
    "bytes": ("BLOB", "'A'", "x'41'"),
}


@pytest.mark.parametrize("case", _MISFITS)
def test_a_misfit_that_is_let_through(tmp_path: Path, lying: pytest.MonkeyPatch, case: str) -> None:
    """The SQL that should fail returns NULL. The proof still sees the misfit."""
    declared, misfit, plain = _MISFITS[case]
    made = Own(
        tmp_path,
        f"CREATE TABLE t0 (id INTEGER PRIMARY KEY, v {declared}); INSERT INTO t0 VALUES (1, {plain})",
    )
    if case == "wide":  # a REAL column would convert it to a float
        made.path.unlink()
        made.execute("CREATE TABLE t0 (id INTEGER PRIMARY KEY, v); INSERT INTO t0 VALUES (1, 0.5)")
        made.declare()
    made.execute(f"INSERT INTO t0 VALUES (2, {misfit})")
    lying.setattr(reading, "_fails", lambda _: "NULL")
    check_not_proven(made)


@pytest.mark.parametrize("misfit", ["2", "-1", "256"])
def test_a_range_that_is_not_checked(
    tmp_path: Path, lying: pytest.MonkeyPatch, misfit: str
) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, v BOOLEAN); INSERT INTO t0 VALUES (1, 1), (3, 0)",
    )
    made.execute(f"INSERT INTO t0 VALUES (2, {misfit})")
    lying.setattr(reading, "_check_range", lambda *_: None)
    check_not_proven(made)


def test_a_text_whose_bytes_are_not_checked(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t0 VALUES (1, 'plain')",
    )
    made.execute("INSERT INTO t0 VALUES (2, CAST(x'61ff' AS TEXT))")
    lying.setattr(reading, "is_utf8", lambda _: True)

    def lied(_column: Any, values: pa.Array) -> pa.Array:
        texts = [bytes(v).decode(errors="replace") for v in values.cast(pa.binary()).to_pylist()]
        return pa.array(texts, pa.string())

    lying.setattr(reading, "_texts", lied)
    check_not_proven(made)


def test_a_decimal_by_the_slow_way(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    """Decimals with more digits than a float holds for certain are converted one by one."""
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, v DECIMAL(38,4)); INSERT INTO t0 VALUES (1, 0.5)",
    )
    made.edit(lambda tables: tables["t0"]["columns"]["v"].update(type="decimal(38, 4)"))
    made.execute("INSERT INTO t0 VALUES (2, 9223372036854775807), (3, 123456789012.4567)")
    real: Callable[[Any, int], int | None] = reading._exact
    lying.setattr(reading, "_exact", lambda *words: (real(*words) or 0) + 1)
    check_found(made, [LoadedLie("decimal(30, 2)", "last digit", None)], lying)


def test_a_wide_decimal_taken_for_a_narrow_one(tmp_path: Path, lying: pytest.MonkeyPatch) -> None:
    made = Own(
        tmp_path,
        "CREATE TABLE t0 (id INTEGER PRIMARY KEY, v DECIMAL(18,0)); INSERT INTO t0 VALUES (1, 5)",
    )
    made.edit(lambda tables: tables["t0"]["columns"]["v"].update(type="decimal(18, 0)"))
    made.execute("INSERT INTO t0 VALUES (2, 900719925474099301)")
    lying.setattr(reading, "is_wide", lambda _: False)
    lying.setattr(reading, "_float_sql", lambda name: f"CAST({name} AS REAL)")
    check_not_proven(made)


def check_not_proven(made: Own) -> None:
    """Check that nothing is reported as equal, whether the load stops or the proof differs."""
    (report,) = made.sync().values()
    assert not report.succeeded, report
    for level in ("digest", "rows"):
        reports = made.verify(level)
        (proof,) = reports.values()
        assert not proven(proof), proof
        assert not made.faults_of_verify(reports)
    (repaired,) = made.repair().values()
    assert not repaired.succeeded


def proven(proof: Any) -> bool:
    return bool(proof.proven or proof.holds)


# Lies in the mirror.

#: For each type, the SQL of a value that differs as little as possible.
_BY_HAND = {
    "integer": "v + 1",
    "flag": "NOT v",
    "float": "CAST(v AS DOUBLE) + 1e-11",
    "decimal(10, 2)": "v + 0.01",
    "decimal(30, 2)": "v + 0.01",
    "text": "v || ' '",
    "time": "v + INTERVAL 1 MICROSECOND",
    "date": "v + 1",
    "bytes": "v || '\\x00'::BLOB",
    "any": "'''' || v || ''''",
}


def test_a_mirror_changed_by_hand(tmp_path: Path) -> None:
    lies = [LoadedLie(kind, "by hand", None) for kind in KINDS]
    assert _BY_HAND.keys() == KINDS.keys()
    made = own(tmp_path, lies)
    assert all(report.succeeded for report in made.sync().values())
    made.in_mirror(
        ";".join(
            f"UPDATE raw.t{n} SET v{n} = {_BY_HAND[each.kind].replace('v', f'v{n}', 1)} WHERE id = {ID}"
            for n, each in enumerate(lies)
        )
    )
    for level in ("digest", "rows"):
        reports = made.verify(level)
        faults = made.faults_of_verify(reports)
        faults += [f"{each}: proven" for n, each in enumerate(lies) if reports[f"t{n}"].proven]
        faults += [
            f"{each}: {found}"
            for n, each in enumerate(lies)
            if (found := reports[f"t{n}"].differences) is None or found.different != 1
        ]
        assert not faults, "\n".join(faults)
    made.in_mirror(
        ";".join(f"UPDATE raw.t{n} SET v{n} = NULL WHERE id = {ID}" for n in range(len(lies)))
    )
    assert not made.faults_of_verify(made.verify("rows"))
    repaired = made.repair()
    assert all(report.succeeded for report in repaired.values()), repaired
    assert not made.judged()
