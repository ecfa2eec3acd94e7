"""What the doctor finds on a SQL Server before a run would. The server is a stub that refuses statements."""

from __future__ import annotations

from typing import Any

import pytest

from saas_platform.cli.doctor import Diagnosis, examine
from saas_platform.platform import Platform
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import MssqlDatabase, connection, errors, features
from saas_platform_tests.mssql import stub

_BY = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"


class FakeError(Exception):
    pass


class Server:
    """A connection and its cursor: an empty database that refuses statements that contain a word."""

    description = ("an answer",)

    def __init__(self, refuses: str, error: FakeError) -> None:
        self.refuses, self.error = refuses, error
        self.statements: list[str] = []

    def cursor(self) -> Server:
        return self

    def execute(self, sql: str, *_: Any) -> Server:
        self.statements.append(sql)
        if self.refuses in sql:
            raise self.error
        return self

    def fetchone(self) -> None:
        return None

    def fetchall(self) -> list[Any]:
        return []

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAAS_SOURCE_URL", "mssql+pyodbc://me:s3cret@db.example/company?schema=saas")
    for module in (connection, errors):
        monkeypatch.setattr(module, "driver_errors", lambda: (FakeError,))


def source() -> Diagnosis:
    return next(each for each in examine(Platform.load()) if each.name == "source")


@pytest.mark.parametrize(
    ("reported", "problem", "remedy"),
    [
        ("Login failed for user 'me'. (18456)", "refuses the login", "correct user and password"),
        (
            "Login failed for user 'me'.  Reason: The password of the account has expired. (18487)",
            "wants a new password",
            "change it",
        ),
        (
            "Login failed for user 'me'.  Reason: The password of the account must be changed. (18488)",
            "wants a new password",
            "change it",
        ),
        (
            "Login failed for user 'me' because the account is currently locked out. The system"
            " administrator can unlock it. (18486)",
            "has locked the login",
            "have an administrator unlock it",
        ),
        (
            'Cannot open database "company" requested by the login. (4060)',
            "has no such database",
            "name another in SAAS_SOURCE_URL",
        ),
    ],
)
def test_a_refused_login_is_reported_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, reported: str, problem: str, remedy: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise FakeError("28000", f"[28000] {_BY}{reported}")

    monkeypatch.setattr(connection, "_open", refuse)
    found = source()
    assert not found.ok
    assert problem in found.detail
    assert remedy in found.remedy
    assert "s3cret" not in found.detail + found.remedy


@pytest.mark.parametrize(
    ("refuses", "reported"),
    [
        ("CREATE SCHEMA", "CREATE SCHEMA permission denied in database 'company'. (262)"),
        # The login has CREATE TABLE in the database, but no privilege in the schema.
        (
            "CREATE TABLE",
            'The specified schema name "saas" either does not exist or you do not have permission to'
            " use it. (2760)",
        ),
    ],
)
def test_a_login_that_may_not_create_tables_is_reported(
    monkeypatch: pytest.MonkeyPatch, refuses: str, reported: str
) -> None:
    server = Server(refuses, FakeError("42000", f"[42000] {_BY}{reported}"))
    monkeypatch.setattr(connection, "_open", lambda *_, **__: server)
    found = source()
    assert not found.ok
    assert "denies a privilege" in found.detail
    assert "deploy/mssql/writer.sql" in found.remedy
    assert "ROLLBACK" in server.statements[-1]


class _Alone(Server):
    """A server that supports bulk copy, but refuses the connection that a bulk copy opens."""

    def fetchone(self) -> Any:
        return ("ab",) if "@all" in self.statements[-1] else None

    def bulkcopy_arrow(self, *_: Any, **__: Any) -> None:
        raise RuntimeError(
            "Failed to connect to SQL Server: IO error: Connection refused (os error 111)"
        )


def test_a_bulk_copy_that_can_not_connect_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_open", lambda *_, **__: _Alone("no such word", FakeError()))
    found = source()
    assert found.ok
    assert "no bulk copy that connects" in found.detail


@pytest.mark.parametrize(
    ("version", "knows", "refused"),
    [
        ("12.0.6024.0", False, True),
        ("11.0.7001.0", False, True),
        # Babelfish reports this version, but has the functions.
        ("12.0.2000.8", True, False),
        ("13.0.1601.5", True, False),
        ("16.0.4003.1", False, False),
    ],
)
def test_a_server_that_is_too_old_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, version: str, knows: bool, refused: bool
) -> None:
    unknown = stub.FakeError("42000", "'DATEDIFF_BIG' is not a recognized built-in function. (195)")
    needed = ("10000005.0000000000000000e-001",) if knows else unknown
    stub.put(stub.Server({"ProductVersion": (version,), features.NEEDED: needed}), monkeypatch)
    found = source()
    assert found.ok != refused
    if refused:
        assert f"is version {version}, which lacks DATEDIFF_BIG" in found.detail
        assert "SQL Server 2016 (version 13) is the oldest" in found.detail + found.remedy
        with (
            pytest.raises(SourceError, match="is the oldest"),
            MssqlDatabase(stub.ADDRESS).snapshot(),
        ):
            pass


_TABLES = """
tables:
  people:
    key: [id]
    columns:
      id: {type: integer, declared: int, nullable: false}
      email: {type: text, declared: int}
  other:
    key: [id]
    columns:
      id: {type: integer, declared: int, nullable: false}
      email: {type: text, declared: int}
"""


class _Guarded(stub.Server):
    """Two tables, one of which has a masked column."""

    def execute(self, sql: str, *values: Any) -> stub.Server:
        super().execute(sql, *values)
        if sql.startswith("SELECT CONVERT(NVARCHAR(128), c.name), TYPE_NAME"):
            self._rows = [(name, "int", "int", 4, 10, 0, name != "id") for name in ("id", "email")]
        elif "i.is_unique = 1" in sql:
            self._rows = [(1, "id")]
        elif sql.startswith("SELECT OBJECT_ID"):
            self._rows = [(70 if "people" in sql else 80,)]
        return self


def test_a_masked_column_of_the_users_own_database_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAAS_SYNTHETIC", "false")
    server = _Guarded({**stub.DATABASE, "sys.masked_columns": [(70, "email")]})
    stub.put(server, monkeypatch)
    home = Platform.load().home
    home.create()
    home.tables.write_text(_TABLES)
    found = next(each for each in examine(Platform.load()) if each.name == "tables")
    assert not found.ok
    assert "people.email is masked for this login" in found.detail
    assert "GRANT UNMASK" in found.remedy
    assert "other" not in found.detail + found.remedy


def test_looking_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server("no such word", FakeError())
    monkeypatch.setattr(connection, "_open", lambda *_, **__: server)
    assert source().ok
    began = server.statements.index("BEGIN TRANSACTION")
    ended = next(n for n, sql in enumerate(server.statements) if "ROLLBACK" in sql)
    made = [n for n, sql in enumerate(server.statements) if sql.startswith("CREATE ")]
    assert made
    assert began < min(made) <= max(made) < ended
    assert not any("COMMIT" in sql for sql in server.statements)
