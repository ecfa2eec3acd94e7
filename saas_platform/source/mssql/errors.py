"""The errors of the drivers, in words; and which of them pass by themselves."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

from saas_platform.source.interface import SourceError
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.driver import LIBRARIES

#: Signs of an error and what to say; the first that fits. Each has words beside the server's number, as
#: mssql-python drops the number.
_REMEDIES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("(4060)", "(916)", "Cannot open database", 'database "'),
        "has no such database, or the login may not open it: name another in SAAS_SOURCE_URL, or have"
        " an administrator run deploy/mssql/writer.sql (or reader.sql) in it",
    ),
    (
        ("(18487)", "(18488)", "The password of the account"),
        "wants a new password for the login: change it, then correct SAAS_SOURCE_URL",
    ),
    (
        ("(18486)", "is currently locked out"),
        "has locked the login: have an administrator unlock it, then run again",
    ),
    # After those, which begin with these words too.
    (
        ("(18456)", "Login failed", "authentication failed"),
        "refuses the login: correct user and password in SAAS_SOURCE_URL",
    ),
    (
        ("(40615)", "(40914)", "is not allowed to access the server"),
        "does not let this machine in: have an administrator add its address to the server's firewall",
    ),
    (
        ("(229)", "(230)", "(262)", "(297)", "(300)", "(2760)", "(15247)", "permission"),
        "denies a privilege: have an administrator run deploy/mssql/writer.sql (or reader.sql, where"
        " SAAS_SYNTHETIC is false) in it",
    ),
    (
        ("certificate verify failed", "certificate", "self-signed", "SSL Provider"),
        "has a certificate that is not trusted here: install the authority that signed it, or, for a"
        " server of your own network alone, add TrustServerCertificate=yes to SAAS_SOURCE_URL",
    ),
    (
        ("Can't open lib",),
        f"can't be reached, as the ODBC driver does not load: Debian `apt-get install {LIBRARIES}`,"
        " Red Hat `dnf install unixODBC krb5-libs libtool-ltdl`, macOS `brew install unixodbc`",
    ),
    (
        ("(3952)", "snapshot isolation is not allowed in this database"),
        "does not allow snapshot isolation any more: have an administrator run ALTER DATABASE ... SET"
        " ALLOW_SNAPSHOT_ISOLATION ON, then run again",
    ),
    (
        ("(3961)", "modified by a DDL statement"),
        "had a table altered while it was read: let that end, then run again",
    ),
    (
        ("(3958)", "(3966)", "(3967)", "version store", "versioned row was not found"),
        "could not keep the versions of rows that a read of one moment needs, its tempdb is full: have it"
        " enlarged, or run again when fewer programs write",
    ),
    (
        ("(1222)", "lock timeout", "Lock request time out"),
        "is locked by another program: close it, then run again",
    ),
    (
        (
            "(1105)",
            "Could not allocate space for object",
            "(9002)",
            "The transaction log for database",
            "(40544)",
            "has reached its size quota",
            "No space left",
        ),
        "can't grow, its disk, log or size quota is full: free some space or have the quota raised, then"
        " run again",
    ),
    (
        ("(10928)", "and has been reached", "(10929)", "too busy to support requests"),
        "has reached the limit of its sessions or requests: close other programs or choose a larger size of"
        " database, then run again",
    ),
    (
        ("08001", "HYT00", "Login timeout", "network-related", "TCP Provider: Error"),
        "does not answer: check host and port in SAAS_SOURCE_URL, and that the server is up and takes"
        " TCP connections",
    ),
    (
        (
            "08S01",
            "08003",
            "10054",
            "Communication link failure",
            "connection is closed",
            "IMC0",
            "connection is broken",
            "(596)",
            "in the kill state",
        ),
        "broke the connection: see that it is up, then run again",
    ),
)
#: That a login may not read a table, or a column of it; the numbers are missing in mssql-python's words.
_DENIED = ("(229)", "(230)", "permission was denied", "permission denied for")
_RIGHT = re.compile(r"The ([A-Z ]+) permission was denied")
#: That there is no such table.
_MISSING = ("(208)", "Invalid object name", "does not exist")
#: What mssql-python's bulk copy says where the connection of its own does not open.
UNREACHED = "Failed to connect to SQL Server"
#: Deadlock, update conflict under snapshot isolation, a broken connection, and what Azure says when it
#: moves a database: done again, it works.
_TRANSIENT = re.compile(
    r"\((596|1205|3960|10053|10054|10060|40197|40501|40613|49918|49919|49920)\)"
    r"|40001|08S01|IMC0|deadlock|due to update conflict|Communication link failure|connection is broken"
    r"|in the kill state|is not currently available|service is currently busy"
    r"|service has encountered an error processing your request"
    r"|Not enough resources to process request|Too many (create or update )?operations in progress"
    rf"|{UNREACHED}|Connection closed|connection has been closed|os error (32|104|110|10053|10054|10060)\)",
    re.IGNORECASE,
)
_NOISE = re.compile(r"^(Driver Error: [^;]*; DDBC Error: )?(\[[^\]]*\]\s*)*")


def driver_errors() -> tuple[type[Exception], ...]:
    """The root errors of the drivers that are loaded."""
    pyodbc, ours = sys.modules.get("pyodbc"), sys.modules.get("mssql_python")
    roots: list[Any] = [] if pyodbc is None else [pyodbc.Error]
    if ours is not None:
        roots += [ours.Error, ours.exceptions.Exception]
    return tuple(roots)


def text_of(error: Exception) -> str:
    """What the driver says, in one line, without the names of who passed it on."""
    said = [str(part) for part in error.args] or [str(error)]
    return " ".join(" ".join(said).split())


def plain(error: Exception) -> str:
    """What the server says itself."""
    text = str(error.args[-1]) if error.args else str(error)
    return _NOISE.sub("", " ".join(text.split())).split(" (SQL")[0]


def is_transient(error: BaseException) -> bool:
    """Whether the same, done again, may well succeed."""
    cause = error.__cause__ if isinstance(error, SourceError) else error
    # mssql-python's bulk copy raises none of the driver's errors.
    kinds: tuple[type[Exception], ...] = (*driver_errors(), RuntimeError)
    return isinstance(cause, kinds) and bool(_TRANSIENT.search(text_of(cause)))


def is_missing(error: Exception) -> bool:
    """Whether the server says that there is no such table."""
    return _has(text_of(error), _MISSING)


def in_words(
    address: Address, error: Exception, table: str | None = None, full_name: str | None = None
) -> SourceError:
    """The sentence for an error of a driver.

    `table`: what could not be read, whose name in the source is `full_name`.
    """
    text = text_of(error)
    if table is None:
        return SourceError(f"{_answer(address, error, text)}.")
    if _has(text, _DENIED):
        named = _RIGHT.search(text)
        right = named[1] if named else "SELECT"
        return SourceError(
            f"{table} can't be read, as {address.label} denies {right} on it: have an administrator GRANT"
            f" {right} ON {full_name} to the login (deploy/mssql/reader.sql does it for a schema)."
        )
    return SourceError(f"{table} can't be read, as {_answer(address, error, text)}.")


def _answer(address: Address, error: Exception, text: str) -> str:
    for signs, remedy in _REMEDIES:
        if _has(text, signs):
            return f"{address.label} {remedy}"
    return f"{address.label} answered: {plain(error)}"


def _has(text: str, signs: Iterable[str]) -> bool:
    return any(sign in text for sign in signs)
