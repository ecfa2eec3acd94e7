"""Tables of a stubbed SQL Server, mirrored and proven: every type, every lie, every misfit.

The stub holds typed values and evaluates the queries over them (`tsql.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from saas_platform.source.mssql import Address, MssqlDatabase, catalogue_types, sql
from saas_platform.sync import repair, sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.mssql.lies import LIES
from saas_platform_tests.mssql.stub import ABLE, ADDRESS, DATABASE, Catalogue, Server, put
from saas_platform_tests.mssql.tsql import evaluate
from saas_platform_tests.mssql.tsql_values import Sql, driven, ticks_of

_SELECT = re.compile(r"SELECT (.+) FROM (\[\w+\]\.\[\w+\])(?: WHERE (.+))?", re.DOTALL)
#: The abilities of a server that can't hash UTF-8, so that the row texts are transferred.
_ABLE = {probe: answer for probe, answer in ABLE.items() if "HASHBYTES" not in probe}
_WIDE = ("nchar", "nvarchar")


def _catalogued(name: str, declared: str) -> tuple[Any, ...]:
    """Return the catalogue's row for a column."""
    numbers = [int(n) for n in re.findall(r"\d+", declared.partition("(")[2])]
    kind = catalogue_types.base_type(declared)
    length = -1 if "max" in declared else numbers[0] if numbers else 8
    scale = numbers[-1] if numbers else 0
    precision = numbers[0] if numbers else 0
    return (name, kind, kind, length * (2 if kind in _WIDE else 1), precision, scale, name != "id")


class Holding(Catalogue):
    """A stubbed server whose tables have rows."""

    def __init__(self, columns: Mapping[str, str], rows: list[dict[str, Sql]]) -> None:
        self.rows = rows
        declared = {"id": "int", **columns}
        table = {
            "columns": [_catalogued(*each) for each in declared.items()],
            "key": [("id",)],
            "unique": [(1, "id")],
            "partitions": [(len(rows),)],
        }
        super().__init__({"[sales].[things]": table}, {**DATABASE, **_ABLE})

    def execute(self, sql_: str, *values: Any) -> Server:
        super().execute(sql_, *values)
        query = _SELECT.fullmatch(sql_)
        if query is not None and query[2] in self.tables:
            self._rows = self._select(query[1], query[3])
        elif sql_.startswith("SELECT r.c0, COUNT_BIG(*)"):
            self._rows = [("all", len(self.rows))]
        return self

    def _select(self, values: str, where: str | None) -> list[Any]:
        assert where in (None, "(1 = 0)", "(1 = 1)", "1 = 1"), where
        if where == "(1 = 0)":
            return []
        _, top, listed = re.fullmatch(r"(TOP (\d+) )?(.+)", values, re.DOTALL).groups()  # type: ignore[union-attr]
        expressions = re.split(r" AS c\d+(?:, |$)", listed)[:-1]
        rows = self.rows if top is None else self.rows[: int(top)]
        return [tuple(driven(evaluate(each, row)) for each in expressions) for row in rows]


#: For each type, a value with everything that a conversion could lose.
EVERY: dict[str, tuple[str, Sql]] = {
    "whole": ("bigint", Sql("bigint", 2**63 - 1)),
    "flag": ("bit", Sql("bit", 1)),
    "version": ("rowversion", Sql("rowversion", (2001).to_bytes(8, "big"))),
    "ratio": ("float", Sql("float", 0.1 + 0.2)),
    "zero": ("float", Sql("float", -0.0)),
    "single": ("real", Sql("real", 0.10000000149011612)),
    "price": ("decimal(10, 2)", Sql("decimal", Decimal("-0.01"), 2)),
    "wide": ("decimal(38, 0)", Sql("decimal", Decimal(10**38 - 1))),
    "cash": ("money", Sql("money", Decimal("922337203685477.5807"), 4)),
    "born": ("date", Sql("date", datetime(1, 1, 1).date())),
    "old": ("datetime", Sql("datetime", ticks_of("2024-02-29 23:59:59") // 10_000_000 * 300 + 299)),
    "seen": ("datetime2(7)", Sql("datetime2", ticks_of("2024-02-29 23:59:59.9999999"), 7)),
    "zone": (
        "datetimeoffset(7)",
        Sql("datetimeoffset", (ticks_of("2024-02-29 23:59:59.9999999"), 90), 7),
    ),
    "clock": ("time(7)", Sql("time", ticks_of("0001-01-01 23:59:59.9999999"), 7)),
    "part": ("uniqueidentifier", Sql("uniqueidentifier", "6f9619ff-8b86-d011-b42d-00c04fc964ff")),
    "text": ("nvarchar(40)", Sql("nvarchar", " |\U0001d11e\uff5c' ")),
    "code": ("varchar(40)", Sql("varchar", "")),
    "raw": ("varbinary(9)", Sql("varbinary", b"\x00|\xff")),
    "what": ("sql_variant", Sql("sql_variant", Sql("float", 0.1 + 0.2))),
}
_NULLS = {
    name: Sql(catalogue_types.base_type(declared), None) for name, (declared, _) in EVERY.items()
}
ROWS = [
    {"id": Sql("int", 1), **{name: value for name, (_, value) in EVERY.items()}},
    {"id": Sql("int", 2), **_NULLS, "version": Sql("rowversion", (2002).to_bytes(8, "big"))},
]


def source_of(server: Server, monkeypatch: pytest.MonkeyPatch, address: Address = ADDRESS) -> Any:
    put(server, monkeypatch)
    return MssqlDatabase(address)


def test_every_type_is_mirrored_and_proven(
    monkeypatch: pytest.MonkeyPatch, warehouse: DuckdbWarehouse
) -> None:
    columns = {name: declared for name, (declared, _) in EVERY.items()}
    source = source_of(Holding(columns, ROWS), monkeypatch)
    (table,) = source.discover().tables
    table.c.version.info.pop("row_version")  # all rows are read at each sync
    (report,) = sync(source, warehouse, [table])
    assert (report.error, report.proof and report.proof.verdict) == (None, "proven")
    for level in ("digest", "rows"):
        (proof,) = verify(source, warehouse, [table], level)
        assert (proof.verdict, proof.problems) == ("proven", ())
    first, second = warehouse.query("SELECT * FROM raw.things ORDER BY id").to_pylist()
    wanted = {
        "whole": 2**63 - 1,
        "flag": True,
        "version": 2001,
        "ratio": 0.1 + 0.2,
        "single": 0.10000000149011612,
        "price": Decimal("-0.01"),
        "wide": Decimal(10**38 - 1),
        "cash": Decimal("922337203685477.5807"),
        "born": datetime(1, 1, 1).date(),
        "old": datetime(2024, 2, 29, 23, 59, 59, 997_000),
        "seen": datetime(2024, 2, 29, 23, 59, 59, 999_999),
        "zone": "2024-02-29 23:59:59.9999999 +01:30",
        "clock": "23:59:59.9999999",
        "part": "6F9619FF-8B86-D011-B42D-00C04FC964FF",
        "text": " |\U0001d11e\uff5c' ",
        "code": "",
        "raw": b"\x00|\xff",
        "what": "3.0000000000000004e-001",
    }
    assert {name: first[name] for name in wanted} == wanted
    assert {second[name] for name in wanted if name != "version"} == {None}


@pytest.mark.slow  # test_lies.py tests the same for single values
@pytest.mark.parametrize("where", LIES, ids=".".join)
def test_a_lie_of_the_load_is_never_proven_and_the_column_is_named(
    monkeypatch: pytest.MonkeyPatch, warehouse: DuckdbWarehouse, where: tuple[str, str]
) -> None:
    conversions, name = where
    lie, declared, stored = LIES[where]
    if conversions == "_VARIANT":
        declared, stored = "sql_variant", Sql("sql_variant", stored)
    server = Holding({"v": declared}, [{"id": Sql("int", 7), "v": stored}])
    source = source_of(server, monkeypatch)
    (table,) = source.discover().tables
    table.c.v.info.pop("row_version", None)
    if conversions == "_AS_TEXT":
        table.c.v.type = sql.sa.String()
    with monkeypatch.context() as lying:
        lying.setitem(getattr(sql, conversions), name, lie)
        (report,) = sync(source, warehouse, [table])
        assert report.proof is None or report.proof.verdict == "differs"
        (repaired,) = repair(source, warehouse, [table])
        assert repaired.error or (repaired.proof and repaired.proof.verdict == "differs")
        (proof,) = verify(source, warehouse, [table], "rows")
        assert proof.verdict == "differs"
        if proof.differences is not None:
            assert {*proof.differences.columns} == {"v"}
    (report,) = sync(source, warehouse, [table])
    (repaired,) = repair(source, warehouse, [table])
    (proof,) = verify(source, warehouse, [table], "rows")
    assert (report.error, repaired.error, proof.verdict) == (None, None, "proven")


def test_half_a_surrogate_pair_stops_its_table_and_is_never_proven(
    monkeypatch: pytest.MonkeyPatch, warehouse: DuckdbWarehouse
) -> None:
    rows = [{"id": Sql("int", 1), "v": Sql("nvarchar", "a")}]
    server = Holding({"v": "nvarchar(9)"}, rows)
    source = source_of(server, monkeypatch)
    (table,) = source.discover().tables
    assert sync(source, warehouse, [table])[0].error is None
    rows[0]["v"] = Sql("nvarchar", "a\ud83d")
    (proof,) = verify(source, warehouse, [table])
    assert proof.verdict == "differs"
    (report,) = sync(source, warehouse, [table])
    assert report.error is not None
    assert "things.v of the source holds" in report.error
