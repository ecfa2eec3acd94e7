"""Tests of the canonical digest in each engine's SQL. Golden files show every change of it in review.

After an intended change, run `SAAS_TEST_UPDATE_GOLDEN=1 pytest saas_platform_tests/digests`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.source.mssql import canonical as tsql
from saas_platform.warehouse.bigquery import canonical as bigquery_canonical
from saas_platform.warehouse.duckdb import canonical as duckdb_canonical
from saas_platform_tests.digests.rows import EVERY_TYPE

_GOLDEN = Path(__file__).parent / "golden"
_ABILITIES: list[tsql.Ability] = ["utf8_collation", "float_bits", "hex_text", "half_pairs"]


def tsql_totals(table: sa.Table, abilities: list[tsql.Ability]) -> str | None:
    text = tsql.row_text(table, abilities)
    return None if text is None else tsql.totals(text, abilities)


def tsql_digest(table: sa.Table) -> str:
    made = tsql_totals(table, _ABILITIES)
    assert made is not None
    return made


def duckdb_digest(table: sa.Table) -> str:
    return f"count(*), sum({duckdb_canonical.number(duckdb_canonical.row_text(table))})"


DIALECTS = {
    "duckdb": duckdb_digest,
    "bigquery": bigquery_canonical.digest,
    "tsql": tsql_digest,
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sql_is_as_reviewed(dialect: str) -> None:
    """The golden file has one line for each column."""
    made = DIALECTS[dialect](EVERY_TYPE).replace(", IFNULL(", ",\n  IFNULL(")
    made = made.replace(" + ISNULL(", "\n  + ISNULL(").replace(", coalesce(", ",\n  coalesce(")
    golden = _GOLDEN / f"{dialect}.sql"
    if os.environ.get("SAAS_TEST_UPDATE_GOLDEN"):
        golden.write_text(made + "\n")
    assert made + "\n" == golden.read_text()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sql_parses_and_reads_each_column(dialect: str) -> None:
    sql = f"SELECT {DIALECTS[dialect](EVERY_TYPE)} FROM every_type"
    parsed = sqlglot.parse_one(sql, dialect=dialect)
    read = {column.name for column in parsed.find_all(sqlglot.exp.Column)}
    assert read >= set(EVERY_TYPE.columns.keys())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_type_is_refused(dialect: str) -> None:
    odd = sa.Table("odd", sa.MetaData(), sa.Column("x", sa.Time))
    with pytest.raises(TypeError, match=r"odd\.x: Time\(\) can't be mirrored"):
        DIALECTS[dialect](odd)


def test_tsql_takes_any_name() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("a ]b[ 'c' {d}", sa.String))
    assert "[a ]]b[ 'c' {d}]" in tsql_digest(table)


@pytest.mark.parametrize(
    ("abilities", "hashed"),
    [
        (["utf8_collation", "utf8_always"], "COLLATE Latin1_General_100_BIN2_UTF8)"),
        (["utf8_always"], "HASHBYTES('MD5', CONVERT(nvarchar(max), N'')"),
    ],
)
def test_tsql_hashes_as_the_server_can(abilities: list[tsql.Ability], hashed: str) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("a", sa.String))
    assert hashed in (tsql_totals(table, abilities) or "")


@pytest.mark.parametrize(
    ("kind", "abilities"),
    [
        (sa.Integer, []),
        (sa.Integer, ["float_bits", "hex_text"]),
        (sa.Double, ["utf8_collation", "hex_text"]),
        (sa.LargeBinary, ["utf8_collation", "float_bits"]),
    ],
)
def test_tsql_has_no_digest_of_what_the_server_can_not_hash(
    kind: type[sa.types.TypeEngine[object]], abilities: list[tsql.Ability]
) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("a", kind))
    assert tsql_totals(table, abilities) is None


def test_probes_parse_and_know_their_answers() -> None:
    assert [probe.ability for probe in tsql.PROBES] == [
        *("utf8_collation", "utf8_always", "float_bits", "hex_text", "half_pairs")
    ]
    for probe in tsql.PROBES:
        assert sqlglot.parse_one(probe.sql, dialect="tsql").key == "select"
    # The bytes of -1.5 are BF F8 and six zeros.
    answers = {probe.ability: probe.answer for probe in tsql.PROBES}
    assert answers["float_bits"] == int.from_bytes(bytes.fromhex("BFF8000000000000"), signed=True)
