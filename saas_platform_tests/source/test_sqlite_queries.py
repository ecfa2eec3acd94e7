"""Test that slices are counted by index seeks where an index allows it, with the same result as grouping."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from saas_platform.schema.slices import Slicing
from saas_platform.source.sqlite import queries
from saas_platform.source.sqlite.connection import connect

DAY = date(2024, 2, 28)
timestamps = st.datetimes(datetime(2024, 2, 27), datetime(2024, 3, 2)).map(str) | st.sampled_from(
    ["2024-02-29", "2024-02-29T00:00:00", "2023-12-31 23:59:59.999999", "9999-12-31 23:59:59"]
)
#: Values that SQLite accepts in a column for timestamps.
hostile = (
    st.text(max_size=12)
    | st.none()
    | st.integers(0, 10**12)
    | st.floats(allow_nan=False)
    | st.binary(max_size=11)
)


def table(grain: str) -> sa.Table:
    columns = sa.Column("id", sa.BigInteger, primary_key=True), sa.Column('a "t"', sa.DateTime)
    info = {"slice": Slicing('a "t"', grain)}  # type: ignore[arg-type]
    return sa.Table("rows of it", sa.MetaData(), *columns, info=info)


def counted(
    folder: Path, values: Sequence[object], grain: Literal["day", "month"], kind: str, index: str
) -> dict[str, int]:
    path = folder / "source.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous = OFF")
        file.execute("BEGIN")
        file.execute(f'CREATE TABLE "rows of it" (id INTEGER PRIMARY KEY, "a ""t""" {kind})')
        file.execute(index)
        file.executemany('INSERT INTO "rows of it" ("a ""t""") VALUES (?)', [(v,) for v in values])
        file.execute("COMMIT")
    with connect(path, read_only=True) as cursor:
        return queries.slice_counts(cursor, table(grain))


INDEXED = 'CREATE INDEX i ON "rows of it" ("a ""t""", id)'
NOT_INDEXED = "SELECT 1"


@given(
    values=st.lists(timestamps, max_size=30),
    grain=st.sampled_from(["day", "month"]),
    kind=st.sampled_from(["TEXT", "DATETIME"]),
)
def test_seeking_counts_the_rows(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[str],
    grain: Literal["day", "month"],
    kind: str,
) -> None:
    counts = counted(tmp_path_factory.mktemp("s"), values, grain, kind, INDEXED)
    assert counts == Counter(v[: 10 if grain == "day" else 7] for v in values)


# A number as long as a slice id, in a column that stores texts of numbers as numbers.
@example(values=["2024-02-29", 2093519], grain="month", kind="DATETIME")
@given(
    values=st.lists(timestamps | hostile, max_size=30),
    grain=st.sampled_from(["day", "month"]),
    kind=st.sampled_from(["TEXT", "DATETIME"]),
)
def test_an_index_does_not_change_the_count(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[object],
    grain: Literal["day", "month"],
    kind: str,
) -> None:
    folder = tmp_path_factory.mktemp("s")
    assert counted(folder, values, grain, kind, INDEXED) == counted(
        folder, values, grain, kind, NOT_INDEXED
    )


@pytest.mark.parametrize(
    ("index", "seeks"),
    [
        (INDEXED, True),
        (NOT_INDEXED, False),
        ('CREATE INDEX i ON "rows of it" (id, "a ""t""")', False),
        ('CREATE INDEX i ON "rows of it" ("a ""t""") WHERE id > 3', False),
        ('CREATE INDEX i ON "rows of it" ("a ""t""" COLLATE NOCASE)', False),
    ],
)
def test_seeks_in_an_index_that_the_slice_column_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: str, seeks: bool
) -> None:
    sought = []
    by_seeking = queries._by_seeking

    def watched(*given: Any) -> dict[str, int] | None:
        sought.append(1)
        return by_seeking(*given)

    monkeypatch.setattr(queries, "_by_seeking", watched)
    days = [str(DAY + timedelta(days=n // 3)) for n in range(300)]
    assert counted(tmp_path, days, "day", "TEXT", index) == Counter(days)
    assert bool(sought) is seeks
