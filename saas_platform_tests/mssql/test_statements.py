"""All T-SQL parses, and the script in the docs equals what is run; no server is needed."""

from __future__ import annotations

import os
import re
import typing
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.clock import Month
from saas_platform.schema import TABLES, Slicing, slicing_of
from saas_platform.source.mssql import catalogue_types, ddl, queries, tracking
from saas_platform.source.mssql.apply import insert, update
from saas_platform.source.mssql.canonical import Ability
from saas_platform.source.mssql.features import Features
from saas_platform.source.mssql.intake import MssqlIntake
from saas_platform.source.mssql.origins import origins
from saas_platform.source.mssql.protection import Protection

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "sql-server.sql"

#: A table of the user's own, with features that the company's tables do not have.
THEIRS = sa.Table(
    "odd]name",
    sa.MetaData(),
    sa.Column("a key", sa.String, primary_key=True, info={"declared": "uniqueidentifier"}),
    sa.Column("at", sa.DateTime, nullable=False, info={"declared": "datetime"}),
    sa.Column("fine", sa.DateTime, info={"declared": "datetime2(7)"}),
    sa.Column("price", sa.Numeric(19, 4), info={"declared": "money"}),
    sa.Column("zone", sa.String, info={"declared": "datetimeoffset(7)"}),
    sa.Column("version", sa.BigInteger, info={"declared": "rowversion", "row_version": True}),
    info={"slice": Slicing("at", "month")},
)


class _Noting:
    """A cursor that only records its statements."""

    rowcount = 0

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, statement: str) -> _Noting:
        self.statements.append(statement)
        return self

    def fetchall(self) -> list[Any]:
        return []


def _statements() -> Iterator[str]:
    cursor: Any = _Noting()
    for table in TABLES.values():
        yield insert(table, "saas")
        yield update(table, "saas") or "SELECT 1"
        yield ddl.create_staged(table, "saas")
        yield queries.tombstones_query(table, "saas", 7)
        intake = MssqlIntake(cursor, "saas", table, Month(2024, 1))
        intake.withdraw_refused()
        intake.withdraw_duplicates()
        intake.note_earlier(pa.table({}))
    origins(cursor, "saas")
    yield from cursor.statements
    for table in (*TABLES.values(), THEIRS):
        slicing = slicing_of(table)
        slices = ["all"] if slicing is None else [slicing.id_of(datetime(2024, 1, 31))]
        yield queries.rows_query(table, "saas", above=7, slices=slices)
        yield queries.counts_query(table, "saas")
        yield queries.highest_query(table, "saas") or "SELECT 1"
        for abilities in ((), ("utf8_collation",), typing.get_args(Ability)):
            yield queries.digests_query(table, "saas", abilities) or "SELECT 1"
            yield queries.texts_query(table, "saas", abilities, slices) or "SELECT 1"
            yield queries.cells_query(table, "saas", abilities, slices)[0]
        if table.primary_key.columns:
            deletes = tracking.deletes_query(table, "[saas].[t]", oldest=3, above=9)
            # The parser does not know CHANGETABLE.
            yield re.sub(r"CHANGETABLE\(CHANGES (\S+), \d+\)", r"\1", deletes)
        for column in table.columns:
            if isinstance(column.type, sa.String):
                yield queries.half_pair_query(column, "saas")


def test_every_statement_parses_as_tsql() -> None:
    for statement in _statements():
        (parsed,) = sqlglot.parse(statement, dialect="tsql")
        assert parsed is not None
        assert parsed.key != "command", statement


def test_no_statement_uses_what_limited_servers_lack() -> None:
    reported = "\n".join([*_statements(), ddl.script("saas")]).upper()
    for word in ("MERGE", "OR ALTER", "WAITFOR", "CHECKSUM", "IF EXISTS", "STRING_AGG", "TRIM("):
        assert not re.search(rf"\b{re.escape(word)}", reported), word


def test_the_script_in_the_docs_is_current() -> None:
    made = ddl.script("saas")
    if os.environ.get("SAAS_TEST_UPDATE_GOLDEN"):
        SCRIPT.write_text(made)
    assert SCRIPT.read_text() == made


def test_the_script_makes_everything() -> None:
    made = ddl.script("saas")
    assert made.count("CREATE TABLE") == len(TABLES) + len(ddl.BOOKS)
    assert made.count("CREATE TRIGGER") == len(TABLES)
    assert made.count(" ROWVERSION ") == len(TABLES) + 1
    assert "DATETIME " not in made, "it would round to 3 ms"
    assert "DATETIME2(6)" in made
    assert "CONSTRAINT fk_users_account_id FOREIGN KEY(account_id)" in made
    assert "REFERENCES saas.accounts (account_id)" in made
    assert "sp_addextendedproperty 'MS_Description'" in made
    assert "INCLUDE (occurred_at)" in made
    assert "WHERE user_id IS NOT NULL" in made
    assert made.index("\nSET QUOTED_IDENTIFIER ON;\nGO\n") < made.index("CREATE "), (
        "sqlcmd has it off"
    )
    # Every statement that needs a batch of its own has one.
    for batch in made.split("\nGO\n"):
        if "CREATE TRIGGER" in batch or "CREATE SCHEMA" in batch:
            assert batch.upper().count("CREATE ") == 1
        elif "CREATE " in batch:
            assert sqlglot.parse_one(batch, dialect="tsql").key == "create"


def test_names_and_times_of_others_are_taken_as_they_are() -> None:
    read = queries.rows_query(THEIRS, "sales", above=9)
    assert "FROM [sales].[odd]]name] WHERE ([version] > CONVERT(BINARY(8)," in read
    assert "UPPER(CONVERT(NVARCHAR(36), [a key])) AS c0" in read
    assert "CONVERT(DATETIME2(3), [at])" in read
    assert "CONVERT(DATETIME2(6), CONVERT(VARCHAR(26), [fine], 121), 121)" in read
    assert "CONVERT(DECIMAL(19, 4), [price])" in read
    assert "CONVERT(BIGINT, [version])" in read


def test_a_version_that_is_no_rowversion_is_compared_as_a_number() -> None:
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("version", sa.BigInteger, info={"declared": "bigint", "row_version": True}),
    )
    assert queries.above_version(table, 9) == "[version] > 9"


def _sliced(declared: str) -> sa.Table:
    at = sa.Column("at", sa.DateTime, nullable=False, info={"declared": declared})
    return sa.Table("t", sa.MetaData(), at, info={"slice": Slicing("at", "month")})


@pytest.mark.parametrize(
    ("declared", "slices", "where"),
    [
        ("smalldatetime", ["2079-06"], "([at] >= '20790601')"),
        ("smalldatetime", ["2079-05"], "([at] >= '20790501' AND [at] < '20790601')"),
        ("smalldatetime", ["1899-12", "1900-01"], "([at] < '19000201')"),
        ("smalldatetime", ["2079-07"], "(1 = 0)"),
        ("smalldatetime", ["1899-12"], "(1 = 0)"),
        ("datetime", ["1752-12"], "(1 = 0)"),
        ("datetime", ["1753-01"], "([at] >= '17530101' AND [at] < '17530201')"),
        ("datetime2(7)", ["0001-01"], "([at] >= '00010101' AND [at] < '00010201')"),
        ("datetime2(7)", ["2079-06"], "([at] >= '20790601' AND [at] < '20790701')"),
    ],
)
def test_no_bound_of_a_slice_is_beyond_the_type_of_its_column(
    declared: str, slices: list[str], where: str
) -> None:
    """The server converts the literal to the column's type and refuses one outside of its range."""
    assert queries.in_slices(_sliced(declared), slices) == where


def test_more_slices_than_a_list_takes_are_rows() -> None:
    at = sa.Column("at", sa.DateTime, nullable=False, info={"declared": "datetime2(7)"})
    table = sa.Table("t", sa.MetaData(), at, info={"slice": Slicing("at", "day")})
    days = [(date(1900, 1, 1) + timedelta(days=2 * n)).isoformat() for n in range(12_000)]
    few, many = queries.in_slices(table, days[:5_000]), queries.in_slices(table, days)
    assert few.startswith("CONVERT(VARCHAR(10), [at], 23) IN ('1900-01-01', '1900-01-03', ")
    assert many.startswith(
        "CONVERT(VARCHAR(10), [at], 23) IN (SELECT s.id FROM (VALUES ('1900-01-01'), ('1900-01-03'), "
    )
    assert many.endswith(") s(id))")
    assert many.count("('") == 12_000
    assert sqlglot.parse_one(f"SELECT 1 FROM t WHERE {many}", dialect="tsql").key == "select"


def test_tracked_deletes_are_those_after_what_the_version_knew() -> None:
    query = tracking.deletes_query(THEIRS, "[sales].[t]", oldest=3, above=9)
    assert query.count("CHANGETABLE(CHANGES [sales].[t], 3)") == 2
    assert "d.SYS_CHANGE_OPERATION = 'D'" in query
    assert "t.[a key] = c.[a key]" in query


def test_changes_that_a_login_may_not_see_are_reported_and_not_queried() -> None:
    query = tracking.oldest_query("[sales].[t]")
    sqlglot.parse_one(query, dialect="tsql")
    right = "HAS_PERMS_BY_NAME(N'[sales].[t]', 'OBJECT', 'VIEW CHANGE TRACKING') = 1"
    assert f"CASE WHEN {right} THEN CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(N'[sales]" in query
    able = Features(
        version="version 16",
        snapshot_isolation=True,
        floor="SELECT 1",
        change_tracking=True,
        hidden_changes=2,
        recovery_fork=None,
        bulk_copy=True,
        abilities=frozenset({"utf8_collation"}),
        protection=Protection(),
    )
    assert "no right to see the tracked changes of 2 tables" in able.words()
    assert replace(able, hidden_changes=0).words() == "version 16"


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        ("int", sa.BigInteger),
        ("bit", sa.Boolean),
        ("decimal(10, 2)", sa.Numeric),
        ("money", sa.Numeric),
        ("real", sa.Double),
        ("datetime2(7)", sa.DateTime),
        ("date", sa.Date),
        ("datetimeoffset(7)", sa.String),
        ("xml", sa.String),
        ("nvarchar(max)", sa.String),
        ("varbinary(max)", sa.LargeBinary),
        ("rowversion", sa.BigInteger),
    ],
)
def test_each_type_has_a_portable_type(declared: str, kind: type) -> None:
    assert isinstance(catalogue_types.portable(declared), kind)


def _role_script(name: str) -> str:
    script = (ROOT / "deploy" / "mssql" / f"{name}.sql").read_text()
    return "\n".join(line for line in script.splitlines() if not line.startswith("--"))


@pytest.mark.parametrize("name", ["reader", "writer"])
def test_azure_which_makes_no_login_in_a_database_is_not_asked_for_one(name: str) -> None:
    (batch,) = (each for each in _role_script(name).split("\nGO\n") if "LOGIN '" in each)
    azure, others = batch.split("ELSE")
    assert "IF CONVERT(INT, SERVERPROPERTY('EngineEdition')) = 5\nBEGIN" in azure
    assert "IF DATABASE_PRINCIPAL_ID('$(login)') IS NULL\n        EXEC (N'CREATE USER '" in azure
    assert others.strip() == (
        "IF SUSER_ID('$(login)') IS NULL\n    EXEC (N'CREATE LOGIN ' + @named);"
    )
    # It is a text, which the server parses only where it is run.
    assert _role_script(name).count("CREATE LOGIN") == 1
    assert _role_script(name).count("'$(password)'") == 1
    assert "QUOTENAME(N'$(password)', '''')" in batch, "a quote would end it"


def test_roles_are_least_and_nobody_is_sa() -> None:
    for name, granted in (
        ("reader", {"SELECT", "VIEW DEFINITION", "VIEW CHANGE TRACKING"}),
        ("writer", {"CREATE TABLE"}),
    ):
        code = _role_script(name)
        grants = re.findall(r"GRANT (.+?) (?:ON|TO) ", code)
        assert {each.strip() for grant in grants for each in grant.split(",")} == granted
        assert not re.search(r"sysadmin|db_owner|\bsa\b|CONTROL", code)
