"""The remedies for errors of SQL Server and its drivers, found by their numbers, words and SQLSTATEs.

Contains: the table of remedies. Out of scope: how an error is read (errors.py).

No counterpart in SQLite: its remedies are few and are found by words alone (errors.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from saas_platform.source.mssql.driver import LIBRARIES


@dataclass(frozen=True)
class Signs:
    """How an error is recognised: any of these signs is enough.

    The server's number takes precedence over words, which are needed because mssql-python drops the number.
    """

    numbers: frozenset[int] = frozenset()
    #: Words of the message outside of quotes.
    words: tuple[str, ...] = ()
    #: The beginnings of SQLSTATEs.
    states: tuple[str, ...] = field(default=())


def _signs(*numbers: int, words: tuple[str, ...] = (), states: tuple[str, ...] = ()) -> Signs:
    return Signs(frozenset(numbers), words, states)


#: The server chose this connection as the victim of a deadlock.
DEADLOCK = _signs(1205, words=("deadlock victim", "was deadlocked"), states=("40001",))
#: The login may not read a table, or a column of it.
DENIED = _signs(229, 230, words=("permission was denied", "permission denied for"))
#: There is no such table.
MISSING = _signs(208, words=("Invalid object name", "does not exist"), states=("42S02",))

#: The signs of each error, and the words that follow the name of the server. The first match is used.
REMEDIES: tuple[tuple[Signs, str], ...] = (
    (
        _signs(4060, 916, words=("Cannot open database", 'database ""')),
        "has no such database, or the login may not open it: name another in SAAS_SOURCE_URL, or have"
        " an administrator run deploy/mssql/writer.sql (or reader.sql) in it",
    ),
    (
        _signs(18487, 18488, words=("The password of the account",)),
        "wants a new password for the login: change it, then correct SAAS_SOURCE_URL",
    ),
    (
        _signs(18486, words=("is currently locked out",)),
        "has locked the login: have an administrator unlock it, then run again",
    ),
    # This comes after the two before it, whose messages begin with these words too.
    (
        _signs(18456, words=("Login failed", "authentication failed"), states=("28",)),
        "refuses the login: correct user and password in SAAS_SOURCE_URL",
    ),
    (
        _signs(40615, 40914, words=("is not allowed to access the server",)),
        "does not let this machine in: have an administrator add its address to the server's firewall",
    ),
    (
        _signs(
            *(229, 230, 262, 297, 300, 2760, 15247),
            words=(
                "permission was denied",
                "permission denied",
                "have permission",
                "permission to",
            ),
        ),
        "denies a privilege: have an administrator run deploy/mssql/writer.sql (or reader.sql, if"
        " SAAS_SYNTHETIC is false) in the database",
    ),
    (
        _signs(
            words=("certificate verify failed", "certificate chain", "self-signed", "SSL Provider")
        ),
        "has a certificate that is not trusted here: install the authority that signed it, or, for a"
        " server of your own network alone, add TrustServerCertificate=yes to SAAS_SOURCE_URL",
    ),
    (
        _signs(words=("Can't open lib",)),
        f"can't be reached without the ODBC driver, which does not load: Debian `apt-get install {LIBRARIES}`,"
        " Red Hat `dnf install unixODBC krb5-libs libtool-ltdl`, macOS `brew install unixodbc`",
    ),
    (
        _signs(3952, words=("snapshot isolation is not allowed in this database",)),
        "no longer allows snapshot isolation: have an administrator run ALTER DATABASE ... SET"
        " ALLOW_SNAPSHOT_ISOLATION ON, then run again",
    ),
    (
        _signs(3961, words=("modified by a DDL statement",)),
        "had a table altered while it was read: wait for the change to end, then run again",
    ),
    (
        _signs(3958, 3966, 3967, words=("version store", "versioned row was not found")),
        "has no space in tempdb for the versions of rows that a consistent read needs: have tempdb enlarged,"
        " or run again when fewer programs write",
    ),
    (
        # The first is raised in a SNAPSHOT session, the second in a READ COMMITTED transaction.
        _signs(
            *(41332, 41368),
            words=(
                "Memory optimized tables and natively compiled modules cannot be accessed",
                "memory optimized tables using the READ COMMITTED isolation level",
            ),
        ),
        "does not let a transaction that sees one consistent state read a memory-optimised table: take it"
        " out of tables.yaml, and name it under `skip:` there",
    ),
    (
        DEADLOCK,
        "chose this reader as the victim of a deadlock with a program that writes: run again, or have an"
        " administrator run ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON, under which readers and"
        " writers do not wait for each other",
    ),
    (
        _signs(1222, words=("lock timeout", "Lock request time out")),
        "is locked by another program: close it, then run again",
    ),
    (
        _signs(
            *(1105, 9002, 40544),
            words=(
                "Could not allocate space for object",
                "The transaction log for database",
                "has reached its size quota",
                "No space left",
            ),
        ),
        "can't grow beyond its full disk, log or size quota: free some space or have the quota raised, then"
        " run again",
    ),
    (
        _signs(10928, 10929, words=("and has been reached", "too busy to support requests")),
        "has reached the limit of its sessions or requests: close other programs or choose a larger size of"
        " database, then run again",
    ),
    (
        _signs(
            words=("Login timeout", "network-related", "TCP Provider: Error"),
            states=("08001", "HYT00", "HYT01"),
        ),
        "does not answer: check host and port in SAAS_SOURCE_URL, and that the server is up and"
        " accepts TCP connections",
    ),
    (
        _signs(
            *(596, 10053, 10054),
            words=(
                "Communication link failure",
                "connection is closed",
                "connection is broken",
                "in the kill state",
            ),
            states=("08S01", "08003", "08007", "IMC0"),
        ),
        "broke the connection: check that it is up, then run again",
    ),
)

#: The message of mssql-python's bulk copy when its own connection does not open.
UNREACHED = "Failed to connect to SQL Server"
#: Errors after which the same work succeeds if it is run again: a deadlock, an update conflict under snapshot
#: isolation, a broken connection, and what Azure reports while it moves a database.
TRANSIENT = _signs(
    *(596, 1205, 3960, 10053, 10054, 10060),
    *(40197, 40501, 40613, 49918, 49919, 49920),
    words=(
        *("deadlock", "due to update conflict", "Communication link failure"),
        *("connection is broken", "in the kill state", "is not currently available"),
        "service is currently busy",
        "service has encountered an error processing your request",
        *("Not enough resources to process request", "Too many operations in progress"),
        *("Too many create operations in progress", "Too many update operations in progress"),
        "Too many create or update operations in progress",
        *(UNREACHED, "Connection closed", "connection has been closed"),
        *(f"os error {number})" for number in (32, 104, 110, 10053, 10054, 10060)),
    ),
    states=("40001", "08S01", "08007", "IMC0"),
)

#: The words by which mssql-python replaces an SQLSTATE; they are English in every language of the server.
STATES = {
    "Client unable to establish connection": "08001",
    "Connection not open": "08003",
    "Connection failure during transaction": "08007",
    "Communication link failure": "08S01",
    "Invalid authorization specification": "28000",
    "Serialization failure": "40001",
    "Base table or view not found": "42S02",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
}
