"""Test that the proof finds each lie (a wrong conversion) of the load."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from saas_platform.source.mssql import sql
from saas_platform_tests.mssql.cells import column_of, loaded, proven
from saas_platform_tests.mssql.lies import LIES
from saas_platform_tests.mssql.tsql_values import Sql, moment_of


@pytest.mark.parametrize("where", LIES, ids=".".join)
def test_the_proof_finds_each_lie_of_the_load(
    monkeypatch: pytest.MonkeyPatch, where: tuple[str, str]
) -> None:
    conversions, name = where
    lie, declared, stored = LIES[where]
    if conversions == "_VARIANT":
        column, stored = column_of("sql_variant"), Sql("sql_variant", stored)
    else:
        column = column_of(declared, sa.String() if conversions == "_AS_TEXT" else None)
    assert loaded(column, stored) == proven(column, stored)
    monkeypatch.setitem(getattr(sql, conversions), name, lie)
    assert loaded(column, stored) != proven(column, stored)


def test_every_conversion_is_made_to_lie() -> None:
    #: Each of these has the same SQL as another conversion that is made to lie.
    alike = {
        ("_CONVERSIONS", "timestamp"),
        ("_AS_TEXT", "smallmoney"),
        *(("_AS_TEXT", name) for name in ("bit", "tinyint", "smallint", "bigint", "numeric")),
        *(
            ("_AS_TEXT", name) for name in ("geography", "geometry")
        ),  # only a server with .NET has these types
        *(("_VARIANT", name) for name in ("tinyint", "smallint", "bigint", "numeric")),
        *(("_VARIANT", name) for name in ("smallmoney", "char", "nchar", "binary")),
    }
    every = {
        (conversions, name)
        for conversions in ("_CONVERSIONS", "_AS_TEXT", "_VARIANT")
        for name in getattr(sql, conversions)
    }
    assert {*LIES} | alike == every


def test_a_rounded_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    column, stored = column_of("datetime2(7)"), moment_of("2024-02-29 23:59:59.9999997")
    assert loaded(column, stored) == proven(column, stored) == "2024-02-29 23:59:59.999999|."
    monkeypatch.setattr(sql, "_CUT", "CONVERT(DATETIME2(6), {})")
    assert loaded(column, stored) == "2024-03-01 00:00:00.000000|."
    assert loaded(column, stored) != proven(column, stored)
