"""Make one function of the load from SQLite lie about columns of the lies' types, and check that it is found.

Out of scope: the lies about values (lies.py).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from saas_platform.source.sqlite import reading
from saas_platform_tests.judge.lies import ID, KINDS, Lie, lies_on, rows_of, with_lie
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
