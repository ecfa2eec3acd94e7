"""How an error is recognised: by its number, then by its words outside of quotes, then by its SQLSTATE."""

from __future__ import annotations

import pytest

from saas_platform.source.mssql import connection, errors
from saas_platform_tests.mssql.stub import ADDRESS, FakeError

_BY = "[Microsoft][ODBC Driver 18 for SQL Server]"
_SAID = f"[42000] {_BY}[SQL Server]"


@pytest.fixture(autouse=True)
def _fake_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (errors, connection):
        monkeypatch.setattr(module, "driver_errors", lambda: (FakeError,))


@pytest.mark.parametrize(
    "error",
    [
        FakeError(
            "42S02", f"[42S02] {_BY}[SQL Server]Invalid object name 'dbo.certificates'. (208)"
        ),
        FakeError("42S22", f"[42S22] {_BY}[SQL Server]Invalid column name 'permission'. (207)"),
        FakeError("42000", f"{_SAID}Invalid column name 'it's permission denied'. (207)"),
        FakeError(
            "22018", f"{_SAID}Conversion failed when converting the value '10054' to int. (245)"
        ),
        FakeError("42000", f"{_SAID}The size of varchar(300) and (229) do not fit '(596)'. (8152)"),
        FakeError("42000", f"{_SAID}Odd \"SSL Provider\" of '08S01' or Login timeout. (208)"),
        # Messages of mssql-python have no numbers.
        FakeError(
            "Driver Error: Column not found; DDBC Error: [SQL Server]No column 'certificate chain'."
        ),
    ],
)
def test_names_and_values_in_a_message_give_no_advice(error: FakeError) -> None:
    message = str(errors.to_user_error(ADDRESS, error, "t", "[dbo].[t]"))
    assert message.startswith(
        "t can't be read, because SQL Server db.example, database company answered: "
    )
    assert not errors.is_transient(error)


def test_the_servers_own_number_decides_before_all_words() -> None:
    error = FakeError("42000", f"{_SAID}Login failed, lock timeout and deadlock. (1222) (SQLFetch)")
    assert "is locked by another program" in str(errors.to_user_error(ADDRESS, error))
    assert not errors.is_transient(error)
    assert not errors.is_missing(FakeError("42000", f"{_SAID}It does not exist. (229)"))
    assert errors.is_missing(FakeError("42S02", "[42S02] Ung\u00fcltiger Objektname 'x'. (208)"))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Communication link failure", "broke the connection"),
        ("Connection failure during transaction", "broke the connection"),
        ("Client unable to establish connection", "does not answer: check host and port"),
        ("Invalid authorization specification", "refuses the login"),
        ("Timeout expired", "does not answer"),
    ],
)
def test_mssql_pythons_words_for_a_state_are_english_whatever_the_server_speaks(
    state: str, expected: str
) -> None:
    error = FakeError(
        f"Driver Error: {state}; DDBC Error: [Microsoft][SQL Server]Etwas ging schief."
    )
    assert expected in str(errors.to_user_error(ADDRESS, error))


def test_a_missing_table_and_a_deadlock_are_known_in_any_language() -> None:
    gone = FakeError(
        "Driver Error: Base table or view not found; DDBC Error: [SQL Server]Ung\u00fcltig."
    )
    assert errors.is_missing(gone)
    victim = FakeError("Driver Error: Serialization failure; DDBC Error: [SQL Server]Opfer.")
    assert errors.is_transient(victim)
    assert errors.is_deadlock(victim)
    assert "victim of a deadlock" in str(errors.to_user_error(ADDRESS, victim))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (
            41332,
            "Memory optimized tables and natively compiled modules cannot be accessed or created when the"
            " session TRANSACTION ISOLATION LEVEL is set to SNAPSHOT.",
        ),
        (
            41368,
            "Accessing memory optimized tables using the READ COMMITTED isolation level is supported only"
            " for autocommit transactions.",
        ),
    ],
)
def test_a_memory_optimised_table_is_a_sentence(number: int, words: str) -> None:
    for error in (
        FakeError("42000", f"{_SAID}Auf Deutsch. ({number})"),
        FakeError(
            f"Driver Error: Syntax error or access violation; DDBC Error: [SQL Server]{words}"
        ),
    ):
        message = str(errors.to_user_error(ADDRESS, error, "hot", "[dbo].[hot]"))
        assert message.startswith(
            "hot can't be read, because SQL Server db.example, database company does not let a transaction"
        )
        assert "name it under `skip:`" in message


class _Session:
    """A connection and its cursor, to a server that may not know SET LANGUAGE."""

    def __init__(self, refuses: bool) -> None:
        self.refuses, self.statements = refuses, list[str]()

    def cursor(self) -> _Session:
        return self

    def execute(self, sql: str) -> None:
        self.statements.append(sql)
        if self.refuses and "LANGUAGE" in sql:
            raise FakeError("0A000", "SET LANGUAGE is not supported")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("refuses", [False, True])
def test_each_session_uses_english_messages_if_the_server_can(
    monkeypatch: pytest.MonkeyPatch, refuses: bool
) -> None:
    session = _Session(refuses)
    monkeypatch.setattr(connection, "_open", lambda *_, **__: session)
    with connection.connect(ADDRESS) as cursor:
        cursor.execute("SELECT 1")
    assert session.statements[-2:] == ["SET LANGUAGE us_english", "SELECT 1"]
