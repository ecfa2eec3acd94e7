"""The address of a SQL Server, read from its URL: the ODBC options, with safe defaults, and the schema.

Contains: how a `mssql+pyodbc://...` URL becomes a connection string. Out of scope: connecting.

No counterpart in SQLite: its URL is the path of a file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from saas_platform.source.interface import SourceError
from saas_platform.source.mssql.driver import check_driver, find_driver, is_microsofts

_FORM = "mssql+pyodbc://USER:PASSWORD@HOST:1433/DATABASE"
_OPTION = re.compile(r"\s*([^=;]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|[^;]*)\s*(?:;|$)")
#: Options of mssql-python, which carries its own driver and knows no data source names.
_FOR_MSSQL_PYTHON = frozenset(
    {
        "server", "database", "uid", "pwd", "authentication", "trusted_connection", "encrypt",
        "trustservercertificate", "hostnameincertificate", "servercertificate", "serverspn",
        "multisubnetfailover", "applicationintent", "ipaddresspreference", "packetsize",
        "connectretrycount", "connectretryinterval", "keepalive", "keepaliveinterval",
    }
)  # fmt: skip
#: Options of Microsoft's ODBC driver, which takes those of mssql-python as well.
_OPTIONS = _FOR_MSSQL_PYTHON | {
    "addr", "address", "ansinpw", "app", "attachdbfilename", "autotranslate", "clientcertificate",
    "clientkey", "columnencryption", "description", "driver", "dsn", "failover_partner",
    "failoverpartnerspn", "filedsn", "getdataextensions", "keystoreauthentication",
    "keystoreprincipalid", "keystoresecret", "language", "longasmax", "mars_connection", "net",
    "network", "querylog_on", "querylogfile", "querylogtime", "quotedid", "regional", "replication",
    "retryexec", "savefile", "statslog_on", "statslogfile", "transparentnetworkipresolution",
    "usefmtonly", "wsid",
}  # fmt: skip
#: Options that secure a connection. Every driver silently ignores one that is misspelt.
_SECURITY = (
    *("encrypt", "trustservercertificate", "hostnameincertificate", "servercertificate"),
    *("authentication", "trusted_connection"),
)
#: Options of other drivers (FreeTDS) that are spelt almost like one of those.
_OF_OTHERS = frozenset({"encryption"})
#: The similarity (0 to 1) from which an unknown option counts as a misspelt known one.
_NEAR = 0.7
#: Options of the platform itself in the query of the URL.
_OURS = ("schema", "row_security")
#: The value of `?schema=` that means all schemas.
EVERY_SCHEMA = "*"
#: The schema of the company's tables if the URL names none.
COMPANY_SCHEMA = "saas"


@dataclass(frozen=True)
class Address:
    """A database on a SQL Server. The keys of `options` are in lower case."""

    options: Mapping[str, str] = field(repr=False)
    #: The URL's `?schema=`: one name, several separated by commas, or `*` for all schemas.
    schema: str | None = None
    #: Whether the URL has `?row_security=visible`, which leaves out rows that a security policy hides.
    rows_as_seen: bool = False

    @classmethod
    def of(cls, url: sa.URL) -> Address:
        """Return the address that a URL names.

        The connection is encrypted and the certificate verified, unless the URL says otherwise.

        Raises:
            SourceError: the URL can't be used.
        """
        if url.drivername not in ("mssql", "mssql+pyodbc"):
            raise SourceError(f"SAAS_SOURCE_URL begins with {url.drivername}: write it as {_FORM}.")
        query = {name.lower(): _one(name, value) for name, value in url.query.items()}
        schema = query.pop("schema", None)
        seen = query.pop("row_security", None)
        if seen not in (None, "visible"):
            raise SourceError(
                f"SAAS_SOURCE_URL says row_security={seen}: write row_security=visible, or leave it out."
            )
        whole = query.pop("odbc_connect", None)
        given = _options(url) if whole is None else parse(whole)
        options = {"encrypt": "yes", **given, **query}
        _check_known([*given, *query], is_microsofts=_is_microsofts(options))
        if not options.get("database") and "dsn" not in options:
            raise SourceError(f"SAAS_SOURCE_URL names no database: write it as {_FORM}.")
        if options.get("mars_connection", "").lower() in ("yes", "true", "1"):
            # With several open results, a transaction ends with the batch that began it (3997).
            raise SourceError(
                "SAAS_SOURCE_URL sets MARS_Connection, which ends a transaction with its batch: leave it out."
            )
        return cls(options, schema, seen == "visible")

    @property
    def schemas(self) -> list[str]:
        """The schemas that the URL names; an empty list if it names none."""
        return [each.strip() for each in (self.schema or "").split(",") if each.strip()]

    @property
    def label(self) -> str:
        """The server and the database, for messages; it does not contain the login."""
        if "server" not in self.options:
            return f"SQL Server of the data source {self.options.get('dsn')}"
        return f"SQL Server {self.options['server']}, database {self.options.get('database')}"

    def for_pyodbc(self) -> str:
        """Return the connection string. Raises SourceError if the ODBC driver is not installed."""
        if "driver" in self.options:
            check_driver(self.options["driver"])
        driver = {} if {"driver", "dsn"} & {*self.options} else {"driver": find_driver()}
        return render({**driver, **self.options})

    def for_mssql_python(self) -> str | None:
        """Return the connection string for mssql-python.

        Returns:
            None if mssql-python does not support every option of the URL. It does not take a `driver`, for
            example, because it has its own.
        """
        # Without a packet size, its bulk copy (1.16) fails on servers that do not report one.
        options = {"packetsize": "8192", **self.options}
        return render(options) if _FOR_MSSQL_PYTHON.issuperset(options) else None


def _one(name: str, value: str | tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise SourceError(f"SAAS_SOURCE_URL says {name} more than once: leave one of them.")
    return value


def _is_microsofts(options: Mapping[str, str]) -> bool:
    """Return whether the options are for Microsoft's driver. A data source may use any driver."""
    driver = options.get("driver")
    return "dsn" not in options if driver is None else is_microsofts(driver)


def _check_known(names: Iterable[str], *, is_microsofts: bool) -> None:
    """Raise SourceError for an option that no driver knows.

    A driver silently ignores such an option, so that what it should secure would stay unsecured. Drivers
    other than Microsoft's may have further options of their own, so that for them only a misspelt option of
    `_SECURITY` or `_OURS` is refused.
    """
    known = (*_OPTIONS, *_OURS) if is_microsofts else (*_SECURITY, *_OURS)
    for name in names:
        if name in _OPTIONS or (name in _OF_OTHERS and not is_microsofts):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
        if near:
            raise SourceError(
                f"SAAS_SOURCE_URL has an option {name} that no driver knows: write {near[0]} if you meant that."
            )
        if is_microsofts:
            raise SourceError(
                f"SAAS_SOURCE_URL has an option {name} that Microsoft's driver does not know: leave it out."
            )


def _options(url: sa.URL) -> dict[str, str]:
    options = {
        "server": f"{url.host or ''},{url.port}" if url.port else url.host or "",
        "database": url.database or "",
    }
    if url.username:
        return {**options, "uid": url.username, "pwd": str(url.password or "")}
    # Without a user name, the login is that of the system (Kerberos), unless `?authentication=` is given.
    return options if "authentication" in _lower(url) else {**options, "trusted_connection": "yes"}


def _lower(url: sa.URL) -> set[str]:
    return {name.lower() for name in url.query}


def parse(text: str) -> dict[str, str]:
    """Return the options of an ODBC connection string, by lower-case name.

    >>> parse("DSN=sales;PWD={a;b}}c}; Encrypt = no")
    {'dsn': 'sales', 'pwd': 'a;b}c', 'encrypt': 'no'}
    """
    found = {}
    for name, value in _OPTION.findall(text):
        plain = value[1:-1].replace("}}", "}") if value.startswith("{") else value.strip()
        found[name.lower()] = plain
    return found


def render(options: Mapping[str, str]) -> str:
    """Return an ODBC connection string. Every value is in braces, so that no value can end the option.

    >>> parse(render({"pwd": "a;b}c={"}))
    {'pwd': 'a;b}c={'}
    """
    escaped = {name: value.replace("}", "}}") for name, value in options.items()}
    return ";".join(f"{name}={{{value}}}" for name, value in escaped.items())
