"""Test that the proof's texts share no code with the load, so that they show a wrong value of the load."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.schema import canonical
from saas_platform.source.sqlite import SqliteDatabase, reading
from saas_platform_tests.source.sqlite_values import TYPES, write

VALUES: dict[str, list[Any]] = {
    "integer": [1, -5, 2**62],
    "small": [1, -5, 7],
    "flag": [1, 0, 0],
    "float": [0.1, 5, -1e300],
    "decimal(10, 2)": [15.86, 4, -0.07],
    "decimal(20, 2)": [15.86, 900719925474099301, -0.07],
    "text": ["x", "y|", "7"],
    "time": ["2024-01-01", "2024-01-01 10:11:12.5", "2024-01-01T10:11:12.123456"],
    "date": ["2024-01-01", "2024-02-29", "9999-12-31"],
    "bytes": [b"x", b"", b"\0|"],
    "any": [1, "1", b"1"],
}


def table(kind: sa.types.TypeEngine[Any]) -> sa.Table:
    key = sa.Column("id", sa.BigInteger, primary_key=True)
    return sa.Table("t", sa.MetaData(), key, sa.Column("v", kind))


def loaded(path: Path, declared: sa.Table) -> list[str]:
    """Return the canonical texts of the loaded rows, as the reference code in Python writes them."""
    with SqliteDatabase(path).snapshot() as snapshot:
        rows = snapshot.rows(declared).read_all().to_pylist()
    return [canonical.row_text(declared, row) for row in rows]


def proven(path: Path, declared: sa.Table) -> list[str]:
    with SqliteDatabase(path).snapshot() as snapshot:
        found: list[str] = snapshot.row_texts(declared).read_all()["c1"].to_pylist()
        cells = snapshot.cells(declared).read_all().to_pylist()
    assert found == ["".join(list(row.values())[1:]) for row in cells]
    return found


def functions() -> dict[str, Callable[..., Any]]:
    return {
        name: found
        for name, found in vars(reading).items()
        if inspect.isfunction(found) and found.__module__ == reading.__name__
    }


def refuse(*_args: Any, **_more: Any) -> Any:
    raise AssertionError("the proof uses the load's own code")


@pytest.mark.parametrize("kind", VALUES)
def test_the_proof_uses_no_function_of_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path, declared = tmp_path / "own.db", table(TYPES[kind])
    write(path, "", VALUES[kind])
    texts = proven(path, declared)
    assert texts == loaded(path, declared)
    assert len(functions()) > 20
    for name in functions():
        monkeypatch.setattr(reading, name, refuse)
    assert proven(path, declared) == texts


#: Wrong arrays that a conversion of the load is made to return for a column.
LIES: dict[str, Callable[[pa.Array], pa.Array]] = {
    "the first for the last": lambda values: values.take(pa.array(range(len(values)))[::-1]),
    "nothing for the last": lambda values: pa.concat_arrays(
        [values.slice(0, len(values) - 1), pa.nulls(1, values.type)]
    ),
    "the first for all": lambda values: values.take(pa.array([0] * len(values))),
}
MADE_BY = {
    "small": "_integers",
    "integer": "_integers",
    "flag": "_flags",
    "float": "_as_it_is",
    "bytes": "_as_it_is",
    "decimal(10, 2)": "_unscaled",
    "decimal(20, 2)": "_unscaled",
    "text": "_texts",
    "any": "_texts",
    "time": "_times",
    "date": "_dates",
}
#: Functions for the load's SQL, each with a replacement that gives wrong values.
ASKED_BY = {
    "text": ("_only", lambda name, _stored: f"upper({name})"),
    "bytes": ("_only", lambda name, _stored: f"substr({name}, 2)"),
    "float": ("_float_sql", lambda name: f"round({name}, 0)"),
    "decimal(10, 2)": ("_float_sql", lambda name: f"round({name}, 1)"),
    "any": ("_literal_sql", lambda name: f"quote(CAST({name} AS TEXT))"),
    "time": ("_only", lambda name, _stored: f"substr({name}, 1, 10)"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("kind", VALUES)
def test_a_conversion_that_lies_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, lie: str
) -> None:
    path, declared = tmp_path / "own.db", table(TYPES[kind])
    write(path, "", VALUES[kind])
    true = functions()[MADE_BY[kind]]

    def lying(column: sa.Column[Any], *arrays: pa.Array) -> pa.Array:
        made = true(column, *arrays)
        return LIES[lie](made) if column.name == "v" else made

    monkeypatch.setattr(reading, MADE_BY[kind], lying)
    assert loaded(path, declared) != proven(path, declared)


@pytest.mark.parametrize("kind", ASKED_BY)
def test_sql_that_lies_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path, declared = tmp_path / "own.db", table(TYPES[kind])
    write(path, "", VALUES[kind])
    monkeypatch.setattr(reading, *ASKED_BY[kind])
    assert loaded(path, declared) != proven(path, declared)
