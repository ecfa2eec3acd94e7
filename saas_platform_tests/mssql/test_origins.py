"""Test what is read from SQL Server's catalogue about references and computed columns."""

from __future__ import annotations

from typing import Any

from saas_platform.source.mssql.origins import origins
from saas_platform_tests.mssql.stub import Server


def test_all_tables_are_asked_at_once() -> None:
    server: Any = Server(
        {
            "sys.foreign_key_columns": [("dbo", "d", "who", "crm", "p", "mail")],
            "sys.computed_columns": [
                ("dbo", "d", "up", "(upper([who]))"),
                ("crm", "p", "hidden", None),
            ],
        }
    )
    found = origins(server, "dbo")
    d, p = (None, "d"), ("crm", "p")
    assert found.references == [((d, "who"), (p, "mail"))]
    assert found.computed == {(d, "up"): "(upper([who]))", (p, "hidden"): None}
    assert len(server.statements) == 2
