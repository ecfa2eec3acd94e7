"""Where a SQL Server is, from its URL: the ODBC options, with safe defaults, and the schema.

Holds the way from `mssql+pyodbc://...` to a connection string. Does not hold: connecting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from saas_platform.source.contract import SourceError
from saas_platform.source.mssql.driver import find_driver

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
#: Schema of the company's tables, where the URL names none.
COMPANY_SCHEMA = "saas"


@dataclass(frozen=True)
class Address:
    """A database on a SQL Server; keys of `options` are lower case."""

    options: Mapping[str, str] = field(repr=False)
    #: The URL's `?schema=`.
    schema: str | None = None

    @classmethod
    def of(cls, url: sa.URL) -> Address:
        """Encrypted, with the certificate verified, unless the URL says otherwise.

        Raises SourceError for a URL that can't be used.
        """
        if url.drivername not in ("mssql", "mssql+pyodbc"):
            raise SourceError(f"SAAS_SOURCE_URL begins with {url.drivername}: write it as {_FORM}.")
        query = {name.lower(): _one(name, value) for name, value in url.query.items()}
        schema = query.pop("schema", None)
        whole = query.pop("odbc_connect", None)
        options = _options(url) if whole is None else parse(whole)
        options = {"encrypt": "yes", **options, **query}
        if not options.get("database") and "dsn" not in options:
            raise SourceError(f"SAAS_SOURCE_URL names no database: write it as {_FORM}.")
        if options.get("mars_connection", "").lower() in ("yes", "true", "1"):
            # Several results at a time: a transaction then ends with the batch that began it (3997).
            raise SourceError(
                "SAAS_SOURCE_URL says MARS_Connection, under which no transaction lasts: leave it out."
            )
        return cls(options, schema)

    @property
    def label(self) -> str:
        """For messages: server and database, and no login."""
        if "server" not in self.options:
            return f"SQL Server of the data source {self.options.get('dsn')}"
        return f"SQL Server {self.options['server']}, database {self.options.get('database')}"

    def for_pyodbc(self) -> str:
        """The connection string. Raises SourceError where Microsoft's driver is missing."""
        driver = {} if {"driver", "dsn"} & {*self.options} else {"driver": find_driver()}
        return render({**driver, **self.options})

    def for_mssql_python(self) -> str | None:
        """The connection string; None where mssql-python can't be given all that the URL says."""
        options = {name: value for name, value in self.options.items() if name != "driver"}
        # Its bulk copy (1.16) fails where a server is not asked for a size, and tells none.
        options = {"packetsize": "8192", **options}
        return render(options) if _FOR_MSSQL_PYTHON.issuperset(options) else None


def _one(name: str, value: str | tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise SourceError(f"SAAS_SOURCE_URL says {name} more than once: leave one of them.")
    return value


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
