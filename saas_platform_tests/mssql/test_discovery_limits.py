"""Discovery of special tables and columns: each gets a note, and none of them stops the others."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot

from saas_platform.schema.source_names import source_table
from saas_platform.source.interface import Discovery
from saas_platform.source.mssql import Address, MssqlDatabase
from saas_platform_tests.mssql.stub import DATABASE, Catalogue, FakeError, Server, put, snapshot_of
from saas_platform_tests.mssql.test_discovery import (
    ID,
    KEYED,
    SEVERAL,
    TWO,
    UNIQUE,
    discover,
    table_of,
)
from saas_platform_tests.mssql.tsql import refused

PEOPLE = table_of(ID, ("email", "nvarchar", True), ("c7", "nvarchar", True), **KEYED, id=70)
_CLASH = FakeError(
    "22018", "[SQL Server]Operand type clash: nvarchar is incompatible with it. (206)"
)


class _Guarding(Catalogue):
    """A server that raises an error if a query uses, or even names, certain columns."""

    takes_apart: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def execute(self, sql: str, *values: Any) -> Server:
        super().execute(sql, *values)
        if any(f"NVARCHAR(MAX), [{name}]" in sql for name in self.takes_apart):
            raise _CLASH
        if any(f"[{name}]" in sql for name in self.names):
            raise FakeError("42000", "The SELECT permission was denied on the column. (230)")
        return self


def guarded(
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, Any],
    *,
    takes_apart: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
) -> tuple[Discovery, Server]:
    server = _Guarding({"[dbo].[people]": PEOPLE}, {**DATABASE, **answers})
    server.takes_apart, server.names = takes_apart, names
    put(server, monkeypatch)
    url = sa.make_url("mssql+pyodbc://me:x@db.example/company")
    return MssqlDatabase(Address.of(url)).discover(), server


def test_an_encrypted_column_is_not_looked_into_and_the_table_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [(f"someone{n}@example.org",) for n in range(20)]
    answers = {"encryption_type": [(70, "email")], "SELECT TOP 1000": rows}
    found, _ = guarded(monkeypatch, answers, takes_apart=("email",))
    (table,) = found.tables
    (note,) = found.notes
    assert note.startswith("people.email is encrypted by Always Encrypted")
    assert note.endswith("leave the column out.")
    assert table.c.c7.info["pii"] == "email", "the rest is looked at"
    assert table.c.email.info["pii"] == "email", "by its name"


def test_a_column_that_is_denied_leaves_the_table_and_is_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, server = guarded(monkeypatch, {}, names=("c7",))
    assert [table.name for table in found.tables] == ["people"]
    (note,) = found.notes
    assert note.startswith("people.c7 can't be read, because SQL Server db.example")
    assert note.endswith("Or leave the column out.")
    looked = next(sql for sql in server.statements if sql.startswith("SELECT TOP 1000"))
    assert "[email]" in looked
    assert "[c7]" not in looked


def test_a_computed_column_that_raises_leaves_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = guarded(monkeypatch, {}, takes_apart=("c7",))
    assert [table.name for table in found.tables] == ["people"]
    (note,) = found.notes
    assert note.startswith(
        "people has a column, such as a computed one, whose values raise an error when they are read"
    )
    assert "only by the names of its columns" in note


def test_a_unique_column_that_is_denied_is_not_looked_at_for_nulls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = {"[dbo].[t]": table_of(*TWO, **UNIQUE)}
    server = _Guarding(tables, {**DATABASE, "MAX(CASE": (0,)})
    server.names = ("a",)
    put(server, monkeypatch)
    url = sa.make_url("mssql+pyodbc://me:x@db.example/company")
    found = MssqlDatabase(Address.of(url)).discover()
    (table,) = found.tables
    assert [column.name for column in table.primary_key.columns] == ["id", "b"]


SPECIAL = {
    name: {**table_of(ID, ("email", "nvarchar", True), **{**KEYED, "partitions": []}), "id": number}
    for number, name in enumerate(("[dbo].[hot]", "[dbo].[far]", "[dbo].[plain]"), 70)
}


def test_tables_in_memory_are_left_out_and_tables_elsewhere_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = {
        "is_memory_optimized = 1": [(70,)],
        "is_external = 1": [(71,)],
        "IsDeterministic": [(72, "email")],
        "COUNT_BIG": (3,),
    }
    found, server = discover(monkeypatch, SPECIAL, answers)
    assert [table.name for table in found.tables] == ["far", "plain"]
    hot, far, plain = sorted(found.notes, key=lambda note: ("hot", "far", "pla").index(note[:3]))
    assert hot.startswith(
        "hot is a memory-optimised table, which a transaction that sees one consistent state can't"
    )
    assert hot.endswith(" hot is left out.")
    assert far.startswith("far is an external table: its rows were not counted")
    assert plain.startswith("plain.email is computed and not deterministic")
    counted = [sql for sql in server.statements if "COUNT_BIG" in sql]
    assert counted == ["SELECT COUNT_BIG(*) FROM [dbo].[plain]"]


def test_a_snapshot_names_the_tables_that_discovery_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = {
        **SPECIAL,
        "[dbo].[none]": table_of(**KEYED),
        "[dbo].[odd]": table_of(("x", "", True)),
    }
    server = Catalogue(tables, {**DATABASE, "is_memory_optimized = 1": [(70,)]})
    address = Address.of(sa.make_url("mssql+pyodbc://me:x@db.example/company"))
    with snapshot_of(server, monkeypatch, address) as snapshot:
        reasons = {
            name: snapshot.unsupported_reason(sa.Table(name, sa.MetaData()))
            for name in ("hot", "plain", "none", "odd")
        }
    assert reasons.pop("plain") is None
    hot, none, odd = (str(reason) for reason in reasons.values())
    assert hot.startswith("hot is a memory-optimised table")
    assert none.startswith(
        "none shows no columns to this login: have an administrator GRANT SELECT"
    )
    assert odd.startswith("odd.x has a type that the catalogue does not name")


def test_a_server_that_knows_nothing_special_has_only_plain_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unknown = FakeError("42S22", "Invalid column name. (207)")
    words = ("is_memory_optimized", "is_external", "IsDeterministic", "c.graph_type")
    answers = {**dict.fromkeys(words, unknown), "COUNT_BIG": (3,)}
    found, _ = discover(monkeypatch, SPECIAL, answers)
    assert len(found.tables) == 3
    assert found.notes == ()


@pytest.mark.parametrize("has_graphs", [True, False])
def test_internal_columns_of_a_graph_are_left_out(
    monkeypatch: pytest.MonkeyPatch, has_graphs: bool
) -> None:
    """No query may name them (13908), and a server without graphs may not know the query for them."""
    internal = ("graph_id_0A", "bigint", False)
    tables = {
        "[dbo].[node]": table_of(
            ID, *[internal][has_graphs:], key=[("id",)], unique=[(1, "id"), (2, "graph_id_0A")]
        )
    }
    answers = {"SELECT COUNT(*) FROM sys.columns c WHERE c.graph_type": (int(has_graphs),)}
    found, server = discover(monkeypatch, tables, answers)
    asked = [sql for sql in server.statements if "TYPE_NAME(c.system_type_id)" in sql]
    assert all(
        ("c.graph_type IS NULL OR NOT c.graph_type IN (1, 3, 4, 6, 7)" in sql) == has_graphs
        for sql in asked
    )
    assert sqlglot.parse_one(asked[0], dialect="tsql").key == "select"
    (table,) = found.tables
    assert ("graph_id_0A" in table.c) != has_graphs


@pytest.mark.parametrize("query", ["?schema=DBO,SALES", "?schema=dbo,sales,Sales,DBO"])
def test_schemas_are_those_of_the_catalogue_and_each_once(
    monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    found, _ = discover(monkeypatch, SEVERAL, query=query)
    wanted, _ = discover(monkeypatch, SEVERAL, query="?schema=dbo,sales")
    assert [(t.name, source_table(t)) for t in found] == [(t.name, source_table(t)) for t in wanted]
    server = put(Catalogue(SEVERAL, DATABASE), monkeypatch)
    url = sa.make_url(f"mssql+pyodbc://me:x@db.example/company{query}")
    with MssqlDatabase(Address.of(url)).snapshot() as snapshot:
        assert snapshot.tables() == [
            (None, "orders"),
            (None, "sales__items"),
            ("sales", "items"),
            ("sales", "orders"),
        ]
    assert not any("DBO" in sql for sql in server.statements if "SCHEMA_ID" not in sql)


def test_what_is_disabled_or_hypothetical_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, server = discover(monkeypatch, {"[dbo].[t]": table_of(ID, **KEYED)})
    for words in ("i.is_unique = 1", "i.is_primary_key = 1"):
        (asked,) = (sql for sql in server.statements if words in sql)
        assert "i.is_disabled = 0" in asked
        assert "i.is_hypothetical = 0" in asked
    (asked,) = (sql for sql in server.statements if "FROM sys.foreign_keys" in sql)
    assert "f.is_disabled = 0" in asked


def test_texts_of_the_old_types_are_looked_at_in_a_way_that_they_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = {"a": "text", "b": "ntext", "c": "image"}
    columns = [(name, kind, True) for name, kind in old.items()]
    _, server = discover(monkeypatch, {"[dbo].[t]": table_of(ID, *columns, **KEYED)})
    (looked,) = (sql for sql in server.statements if sql.startswith("SELECT TOP 1000"))
    assert refused(looked, old) == []
