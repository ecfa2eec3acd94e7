"""Create the source, the warehouse and the company that the settings describe.

This is the only module that maps a URL to an engine. Out of scope: where files lie in SAAS_HOME
(storage/home.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from saas_platform.company import CompanyConfig
from saas_platform.dbt_runner.target import MartsTarget
from saas_platform.schema import TABLES
from saas_platform.schema.declared import Declaration, read_declaration
from saas_platform.settings import Settings, SettingsError, load_settings
from saas_platform.source.interface import Source, WritableSource
from saas_platform.source.mssql import Address, MssqlDatabase, MssqlSource
from saas_platform.source.sqlite import SqliteCompany, SqliteDatabase, SqliteSource
from saas_platform.storage.artefacts import Artefacts
from saas_platform.storage.frames import FrameStore
from saas_platform.storage.home import Home
from saas_platform.sync.formed_source import FormedSource
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform.warehouse.interface import Warehouse

if TYPE_CHECKING:
    from google.cloud import bigquery

    from saas_platform.warehouse.bigquery.target import BigqueryTarget


@dataclass(frozen=True)
class Platform:
    """The source, the warehouse and the company that the settings describe. Each is opened on first use."""

    settings: Settings
    #: Returns the client of a BigQuery warehouse. Without it, a client is made from the environment.
    bigquery_client: Callable[[], bigquery.Client] | None = None

    @classmethod
    def load(cls) -> Platform:
        """Load the platform from the environment. Raises SettingsError and CompanyError."""
        return cls(load_settings())

    @property
    def home(self) -> Home:
        """The layout of SAAS_HOME."""
        return Home(self.settings.home)

    @property
    def as_of(self) -> datetime:
        """The timestamp of the company's clock (UTC, naive, exclusive)."""
        return self.settings.clock.as_of

    @cached_property
    def declaration(self) -> Declaration:
        """What `tables.yaml` declares about the user's own database, or else the company's tables.

        Raises TablesError if the file is wrong.
        """
        if self.settings.synthetic or not self.home.tables.exists():
            return Declaration(TABLES)
        return read_declaration(self.home.tables)

    @cached_property
    def tables(self) -> Mapping[str, sa.Table]:
        """The mirrored tables: those of the company, or those that `tables.yaml` declares.

        Raises TablesError if the file is wrong, and SettingsError if it hashes a column without a salt.
        """
        found = self.declaration.tables
        if self.settings.hash_salt is None:
            for table in found.values():
                for column in table.columns:
                    if column.info.get("mirror_form") == "hash":
                        raise SettingsError(
                            f"{self.home.tables} hashes {table.name}.{column.name}, but SAAS_HASH_SALT is"
                            " not set: set it to a secret of at least 16 characters."
                        )
        return found

    @property
    def hash_salt(self) -> str:
        """The secret that is hashed with each column declared `mirror: hash`. Empty if none is set."""
        salt = self.settings.hash_salt
        return "" if salt is None else salt.get_secret_value()

    @property
    def is_company(self) -> bool:
        """Whether the tables are the company's, for which the marts, the models and the page are made."""
        return self.tables is TABLES

    @cached_property
    def source(self) -> Source:
        """The source database. Raises SettingsError as `open_source` does."""
        return open_source(
            self.settings.source,
            synthetic=self.settings.synthetic,
            tables=self.home.tables,
            hash_salt=self.hash_salt,
        )

    @property
    def database(self) -> Source:
        """The source, treated as the user's own database whatever it contains."""
        return _own_database(self.settings.source)

    @property
    def owned_source(self) -> WritableSource:
        """The source, if the platform may write to it. Raises SettingsError otherwise."""
        return owned(self.source, synthetic=self.settings.synthetic)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse. Raises SettingsError for an engine that is not supported."""
        return open_warehouse(self.settings.warehouse, self.bigquery_client)

    @cached_property
    def bigquery(self) -> BigqueryTarget:
        """The BigQuery target, if the warehouse is BigQuery.

        Raises WarehouseError for an unusable URL, and SettingsError if Google's packages are not installed.
        """
        _require_google()
        from saas_platform.warehouse.bigquery.target import BigqueryTarget

        return BigqueryTarget.of(self.settings.warehouse)

    @property
    def marts_target(self) -> MartsTarget:
        """The target of dbt, which builds the marts in the warehouse."""
        if isinstance(self.warehouse, DuckdbWarehouse):
            return MartsTarget.duckdb(self.warehouse.path)
        there = self.bigquery
        return MartsTarget.bigquery(
            there.project,
            there.location,
            maximum_bytes_billed=there.maximum_bytes_billed,
            emulator=there.emulator,
        )

    @property
    def frames(self) -> FrameStore:
        """The Parquet files by which the assets hand data to one another."""
        return FrameStore(self.home.frames.as_uri())

    @property
    def artefacts(self) -> Artefacts:
        """The store of fitted models."""
        return Artefacts(self.home.artefacts.as_uri())

    @property
    def truth(self) -> FrameStore:
        """The simulator's truth, kept apart from source and warehouse. Only the evaluation reads it."""
        return FrameStore(self.home.truth_files.as_uri())

    @property
    def company_name(self) -> str:
        """A description of the company that differs from the description of any other company."""
        return company_name(self.settings.config, self.settings.dirt)


def company_name(config: CompanyConfig, dirt: float) -> str:
    """Return a description of a company and its dirt that differs from that of any other company."""
    return f"{config.name}, dirt {dirt!r}" if dirt else config.name


def open_source(url: sa.URL, *, synthetic: bool, tables: Path, hash_salt: str) -> Source:
    """Return the source database of a URL. It is connected to on first use.

    Args:
        url: the SQLAlchemy URL of the database.
        synthetic: whether the platform may fill it with the synthetic company.
        tables: the file that declares the tables of the user's own database.
        hash_salt: the secret that is hashed with each column declared `mirror: hash`.

    Raises:
        SettingsError: the engine is not supported, or the source is the user's own and nothing declares its tables.
    """
    address = _address(url)
    if synthetic:
        return SqliteSource(address) if isinstance(address, Path) else MssqlSource(address)
    if tables.exists():
        return FormedSource(_own_database(url), hash_salt)
    source = SqliteCompany(address) if isinstance(address, Path) else MssqlSource(address)
    if not source.exists():
        raise SettingsError(
            f"SAAS_SYNTHETIC is false, but {tables}, which declares the tables to mirror, does"
            " not exist: write it with `saas-platform doctor --discover`."
        )
    return source


def owned(source: Source, *, synthetic: bool) -> WritableSource:
    """Return the source, if the platform may write to it. Raises SettingsError otherwise."""
    if not synthetic or not isinstance(source, WritableSource):
        raise SettingsError(
            "SAAS_SYNTHETIC is false, so nothing may be written to the source:"
            " set it to true to fill the source with the synthetic company."
        )
    return source


def open_warehouse(
    url: sa.URL, bigquery_client: Callable[[], bigquery.Client] | None = None
) -> Warehouse:
    """Return the warehouse of a URL. It is opened on first use.

    Args:
        url: the URL of the warehouse.
        bigquery_client: returns the client of a BigQuery warehouse. Without it, a client is made from the environment.

    Raises:
        SettingsError: the engine is not supported, or its packages are not installed.
        WarehouseError: the URL of a BigQuery warehouse is not usable.
    """
    if url.get_backend_name() == "duckdb" and url.database:
        return DuckdbWarehouse(Path(url.database).absolute())
    if url.get_backend_name() == "bigquery":
        _require_google()
        # Google's client takes a second to import. Only its users should wait for it.
        from saas_platform.warehouse.bigquery.target import BigqueryTarget
        from saas_platform.warehouse.bigquery.warehouse import BigqueryWarehouse

        return BigqueryWarehouse(BigqueryTarget.of(url), bigquery_client)
    raise SettingsError(
        f"SAAS_WAREHOUSE_URL names {url.get_backend_name()}, which this version can't load:"
        " use duckdb:///FILE, or bigquery://PROJECT?location=EU."
    )


def _require_google() -> None:
    if find_spec("dagster_gcp") is None:
        raise SettingsError(
            "SAAS_WAREHOUSE_URL names BigQuery, which needs packages that are not installed:"
            " run `pip install 'saas-platform[bigquery]'`."
        )


def _own_database(url: sa.URL) -> Source:
    address = _address(url)
    return SqliteDatabase(address) if isinstance(address, Path) else MssqlDatabase(address)


def _address(url: sa.URL) -> Path | Address:
    match url.get_backend_name():
        case "sqlite" if url.database:
            return Path(url.database).absolute()
        case "mssql":
            return Address.of(url)
    raise SettingsError(
        f"SAAS_SOURCE_URL names {url.get_backend_name()}, which this version can't read:"
        " use sqlite:///FILE, or mssql+pyodbc://USER:PASSWORD@HOST/DATABASE."
    )
