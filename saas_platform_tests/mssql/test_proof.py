"""The proof reads the stored columns by expressions of its own, which no lie of the load affects."""

from __future__ import annotations

import re
import typing
from collections.abc import Collection
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.canonical import ROW_TEXTS, cell, cells_schema, digests, row_number
from saas_platform.schema.slices import Slicing
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import canonical, catalogue_types, queries, sql
from saas_platform.source.mssql.canonical import Ability
from saas_platform_tests.mssql.stub import ABLE, DATABASE, ArrowServer, Server, snapshot_of
from saas_platform_tests.mssql.tsql import evaluate, refused
from saas_platform_tests.mssql.tsql_values import Sql

EVERY: tuple[Ability, ...] = typing.get_args(Ability)

#: All types of the catalogue.
DECLARED = [
    *("tinyint", "smallint", "int", "bigint", "bit", "rowversion", "timestamp", "float", "real"),
    "vector",
    *("decimal(10, 2)", "numeric(38, 0)", "money", "smallmoney"),
    *("date", "datetime", "smalldatetime", "datetime2(0)", "datetime2(6)", "datetime2(7)"),
    *("datetimeoffset(7)", "time(7)", "char(4)", "varchar(9)", "varchar(max)", "nchar(4)"),
    *(
        "nvarchar(9)",
        "nvarchar(max)",
        "text",
        "ntext",
        "sysname",
        "xml",
        "json",
        "uniqueidentifier",
    ),
    *("binary(4)", "varbinary(9)", "varbinary(max)", "image", "sql_variant", "hierarchyid"),
    *("geography", "geometry", "dbo_own_type"),
]
#: Types that may be declared as text instead.
TEXTS = [
    *("tinyint", "smallint", "bigint", "numeric(38, 0)"),
    *("int", "bit", "decimal(10, 2)", "money", "smallmoney", "float", "real", "date", "datetime"),
    *("smalldatetime", "datetime2(7)", "geography", "geometry"),
]


def table_of(declared: Collection[str], *, as_text: Collection[str] = ()) -> sa.Table:
    return sa.Table(
        "every",
        sa.MetaData(),
        sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
        *(
            sa.Column(each, catalogue_types.portable(each), info={"declared": each})
            for each in declared
        ),
        *(sa.Column(f"{each} as text", sa.String, info={"declared": each}) for each in as_text),
        sa.Column("wider", sa.Numeric(12, 4), info={"declared": "decimal(8, 2)"}),
    )


TABLE = table_of(DECLARED, as_text=TEXTS)
SLICED = sa.Table(
    "sliced",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
    sa.Column("at", sa.DateTime, nullable=False, info={"declared": "datetime2(7)"}),
    info={"slice": Slicing("at", "month")},
)


def proofs(table: sa.Table) -> list[str | None]:
    """Return all statements of a proof, for servers of different abilities."""
    return [
        made
        for abilities in ((), ("utf8_collation",), ("utf8_always", "hex_text"), EVERY)
        for made in (
            queries.digests_query(table, "dbo", abilities),
            queries.texts_query(table, "dbo", abilities),
            queries.cells_query(table, "dbo", abilities)[0],
        )
    ]


_LIES = [
    *(("_CONVERSIONS", name) for name in sql._CONVERSIONS),
    *(("_AS_TEXT", name) for name in sql._AS_TEXT),
    *(("_VARIANT", name) for name in sql._VARIANT),
]


@pytest.mark.parametrize(("conversions", "name"), _LIES)
def test_a_conversion_of_the_load_that_lies_changes_nothing_in_the_proof(
    monkeypatch: pytest.MonkeyPatch, conversions: str, name: str
) -> None:
    loaded, proven = queries.rows_query(TABLE, "dbo"), proofs(TABLE)
    monkeypatch.setitem(getattr(sql, conversions), name, "LIE({0})")
    assert queries.rows_query(TABLE, "dbo") != loaded, "the lie is in the load"
    assert proofs(TABLE) == proven


@pytest.mark.parametrize("name", ["value", "_variant", "column_sql", "slice_id"])
def test_a_function_of_the_load_that_lies_changes_nothing_in_the_proof(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    proven = proofs(TABLE), proofs(SLICED)
    monkeypatch.setattr(sql, name, lambda *_, **__: "LIE")
    monkeypatch.setattr(queries, name, lambda *_, **__: "LIE", raising=False)
    assert (proofs(TABLE), proofs(SLICED)) == proven


def test_a_cut_of_the_load_that_lies_changes_nothing_in_the_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proven = proofs(SLICED)
    monkeypatch.setattr(sql, "_CUT", "LIE({})")
    assert "LIE([at])" in queries.rows_query(SLICED, "dbo")
    assert proofs(SLICED) == proven


def test_load_and_proof_are_different_expressions_wherever_the_load_converts() -> None:
    for column in TABLE.columns:
        loaded = sql.value(column)
        if loaded != sql.column_sql(column):
            assert loaded not in (canonical.cell(column, EVERY) or ""), column.name


@pytest.mark.parametrize("abilities", [(), EVERY])
def test_all_of_it_parses_and_reads_each_column(abilities: tuple[Ability, ...]) -> None:
    for query in (
        queries.rows_query(TABLE, "dbo"),
        queries.cells_query(TABLE, "dbo", abilities)[0],
    ):
        (parsed,) = sqlglot.parse(query, dialect="tsql")
        assert parsed is not None
        assert parsed.key == "select"
        for column in TABLE.columns:
            assert f"[{column.name}]" in query


def test_what_a_server_can_not_write_is_read_as_stored() -> None:
    query, raw = queries.cells_query(TABLE, "dbo", ())
    assert {column.name for column in raw} == {
        *("float", "real", "binary(4)", "varbinary(9)", "varbinary(max)", "image"),
        *("geography", "geometry", "dbo_own_type"),
    }
    assert "[float] AS c" in query
    assert "CAST([geography] AS varbinary(max)) AS c" in query
    assert queries.texts_query(TABLE, "dbo", ()) is None
    assert queries.cells_query(TABLE, "dbo", EVERY)[1] == []


def test_no_alias_can_clash_with_a_users_column() -> None:
    names = ["_slice_id", "slice", "n", "total", "c0", "c1", "r", "r.c1", "key_value"]
    table = sa.Table(
        "t",
        sa.MetaData(),
        *(sa.Column(name, sa.BigInteger, info={"declared": "int"}) for name in names),
        sa.Column("at", sa.DateTime, nullable=False, info={"declared": "datetime"}),
        info={"slice": Slicing("at", "day")},
    )
    for query in (queries.digests_query(table, "dbo", EVERY), queries.counts_query(table, "dbo")):
        parsed = sqlglot.parse_one(query or "", dialect="tsql")
        outer = {column.sql(dialect="tsql") for column in _outer_columns(parsed)}
        assert outer <= {"r.c0", "r.c1"}, outer
        (inner,) = parsed.find_all(sqlglot.exp.Subquery)
        aliases = [each.alias for each in inner.this.expressions]
        assert aliases == ["c0", "c1"][: len(aliases)]
        assert not any(column.table for column in inner.find_all(sqlglot.exp.Column))


def _outer_columns(parsed: Any) -> list[Any]:
    inner = {id(each) for sub in parsed.find_all(sqlglot.exp.Subquery) for each in sub.walk()}
    return [each for each in parsed.find_all(sqlglot.exp.Column) if id(each) not in inner]


SMALL = sa.Table(
    "small",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, info={"declared": "int"}),
    sa.Column("ratio", sa.Double, info={"declared": "real"}),
    sa.Column("raw", sa.LargeBinary, info={"declared": "varbinary(4)"}),
    sa.Column("name", sa.String, info={"declared": "nvarchar(9)"}),
)
STORED = [
    ("all", "1|.", -0.0, b"\x00|", "a||b|."),
    ("all", "2|.", 0.1, None, "|-"),
    ("all", "3|.", None, bytearray(b""), "|."),
]


@pytest.mark.parametrize("kind", [Server, ArrowServer])
def test_cells_are_finished_here_where_the_server_can_not_write_them(
    monkeypatch: pytest.MonkeyPatch, kind: type[Server]
) -> None:
    """They are read as rows with mssql-python too, because the load uses its Arrow batches."""
    server = kind({**DATABASE, "FROM [sales].[small]": STORED})
    with snapshot_of(server, monkeypatch) as snapshot:
        found = snapshot.cells(SMALL).read_all()
        texts = snapshot.row_texts(SMALL).read_all()
    assert found.schema == cells_schema(SMALL)
    assert found.to_pylist() == [
        {
            "c0": slice_,
            "c1": id_,
            "c2": "|-" if ratio is None else cell(SMALL.c.ratio, ratio),
            "c3": "|-" if raw is None else f"{raw.hex().upper()}|.",
            "c4": name,
        }
        for slice_, id_, ratio, raw, name in STORED
    ]
    assert found["c2"].to_pylist()[:1] == ["0|."]
    assert texts.schema == ROW_TEXTS
    assert texts.to_pylist() == [
        {"c0": row["c0"], "c1": row["c1"] + row["c2"] + row["c3"] + row["c4"]}
        for row in found.to_pylist()
    ]


def test_texts_are_the_servers_where_it_can_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("2024-01", "1|.x|."), ("2024-02", "2|.|-")]
    server = Server({**DATABASE, **ABLE, "FROM [sales].[sliced]": rows})
    with snapshot_of(server, monkeypatch) as snapshot:
        found = snapshot.row_texts(SLICED, ["2024-01"]).read_all()
    assert found.to_pylist() == [{"c0": slice_, "c1": text} for slice_, text in rows]
    asked = server.statements[-2]
    assert asked == queries.texts_query(SLICED, "sales", EVERY, ["2024-01"])
    assert "([at] >= '20240101' AND [at] < '20240201')" in asked


def test_digests_are_of_the_same_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server({**DATABASE, **ABLE, "HASHBYTES": [("2024-01", 2, Decimal(7))]})
    with snapshot_of(server, monkeypatch) as snapshot:
        found = snapshot.digests(SLICED)
    assert found is not None
    assert (found["2024-01"].rows, found["2024-01"].total) == (2, 7)
    hashed = next(sql_ for sql_ in server.statements if "GROUP BY r.c0" in sql_)
    assert str(queries.texts_query(SLICED, "sales", EVERY)) in hashed


def test_the_reference_agrees_on_what_is_hashed() -> None:
    """The row numbers of the texts equal those of `canonical.digests`."""
    batch = pa.RecordBatch.from_pydict({"id": [1], "ratio": [0.1], "raw": [b"x"], "name": ["a"]})
    (found,) = digests(SMALL, [batch]).values()
    text = "".join(cell(column, batch.to_pylist()[0][column.name]) for column in SMALL.columns)
    assert found.total == row_number(text)


def test_a_text_with_half_a_surrogate_pair_is_a_misfit() -> None:
    column = SMALL.c.name
    made = canonical.cell(column, EVERY) or ""
    only_hex: tuple[Ability, ...] = ("hex_text",)
    assert "|?" in made
    assert "LIKE" in made
    assert "LIKE" not in (canonical.cell(column, only_hex) or ""), "where there is none"
    narrow = sa.Column("v", sa.String, info={"declared": "varchar(9)"})
    assert "LIKE" not in (canonical.cell(narrow, EVERY) or "")


@pytest.mark.parametrize(
    ("declared", "wanted", "holds"),
    [
        ("varchar(9)", sa.BigInteger(), False),
        ("int", sa.Boolean(), False),
        ("bigint", sa.Double(), False),
        ("float", sa.BigInteger(), False),
        ("decimal(10, 2)", sa.Numeric(8, 2), False),
        ("decimal(10, 2)", sa.Numeric(10, 1), False),
        ("decimal(10, 2)", sa.Numeric(11, 3), True),
        ("decimal(10, 2)", sa.Numeric(10, 3), False),
        ("money", sa.Numeric(19, 2), False),
        ("money", sa.Double(), False),
        ("datetimeoffset(7)", sa.DateTime(), False),
        ("datetime2(3)", sa.Date(), False),
        ("varbinary(9)", sa.String(), False),
        ("sql_variant", sa.String(), False),
        ("sql_variant", AnyValue(), True),
        ("datetime2(7)", sa.String(), True),
        ("bit", sa.BigInteger(), True),
        ("geography", sa.String(), True),
        ("geography", sa.LargeBinary(), True),
        ("float", sa.String(), True),
    ],
)
def test_a_declared_type_that_can_not_hold_the_sources_values_stops_its_table(
    monkeypatch: pytest.MonkeyPatch, declared: str, wanted: Any, holds: bool
) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("v", wanted, info={"declared": declared}))
    with snapshot_of(Server(DATABASE), monkeypatch) as snapshot:
        if holds:
            assert snapshot.rows(table).read_all().num_rows == 0
            assert snapshot.cells(table).read_all().num_rows == 0
        else:
            with pytest.raises(
                SourceError, match=r"t\.v is .* in the source, which .* can't hold: "
            ):
                snapshot.rows(table)


def test_each_base_type_of_a_variant_has_a_literal_on_both_ways() -> None:
    """The base types are those that a sql_variant may hold according to the documentation."""
    column = sa.Column("v", AnyValue(), info={"declared": "sql_variant"})
    sa.Table("t", sa.MetaData(), column)
    bases = [
        *(
            "bigint",
            "int",
            "smallint",
            "tinyint",
            "bit",
            "decimal",
            "numeric",
            "money",
            "smallmoney",
        ),
        *(
            "float",
            "real",
            "date",
            "time",
            "datetime",
            "smalldatetime",
            "datetime2",
            "datetimeoffset",
        ),
        *("char", "varchar", "nchar", "nvarchar", "binary", "varbinary", "uniqueidentifier"),
    ]
    loaded, proven = sql.value(column), canonical.cell(column, EVERY) or ""
    for base in bases:
        assert f"WHEN N'{base}' THEN" in loaded
        assert f"N'{base}'" in proven
    # Style 0 would cut a float to six digits and a datetime to minutes.
    assert "CONVERT(FLOAT, [v]), 3)" in loaded
    assert "CONVERT(DATETIME2(7), [v]), 121)" in loaded
    assert "CAST([v] AS float(53)), 3)" in proven
    # Other collations treat a full-width apostrophe as equal to the apostrophe.
    assert loaded.count("REPLACE(") == loaded.count("COLLATE Latin1_General_BIN2")


def _depth(text: str) -> int:
    """Return how deeply the operators of a text are nested. Each operand of `+` is one level more."""
    depths, deepest = [0], 0
    for sign in re.findall(r"N?'(?:[^']|'')*'|\[[^\]]*\]|[()+]", text):
        if sign == "(":
            depths.append(0)
        elif sign == ")":
            depths.pop()
        elif sign == "+":
            depths[-1] += 1
        deepest = max(deepest, sum(depths))
    return deepest


WIDEST = sa.Table(
    "widest",
    sa.MetaData(),
    *(sa.Column(f"c{n}", sa.String, info={"declared": "nvarchar(3)"}) for n in range(1024)),
)


@pytest.mark.slow
def test_the_widest_table_is_no_deep_expression() -> None:
    text = canonical.row_text(WIDEST, EVERY)
    assert text is not None
    assert _depth(" + ".join(["a"] * 1024)) == 1023
    assert _depth(text) < 120
    # A server accepts 65,535 identifiers and constants in one expression (8632).
    assert len(re.findall(r"N?'(?:[^']|'')*'|\[[^\]]*\]|\b0x[0-9A-F]+", text)) < 65_535
    # The first operand of each group makes its length unlimited.
    groups = re.findall(r"\((CONVERT\(nvarchar\(max\), N''\) \+ )", text)
    assert len(groups) == 32
    query = queries.digests_query(WIDEST, "dbo", EVERY)
    assert query is not None
    assert sqlglot.parse_one(query, dialect="tsql").key == "select"


@pytest.mark.parametrize("width", [1, 31, 32, 33, 1024])
def test_a_row_of_any_width_has_all_of_its_cells_in_their_order(width: int) -> None:
    columns = [sa.Column(f"c{n}", sa.String, info={"declared": "varchar(9)"}) for n in range(width)]
    table = sa.Table("wide", sa.MetaData(), *columns)
    row = {f"c{n}": Sql("varchar", f"{n}" if n % 3 else None) for n in range(width)}
    wanted = "".join(
        cell(column, row[column.name].value) if row[column.name].value else "|-"
        for column in columns
    )
    assert evaluate(canonical.row_text(table, EVERY) or "", row).value == wanted


def test_no_statement_converts_what_a_server_does_not() -> None:
    declared = {column.name: catalogue_types.type_of(column) for column in TABLE.columns}
    looks = [queries.half_pair_query(TABLE.columns[name], "dbo") for name in ("text", "ntext")]
    for statement in (queries.rows_query(TABLE, "dbo"), *proofs(TABLE), *looks):
        assert refused(statement or "", declared) == []
    assert refused("CONVERT(varbinary(max), [ntext]), LEN([text])", declared) == [
        "LEN of text",
        "ntext to varbinary",
    ]
