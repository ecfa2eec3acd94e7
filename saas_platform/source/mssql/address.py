"""Where a SQL Server is, from its URL: the ODBC options, with safe defaults, and the schema.

Holds the way from `mssql+pyodbc://...` to a connection string. Does not hold: connecting.
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
#: What mssql-python takes: it brings its driver, and knows no data source names.
_FOR_MSSQL_PYTHON = frozenset(
    {
        "server", "database", "uid", "pwd", "authentication", "trusted_connection", "encrypt",
        "trustservercertificate", "hostnameincertificate", "servercertificate", "serverspn",
        "multisubnetfailover", "applicationintent", "ipaddresspreference", "packetsize",
        "connectretrycount", "connectretryinterval", "keepalive", "keepaliveinterval",
    }
)  # fmt: skip
#: What Microsoft's ODBC driver takes besides.
_OPTIONS = _FOR_MSSQL_PYTHON | {
    "addr", "address", "ansinpw", "app", "attachdbfilename", "autotranslate", "clientcertificate",
    "clientkey", "columnencryption", "description", "driver", "dsn", "failover_partner",
    "failoverpartnerspn", "filedsn", "getdataextensions", "keystoreauthentication",
    "keystoreprincipalid", "keystoresecret", "language", "longasmax", "mars_connection", "net",
    "network", "querylog_on", "querylogfile", "querylogtime", "quotedid", "regional", "replication",
    "retryexec", "savefile", "statslog_on", "statslogfile", "transparentnetworkipresolution",
    "usefmtonly", "wsid",
}  # fmt: skip
#: What secures a connection: misspelt it would be passed over, by any driver.
_SECURITY = (
    *("encrypt", "trustservercertificate", "hostnameincertificate", "servercertificate"),
    *("authentication", "trusted_connection"),
)
#: Of other drivers (FreeTDS), though it is near to one of those.
_OF_OTHERS = frozenset({"encryption"})
#: A misspelt option is at least so near to the right one.
_NEAR = 0.7
#: What is ours in the query of the URL.
_OURS = ("schema", "row_security")
#: All schemas.
EVERY_SCHEMA = "*"
#: Schema of the company's tables, where the URL names none.
COMPANY_SCHEMA = "saas"


@dataclass(frozen=True)
class Address:
    """A database on a SQL Server; keys of `options` are lower case."""

    options: Mapping[str, str] = field(repr=False)
    #: The URL's `?schema=`: a name, several with commas between, or all of them (`*`).
    schema: str | None = None
    #: The URL's `?row_security=visible`: rows that a security policy hides from the login are left out.
    rows_as_seen: bool = False

    @classmethod
    def of(cls, url: sa.URL) -> Address:
        """Encrypted, with the certificate verified, unless the URL says otherwise.

        Raises SourceError for a URL that can't be used.
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
            # Several results at a time: a transaction then ends with the batch that began it (3997).
            raise SourceError(
                "SAAS_SOURCE_URL says MARS_Connection, under which no transaction lasts: leave it out."
            )
        return cls(options, schema, seen == "visible")

    @property
    def schemas(self) -> list[str]:
        """The schemas that the URL names; empty where it names none."""
        return [each.strip() for each in (self.schema or "").split(",") if each.strip()]

    @property
    def label(self) -> str:
        """For messages: server and database, and no login."""
        if "server" not in self.options:
            return f"SQL Server of the data source {self.options.get('dsn')}"
        return f"SQL Server {self.options['server']}, database {self.options.get('database')}"

    def for_pyodbc(self) -> str:
        """The connection string. Raises SourceError where Microsoft's driver is missing."""
        if "driver" in self.options:
            check_driver(self.options["driver"])
        driver = {} if {"driver", "dsn"} & {*self.options} else {"driver": find_driver()}
        return render({**driver, **self.options})

    def for_mssql_python(self) -> str | None:
        """The connection string; None where mssql-python can't be given all that the URL says, such as a
        driver: it has its own.
        """
        # Its bulk copy (1.16) fails where a server is not asked for a size, and tells none.
        options = {"packetsize": "8192", **self.options}
        return render(options) if _FOR_MSSQL_PYTHON.issuperset(options) else None


def _one(name: str, value: str | tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise SourceError(f"SAAS_SOURCE_URL says {name} more than once: leave one of them.")
    return value


def _is_microsofts(options: Mapping[str, str]) -> bool:
    """Whether the options are for Microsoft's driver; those of a data source may be for any."""
    driver = options.get("driver")
    return "dsn" not in options if driver is None else is_microsofts(driver)


def _check_known(names: Iterable[str], *, is_microsofts: bool) -> None:
    """Raises SourceError for an option that nobody knows: a driver passes over it without a word, so that
    what it was to secure is not. Another driver than Microsoft's has options of its own.
    """
    known = (*_OPTIONS, *_OURS) if is_microsofts else (*_SECURITY, *_OURS)
    for name in names:
        if name in _OPTIONS or (name in _OF_OTHERS and not is_microsofts):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
        if near:
            raise SourceError(
                f"SAAS_SOURCE_URL has an option {name} that no driver knows: {near[0]} is the nearest."
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
    # Without a login, the one of the system (Kerberos), unless `?authentication=` says which.
    return options if "authentication" in _lower(url) else {**options, "trusted_connection": "yes"}


def _lower(url: sa.URL) -> set[str]:
    return {name.lower() for name in url.query}


def parse(text: str) -> dict[str, str]:
    """An ODBC connection string's options, by lower-case name.

    >>> parse("DSN=sales;PWD={a;b}}c}; Encrypt = no")
    {'dsn': 'sales', 'pwd': 'a;b}c', 'encrypt': 'no'}
    """
    found = {}
    for name, value in _OPTION.findall(text):
        plain = value[1:-1].replace("}}", "}") if value.startswith("{") else value.strip()
        found[name.lower()] = plain
    return found


def render(options: Mapping[str, str]) -> str:
    """An ODBC connection string; every value in braces, so that none can end it.

    >>> parse(render({"pwd": "a;b}c={"}))
    {'pwd': 'a;b}c={'}
    """
    escaped = {name: value.replace("}", "}}") for name, value in options.items()}
    return ";".join(f"{name}={{{value}}}" for name, value in escaped.items())
