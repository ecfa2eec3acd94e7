"""Discovery from a stubbed catalogue: what it proposes, what it notes, and how few queries it runs."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.schema.collations import collation, facts
from saas_platform.schema.source_names import source_table
from saas_platform.source.interface import Discovery, SourceError
from saas_platform.source.mssql import Address, MssqlDatabase, discovery
from saas_platform_tests.mssql.stub import DATABASE, Catalogue, EndingError, FakeError, Server, put

_DENIED = FakeError("42000", "[SQL Server]The SELECT permission was denied on the object. (229)")


def table_of(*columns: tuple[str, str, bool], **parts: Any) -> dict[str, Any]:
    """Return a table of the stub. Each column has a name, a type of the catalogue, and whether it is nullable."""
    sized = {"nvarchar": 40, "varchar": 20, "datetime2": 8}
    return {
        "columns": [
            (name, kind, kind, sized.get(kind, 4), 10, 7 if kind == "datetime2" else 0, nullable)
            for name, kind, nullable in columns
        ],
        "partitions": [(3,)],
        **parts,
    }


def discover(
    monkeypatch: pytest.MonkeyPatch,
    tables: dict[str, dict[str, Any]],
    answers: dict[str, Any] | None = None,
    query: str = "",
    **options: Any,
) -> tuple[Discovery, Server]:
    server = put(Catalogue(tables, {**DATABASE, **(answers or {})}), monkeypatch)
    url = sa.make_url(f"mssql+pyodbc://me:x@db.example/company{query}")
    return MssqlDatabase(Address.of(url)).discover(**options), server


ID = ("id", "int", False)
KEYED = {"key": [("id",)], "unique": [(1, "id")]}


def test_the_catalogue_answers_and_only_some_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = [(f"c{n}", "nvarchar", True) for n in range(200)]
    found, server = discover(monkeypatch, {"[dbo].[wide]": table_of(ID, *wide, **KEYED)})
    (table,) = found.tables
    assert found.notes == ()
    assert len(table.columns) == 201
    asked, looked = (s for s in server.statements if "[dbo].[wide]" in s and "OBJECT_ID" not in s)
    assert asked.startswith("SELECT TOP 0 [id], [c0], [c1], ")
    assert looked.startswith("SELECT TOP 1000 CASE WHEN LEN(CONVERT(NVARCHAR(MAX), [c0])) <= 200")
    assert sqlglot.parse_one(looked, dialect="tsql").key == "select"


@pytest.mark.parametrize(
    ("partitions", "counts"), [([(3,)], 0), ([(0,)], 1), ([(None,)], 1), ([], 1)]
)
def test_rows_are_counted_where_the_storage_keeps_no_count(
    monkeypatch: pytest.MonkeyPatch, partitions: list[Any], counts: int
) -> None:
    tables = {"[dbo].[t]": table_of(ID, **{**KEYED, "partitions": partitions})}
    _, server = discover(monkeypatch, tables, {"COUNT_BIG": (200_000,)})
    assert sum("COUNT_BIG" in sql for sql in server.statements) == counts


def test_a_large_table_is_sliced_by_what_the_storage_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = (ID, ("created_at", "datetime2", False))
    tables = {"[dbo].[t]": table_of(*columns, **{**KEYED, "partitions": [(200_000,)]})}
    found, _ = discover(monkeypatch, tables)
    assert found.tables[0].info["slice"].column == "created_at"


UNIQUE = {"unique": [(1, "a"), (2, "b"), (2, "id")]}
TWO = (ID, ("a", "int", True), ("b", "int", True), ("other", "int", True))


@pytest.mark.parametrize("sample", [False, True])
@pytest.mark.parametrize(("nulls", "key"), [((1, 0), ["id", "b"]), ((0, 1), ["a"]), ((1, 1), [])])
def test_all_nulls_of_a_key_are_looked_for_at_once(
    monkeypatch: pytest.MonkeyPatch, sample: bool, nulls: tuple[int, int], key: list[str]
) -> None:
    tables = {"[dbo].[t]": table_of(*TWO, **UNIQUE)}
    found, server = discover(monkeypatch, tables, {"MAX(CASE": nulls}, sample=sample)
    (asked,) = (sql for sql in server.statements if "IS NULL THEN 1" in sql)
    assert "[other]" not in asked
    assert ("TOP 100000" in asked) == sample
    assert sqlglot.parse_one(asked, dialect="tsql").key == "select"
    assert [column.name for column in found.tables[0].primary_key.columns] == key
    (note,) = found.notes
    assert "t has no primary key" in note
    assert ("first 100,000 rows were read" in note) == sample


def test_no_look_is_needed_where_a_unique_set_can_not_be_null(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = {"unique": [(1, "a"), (2, "id")]}
    found, server = discover(monkeypatch, {"[dbo].[t]": table_of(*TWO, **parts)})
    assert [column.name for column in found.tables[0].primary_key.columns] == ["id"]
    assert not any("IS NULL" in sql for sql in server.statements)


@pytest.mark.parametrize("error", [_DENIED, EndingError("42000", "[SQL Server]Odd. (8645)")])
def test_one_table_that_can_not_be_looked_at_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, error: FakeError
) -> None:
    tables = {
        "[dbo].[bad]": table_of(ID, **{**KEYED, "partitions": []}),
        "[dbo].[blind]": {},
        "[dbo].[good]": table_of(ID, **KEYED),
    }
    found, _ = discover(monkeypatch, tables, {"FROM [dbo].[bad]": error})
    assert [table.name for table in found.tables] == ["good"]
    first, second = sorted(found.notes)
    assert first.startswith("bad can't be read, because ")
    assert first.endswith(" bad is left out.")
    assert "blind shows no columns to this login" in second
    assert "GRANT SELECT, VIEW DEFINITION ON [dbo].[blind]" in second


def test_no_table_of_a_users_database_counts_as_the_platforms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("_batches", "_source", "_staged_x", "_tombstones", "_erasures", "_intake_log")
    tables = {f"[dbo].[{name}]": table_of(ID, **KEYED) for name in names}
    found, _ = discover(monkeypatch, tables)
    assert {table.name for table in found.tables} == {*names}


SEVERAL = {
    "[dbo].[orders]": table_of(ID, **KEYED),
    "[dbo].[sales__items]": table_of(ID, **KEYED),
    "[sales].[orders]": table_of(
        ID,
        ("item", "int", True),
        **KEYED,
        references=[(9, "sales", "items", "item", "id"), (10, "dbo", "orders", "id", "id")],
    ),
    "[sales].[items]": table_of(ID, **KEYED),
}


@pytest.mark.parametrize("query", ["?schema=dbo,sales", "?schema=*"])
def test_several_schemas_are_found_under_distinct_names(
    monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    found, _ = discover(monkeypatch, SEVERAL, query=query)
    digits = hashlib.sha256(b"sales.items").hexdigest()[:6]
    assert {table.name: source_table(table) for table in found.tables} == {
        "orders": (None, "orders"),
        "sales__items": (None, "sales__items"),
        "sales__orders": ("sales", "orders"),
        f"sales__items_{digits}": ("sales", "items"),
    }
    by_name = {table.name: table for table in found.tables}
    parents = {key.referred_table.name for key in by_name["sales__orders"].foreign_key_constraints}
    assert parents == {"orders", f"sales__items_{digits}"}


def test_only_tables_of_the_logins_own_schema_keep_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A snapshot looks in the login's own schema for a table that names none."""
    tables = {name: table for name, table in SEVERAL.items() if name.startswith("[sales]")}
    found, _ = discover(monkeypatch, tables, query="?schema=*")
    assert {table.name: source_table(table) for table in found.tables} == {
        "sales__orders": ("sales", "orders"),
        "sales__items": ("sales", "items"),
    }


def test_one_schema_is_as_before_and_leaves_references_to_others_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, _ = discover(monkeypatch, SEVERAL, query="?schema=sales")
    by_name = {table.name: table for table in found.tables}
    assert {name: source_table(table) for name, table in by_name.items()} == {
        "items": (None, "items"),
        "orders": (None, "orders"),
    }
    assert [k.referred_table.name for k in by_name["orders"].foreign_key_constraints] == ["items"]


@pytest.mark.parametrize("query", ["?schema=nowhere", "?schema=dbo,nowhere"])
def test_a_missing_schema_is_reported_with_those_that_exist(
    monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    with pytest.raises(SourceError, match=r"has no schema nowhere: name another.*\(dbo, sales\)"):
        discover(monkeypatch, SEVERAL, query=query)


def test_personal_data_is_detected_by_values(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = (ID, ("a", "nvarchar", True), ("b", "nvarchar", True))
    rows = [(f"someone{n}@example.com", None if n % 2 else "plain") for n in range(20)]
    tables = {"[dbo].[t]": table_of(*columns, **KEYED)}
    found, _ = discover(monkeypatch, tables, {"SELECT TOP 1000": rows})
    (table,) = found.tables
    assert table.c.a.info["pii"] == "email"
    assert "pii" not in table.c.b.info


class _Strict(Catalogue):
    """A stub of pyodbc, which raises an error for half of a surrogate pair."""

    def fetchall(self) -> list[Any]:
        if self.statements[-1].startswith("SELECT TOP 1000"):
            b"\x3d\xd8".decode("utf-16-le")
        return super().fetchall()


def test_a_text_that_can_not_be_decoded_does_not_end_discovery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = {"[dbo].[t]": table_of(ID, ("email", "nvarchar", True), **KEYED)}
    put(_Strict(tables, {}), monkeypatch)
    url = sa.make_url("mssql+pyodbc://me:x@db.example/company")
    found = MssqlDatabase(Address.of(url)).discover()
    (note,) = found.notes
    assert note.startswith("t holds a text that is not valid UTF-16")
    assert found.tables[0].c.email.info["pii"] == "email"


def test_names_that_differ_only_in_case_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {f"[dbo].[{name}]": table_of(ID, **KEYED) for name in ("Orders", "orders", "rest")}
    found, _ = discover(monkeypatch, tables)
    names = [table.name for table in found.tables]
    assert len({name.casefold() for name in names}) == 3
    assert [source_table(table) for table in found.tables] == [
        (None, "Orders"),
        (None, "orders"),
        (None, "rest"),
    ]
    assert names[2] == "rest"
    assert len(found.notes) == 2
    for name, note in zip(("Orders", "orders"), found.notes, strict=True):
        assert f"[dbo].[{name}] has a name that differs from another table's only in case" in note


def test_keys_keep_all_digits_of_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = (("at", "datetime2", False), ("seen", "datetime2", True))
    parts = {"key": [("at",)], "unique": [(1, "at")]}
    found, _ = discover(monkeypatch, {"[dbo].[t]": table_of(*columns, **parts)})
    (table,) = found.tables
    assert isinstance(table.c.at.type, sa.String)
    assert isinstance(table.c.seen.type, sa.DateTime)


def test_what_is_kept_from_the_login_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {"[dbo].[people]": table_of(ID, ("email", "nvarchar", True), **KEYED, id=70)}
    answers = {"sys.masked_columns": [(70, "email")], "sys.security_pred": [(70, "own_rows")]}
    found, _ = discover(monkeypatch, tables, answers)
    assert len(found.tables) == 1
    masked, filtered = found.notes
    assert "people.email is masked for this login" in masked
    assert "The security policy own_rows filters the rows of people" in filtered
    found, _ = discover(monkeypatch, tables, answers, "?row_security=visible")
    assert "people is mirrored and proven as far as the security policy own_rows" in found.notes[1]


COLLATIONS = {
    "SQL_Latin1_General_CP1_CI_AS": "NOCASE_RTRIM",
    "Latin1_General_100_CI_AI_SC_UTF8": "NOCASE_NOACCENT_RTRIM",
    "Latin1_General_CS_AI": "NOACCENT_RTRIM",
    "Latin1_General_CS_AS_KS_WS": "RTRIM",
    "Latin1_General_BIN2": "RTRIM",
    "Chinese_PRC_CI_AS": "NOCASE_RTRIM",
}


def test_collations_are_recorded_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [(f"c{n}", "nvarchar", True) for n in range(len(COLLATIONS))]
    collations = [(f"c{n}", name) for n, name in enumerate(COLLATIONS)]
    tables = {"[dbo].[t]": table_of(ID, *columns, **KEYED, collations=collations)}
    found, _ = discover(monkeypatch, tables)
    (table,) = found.tables
    assert [c.info.get("collation") for c in table.columns] == [None, *COLLATIONS.values()]


def test_the_vocabulary_of_collations_goes_both_ways() -> None:
    for word in (*COLLATIONS.values(), "BINARY", "NOCASE"):
        assert collation(facts(word)) == word


def test_every_question_to_the_catalogue_parses_and_names_are_unicode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, server = discover(monkeypatch, SEVERAL, query="?schema=*")
    asked = [sql for sql in server.statements if "sys." in sql and sql.startswith("SELECT")]
    assert asked
    for sql in asked:
        assert sqlglot.parse_one(sql, dialect="tsql").key == "select"
    for sql in asked:
        if re.search(r"FROM sys\.(columns|indexes|foreign_keys|tables t JOIN)", sql):
            names = re.findall(r"\b\w\.name\b", sql.split(" FROM ")[0])
            assert len(names) == sql.split(" FROM ")[0].count("CONVERT(NVARCHAR(128), ") or (
                "encryption_type" in sql or "collation_name" in sql
            )


def test_a_name_of_the_mirror_is_the_same_at_every_discovery() -> None:
    assert discovery.mirror_name("sales", "orders", {"x"}) == "sales__orders"
    again = {discovery.mirror_name("Sales", "Orders", {"sales__orders"}) for _ in range(3)}
    assert again == {f"Sales__Orders_{hashlib.sha256(b'Sales.Orders').hexdigest()[:6]}"}
