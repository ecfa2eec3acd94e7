"""The messages for errors of the drivers, and which are tried again. The texts are those of real drivers."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import bulk_load, connection, errors
from saas_platform.source.mssql.address import Address

ADDRESS = Address.of(sa.make_url("mssql+pyodbc://me:s3cret@db.example/company"))
_BY = "[Microsoft][ODBC Driver 18 for SQL Server]"
BROKEN = (
    "The connection is broken and recovery is not possible. The client driver attempted to recover the"
    " connection one or more times and all attempts failed. Increase the value of ConnectRetryCount to"
    " increase the number of recovery attempts."
)
KILLED = "Cannot continue the execution because the session is in the kill state."


class FakeError(Exception):
    pass


@pytest.fixture(autouse=True)
def _fake_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (errors, connection, bulk_load):
        monkeypatch.setattr(module, "driver_errors", lambda: (FakeError,))
    monkeypatch.setattr(connection.tenacity.nap.time, "sleep", lambda _: None)


@pytest.mark.parametrize(
    ("state", "reported", "sentence"),
    [
        (
            "28000",
            f"[28000] {_BY}[SQL Server]Login failed for user 'me'. (18456) (SQLDriverConnect)",
            "refuses the login: correct user and password",
        ),
        (
            "42000",
            f'[42000] {_BY}[SQL Server]Cannot open database "company" requested by the login. The login'
            f" failed. (4060) (SQLDriverConnect); [28000] {_BY}[SQL Server]Login failed for user 'me'."
            " (18456)",
            "has no such database, or the login may not open it: name another",
        ),
        (
            "42000",
            f"[42000] {_BY}[SQL Server]The SELECT permission was denied on the object 'users', database"
            " 'company', schema 'saas'. (229) (SQLExecDirectW)",
            "denies a privilege: have an administrator run deploy/mssql/writer.sql",
        ),
        (
            "08001",
            f"[08001] {_BY}SSL Provider: [error:0A000086:SSL routines::certificate verify failed:"
            "self-signed certificate] (-1) (SQLDriverConnect)",
            "has a certificate that is not trusted here: install the authority",
        ),
        (
            "HYT00",
            f"[HYT00] {_BY}Login timeout expired (0) (SQLDriverConnect)",
            "does not answer: check host and port",
        ),
        (
            "01000",
            "[01000] [unixODBC][Driver Manager]Can't open lib 'libmsodbcsql-18.6.so' : file not found",
            "can't be reached without the ODBC driver, which does not load: Debian `apt-get install",
        ),
        (
            "42000",
            f"[42000] {_BY}[SQL Server]Snapshot isolation transaction failed in database 'company' because"
            " the object accessed by the statement has been modified by a DDL statement in another"
            " concurrent transaction since the start of this transaction. (3961) (SQLExecDirectW)",
            "had a table altered while it was read: wait for the change to end",
        ),
        (
            "42000",
            f"[42000] {_BY}[SQL Server]Transaction is rolled back when accessing version store. It was"
            " earlier marked as victim when the version store was shrunk due to insufficient space in"
            " tempdb. (3966) (SQLFetch)",
            "has no space in tempdb for the versions of rows that a consistent read needs",
        ),
        (
            "42000",
            f"[42000] {_BY}[SQL Server]Lock request time out period exceeded. (1222)",
            "is locked by another program: close it",
        ),
        (
            "42000",
            f"[42000] {_BY}[SQL Server]Cannot open server 'db' requested by the login. Client with IP address"
            " '203.0.113.7' is not allowed to access the server. (40615)",
            "does not let this machine in: have an administrator add its address",
        ),
        (
            "42000",
            f'[42000] {_BY}[SQL Server]The server principal "me" is not able to access the database'
            ' "company" under the current security context. (916)',
            "has no such database, or the login may not open it: name another",
        ),
        (
            "42000",
            f"[42000] {_BY}[SQL Server]The database has reached its size quota. Partition or delete data, drop"
            " indexes, or consult the documentation for possible resolutions. (40544)",
            "can't grow beyond its full disk, log or size quota: free some space",
        ),
        (
            "42000",
            f"[42000] {_BY}[SQL Server]Resource ID : 1. The request limit for the database is 60 and has"
            " been reached. See 'https://docs.microsoft.com/azure/azure-sql/database/resource-limits-logical"
            "-server' for assistance. (10928)",
            "has reached the limit of its sessions or requests: close other programs",
        ),
        (
            "42S02",
            f"[42S02] {_BY}[SQL Server]Invalid object name 'gone'. (208) (SQLExecDirectW)",
            "answered: Invalid object name 'gone'. (208).",
        ),
        (
            "IMC06",
            f"[IMC06] {_BY}{BROKEN} (0) (SQLExecDirectW)",
            "broke the connection: check that it is up",
        ),
        (
            "HY000",
            f"[HY000] {_BY}[SQL Server]{KILLED} (596) (SQLExecDirectW)",
            "broke the connection: check that it is up",
        ),
    ],
)
def test_each_error_is_one_sentence_with_a_remedy(state: str, reported: str, sentence: str) -> None:
    message = str(errors.to_user_error(ADDRESS, FakeError(state, reported)))
    assert message.startswith(f"SQL Server db.example, database company {sentence}")
    assert "s3cret" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("reported", "sentence"),
    [
        (
            "Cannot open server 'db' requested by the login. Client with IP address '203.0.113.7' is not"
            " allowed to access the server. To enable access, use the Azure Management Portal.",
            "does not let this machine in",
        ),
        (
            "Login failed for user 'me'.  Reason: The password of the account has expired.",
            "wants a new password for the login",
        ),
        (
            "Login failed for user 'me'.  Reason: The password of the account must be changed.",
            "wants a new password for the login",
        ),
        (
            "Login failed for user 'me' because the account is currently locked out. The system"
            " administrator can unlock it.",
            "has locked the login",
        ),
        (
            "Cannot open server 'db' requested by the login. Client is not allowed to access the server.",
            "does not let this machine in",
        ),
        (
            "Snapshot isolation transaction failed accessing database 'company' because snapshot isolation"
            " is not allowed in this database. Use ALTER DATABASE to allow snapshot isolation.",
            "no longer allows snapshot isolation",
        ),
        (
            "Transaction aborted when accessing versioned row in table 'saas.plans' in database 'company'."
            " Requested versioned row was not found. Your tempdb is probably out of space.",
            "has no space in tempdb for the versions of rows",
        ),
        (
            "The transaction log for database 'company' is full due to 'LOG_BACKUP'.",
            "can't grow beyond its full disk, log or size quota",
        ),
        (
            "Could not allocate space for object 'saas.plans'.'pk_plans' in database 'company' because the"
            " 'PRIMARY' filegroup is full. Create disk space by deleting unneeded files.",
            "can't grow beyond its full disk, log or size quota",
        ),
        (
            "The database has reached its size quota. Partition or delete data, drop indexes, or consult the"
            " documentation for possible resolutions.",
            "can't grow beyond its full disk, log or size quota",
        ),
        (
            "Resource ID : 1. The request limit for the database is 60 and has been reached.",
            "has reached the limit of its sessions or requests",
        ),
        (
            "Resource ID: 1. The request minimum guarantee is 0, maximum limit is 60 and the current usage"
            " for the database is 60. However, the server is currently too busy to support requests"
            " greater than 0 for this database.",
            "has reached the limit of its sessions or requests",
        ),
    ],
)
def test_an_error_without_its_number_is_known_by_its_words(reported: str, sentence: str) -> None:
    text = (
        f"Driver Error: Base table or view not found; DDBC Error: [Microsoft][SQL Server]{reported}"
    )
    message = str(errors.to_user_error(ADDRESS, FakeError(text)))
    assert message.startswith(f"SQL Server db.example, database company {sentence}")


DEADLOCK = f"[40001] {_BY}[SQL Server]Transaction (Process ID 53) was deadlocked (1205)"


@pytest.mark.parametrize(
    "reported",
    [
        DEADLOCK,
        "[08S01] Communication link failure (0)",
        f"[IMC06] {_BY}{BROKEN} (0)",
        f"[HY000] {_BY}[SQL Server]{KILLED} (596)",
        # Messages of mssql-python have no numbers.
        *(
            f"Driver Error: Syntax error or access violation; DDBC Error: [Microsoft][SQL Server]{words}"
            for words in (
                "Database 'company' on server 'db' is not currently available. Please retry the connection"
                " later. If the problem persists, contact customer support.",
                "The service is currently busy. Retry the request after 10 seconds. Incident ID: 1.",
                "The service has encountered an error processing your request. Please try again. Error"
                " code 4221.",
                "Cannot process request. Not enough resources to process request. Please retry you request"
                " later.",
                "Cannot process create or update request. Too many create or update operations in progress"
                ' for subscription "1". Query sys.dm_operation_status for pending operations.',
                'Cannot process request. Too many operations in progress for subscription "1".',
                "Snapshot isolation transaction aborted due to update conflict. You cannot use snapshot"
                " isolation to access table 'saas.plans' directly or indirectly in database 'company'.",
                "Transaction (Process ID 53) was deadlocked on lock resources with another process and has"
                " been chosen as the deadlock victim. Rerun the transaction.",
                KILLED,
            )
        ),
    ],
)
def test_a_transient_error_is_tried_again(reported: str) -> None:
    tries = []

    def work() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise errors.to_user_error(ADDRESS, FakeError("", reported)) from FakeError(
                "", reported
            )
        return "done"

    assert connection.retried(work) == "done"
    assert len(tries) == 3


@pytest.mark.parametrize(
    "reported",
    [
        "Failed to connect to SQL Server: IO error: Connection reset by peer (os error 104)",
        "Bulk copy failed: IO error: Broken pipe (os error 32)",
        "Bulk copy failed: Connection closed by server while reading TDS packet header",
    ],
)
def test_a_bulk_copy_that_was_cut_off_is_tried_again(reported: str) -> None:
    class Bulk:
        def bulkcopy_arrow(self, *_: Any, **__: Any) -> None:
            raise RuntimeError(reported)

    bulk: Any = Bulk()
    with pytest.raises(SourceError, match=r"The bulk load into .* failed") as raised:
        bulk_load._by_bulk_copy(ADDRESS, bulk, "[saas].[t]", pa.table({"a": [1]}))
    assert errors.is_transient(raised.value)


def test_a_bulk_copy_that_does_not_fit_is_not_tried_again() -> None:
    message = SourceError("The bulk load failed")
    message.__cause__ = RuntimeError("Bulk copy failed: column a is too long")
    assert not errors.is_transient(message)


@pytest.mark.parametrize(
    ("reported", "way"),
    [
        ("Failed to connect to SQL Server: IO error: Connection refused (os error 111)", "arrays"),
        ("Invalid object name '#none'.", "bulk copy"),
    ],
)
def test_rows_go_as_arrays_where_the_bulk_copy_can_not_connect(
    monkeypatch: pytest.MonkeyPatch, reported: str, way: str
) -> None:
    went: list[str] = []

    class Bulk:
        def bulkcopy_arrow(self, target: str, rows: pa.Table, **_: Any) -> dict[str, int]:
            if target == "#none" or "connect" in reported:
                raise RuntimeError(reported)
            went.append("bulk copy")
            return {"rows_copied": rows.num_rows}

    monkeypatch.setattr(bulk_load, "mssql_python", lambda: "installed")
    monkeypatch.setattr(bulk_load, "takes_bulk_copy", lambda _: True)
    monkeypatch.setattr(bulk_load, "connect", lambda *_, **__: nullcontext(Bulk()))
    monkeypatch.setattr(bulk_load, "_by_arrays", lambda *_: went.append("arrays"))
    cursor: Any = None
    bulk_load._load(ADDRESS, cursor, "saas", {"plans": pa.table({"a": [1]})})
    assert went == [way]


def test_a_persistent_deadlock_is_reported() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise FakeError("40001", DEADLOCK)

    with pytest.raises(FakeError):
        connection.retried(work)
    assert len(tries) == 4


@pytest.mark.parametrize(
    "error",
    [FakeError("28000", "Login failed for user 'me'. (18456)"), SourceError("Month 2024-03 ...")],
)
def test_a_persistent_error_is_not_tried_again(error: Exception) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise error

    with pytest.raises(type(error)):
        connection.retried(work)
    assert tries == [1]


class _Cut:
    """A cursor whose connection breaks during a load, after which every statement fails."""

    def __init__(self) -> None:
        self.first = FakeError("IMC06", f"[IMC06] {_BY}{BROKEN} (0)")
        self.cut = False

    def execute(self, _: str) -> None:
        if self.cut:
            raise FakeError("HY010", "[HY010] Function sequence error (0)")


def test_a_broken_connection_is_reported_although_the_drop_fails_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cursor: Any = _Cut()

    def load(*_: object) -> None:
        cursor.cut = True
        raise cursor.first

    monkeypatch.setattr(bulk_load, "_load", load)
    rows = {"plans": pa.table({"plan_id": [1]})}
    with pytest.raises(FakeError) as raised, bulk_load.staged(ADDRESS, cursor, "saas", rows):
        pass
    assert raised.value is cursor.first
    assert errors.is_transient(raised.value)


@pytest.mark.parametrize(
    ("right", "reported"),
    [
        ("SELECT", "The SELECT permission was denied on the object 'plans', database 'company'."),
        (
            "SELECT",
            "The SELECT permission was denied on the column 'name' of the object 'plans'. (230)",
        ),
        ("SELECT", "permission denied for table plans"),
        (
            "VIEW CHANGE TRACKING",
            "The VIEW CHANGE TRACKING permission was denied on the object 'plans'. (229)",
        ),
    ],
)
def test_an_error_names_its_table_and_the_right_that_is_missing(right: str, reported: str) -> None:
    error = FakeError("42000", f"[42000] {_BY}[SQL Server]{reported}")
    message = str(errors.to_user_error(ADDRESS, error, "plans", "[saas].[plans]"))
    assert message.startswith(
        "plans can't be read, because SQL Server db.example, database company denies"
    )
    assert f"GRANT {right} ON [saas].[plans] to the login" in message


def test_any_other_error_names_its_table_too() -> None:
    error = FakeError("42000", "[SQL Server]Lock request time out period exceeded. (1222)")
    message = str(errors.to_user_error(ADDRESS, error, "plans", "[saas].[plans]"))
    assert message.startswith("plans can't be read, because SQL Server db.example")
    assert message.endswith("is locked by another program: close it, then run again.")


def test_values_of_a_row_are_in_no_message() -> None:
    reported = errors.plain(
        FakeError(
            "23000",
            f"[23000] {_BY}[SQL Server]Violation of UNIQUE KEY constraint 'uq_users_email'. Cannot insert"
            " duplicate key in object 'saas.users'. The duplicate key value is (a@b). (2627)",
        )
    )
    assert reported.startswith("Violation of UNIQUE KEY constraint 'uq_users_email'.")
