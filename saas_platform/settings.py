"""Read and validate every setting once, at the edge. The code inside trusts the result.

Settings come from the environment first, then from `.env` in the working folder. `.env.example`
documents them, and a test keeps it in step with this module.
"""

from __future__ import annotations

import os
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import (
    BeforeValidator,
    Field,
    InstanceOf,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from saas_platform.clock import Clock, Month, start_month
from saas_platform.company.config import CompanyConfig, read_config
from saas_platform.errors import PlatformError
from saas_platform.storage.home import Home
from saas_platform.validation.messages import nearest, wrong_value

_PREFIX = "SAAS_"
#: The file that holds the company's knobs if SAAS_COMPANY names none.
_COMPANY_FILE = Path("company.yaml")
#: The settings that both the company's file and the environment can set.
_SHARED = ("seed", "accounts", "start")
#: A shorter salt could be found by brute force.
_SALT_CHARACTERS = 16
#: Settings whose values must not appear in any message.
_SECRETS = ("SAAS_HASH_SALT",)
#: Prefixes of variables for the tests and for dbt's profile. These are not settings of the platform.
_FOREIGN_PREFIXES = ("SAAS_TEST_", "SAAS_DBT_")


class SettingsError(PlatformError):
    """A setting is wrong. The text names the setting and a valid value."""


def _day(value: Any) -> Any:
    """Parse a day written as `YYYY-MM-DD`, or keep `now`."""
    if not isinstance(value, str) or value == "now":
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("write it as YYYY-MM-DD, or now") from None


class Settings(BaseSettings):
    """The platform's settings. Create them with `load_settings`, which reports each error in one sentence."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=".env",
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
    )

    home: Path = Field(
        Path(".saas"),
        description="Folder of the databases, the artefacts and Dagster's own home",
    )
    source_url: str = Field("", description="SQLAlchemy URL of the source database")
    warehouse_url: str = Field("", description="URL of the warehouse")
    company: Path | None = Field(
        None,
        description="YAML file with the company's knobs; if empty, `company.yaml` in the working"
        " folder if it exists",
    )
    seed: int = Field(7, ge=0, lt=2**63, description="Random seed of the synthetic company")
    accounts: int = Field(
        5000,
        ge=1,
        le=10_000_000,
        description="Number of accounts that sign up in the first 24 months",
    )
    start: Annotated[InstanceOf[Month], NoDecode, BeforeValidator(start_month)] = Field(
        Month(2024, 1), description="First month of the company"
    )
    as_of: Annotated[date | Literal["now"], BeforeValidator(_day)] = Field(
        date(2026, 1, 1), description="The company's clock: a day (exclusive) or `now`"
    )
    synthetic: bool = Field(
        True, description="Whether the platform may fill the source with the synthetic company"
    )

    steps_at_once: int = Field(
        1,
        ge=1,
        le=64,
        description="Number of steps of a run that Dagster's daemon and UI run side by side, each in a process of"
        " its own; more than 1 needs a BigQuery warehouse",
    )
    dirt: float = Field(
        0.0, ge=0, le=1, description="Share of dirt (injected errors) in the company's data"
    )
    hash_salt: SecretStr | None = Field(
        None,
        description="Secret that is hashed together with the columns declared `mirror: hash`"
        " in tables.yaml",
    )

    @field_validator("hash_salt", mode="before")
    @classmethod
    def _check_length(cls, value: Any) -> Any:
        if not value:
            return None
        if isinstance(value, str) and len(value) < _SALT_CHARACTERS:
            raise ValueError(f"it needs at least {_SALT_CHARACTERS} characters")
        return value

    @field_validator("company", mode="before")
    @classmethod
    def _empty_as_none(cls, value: Any) -> Any:
        return value or None

    @field_validator("home", mode="before")
    @classmethod
    def _blank_as_default(cls, value: Any) -> Any:
        return value or cls.model_fields["home"].default

    @field_validator("home", "company")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @property
    def config(self) -> CompanyConfig:
        """The company that these settings and the company's file describe. Raises CompanyError."""
        return company_config(self.company, self.seed, self.accounts, self.start)

    @property
    def clock(self) -> Clock:
        """The company's clock."""
        return Clock(self.as_of)

    @property
    def last_month(self) -> Month:
        """The last month of the company's window."""
        return self.clock.last_month

    @property
    def source(self) -> sa.URL:
        """The URL of the source database, with the default filled in."""
        return _url(self.source_url) or _file_url("sqlite", Home(self.home).source)

    @property
    def warehouse(self) -> sa.URL:
        """The URL of the warehouse, with the default filled in."""
        return _url(self.warehouse_url) or _file_url("duckdb", Home(self.home).warehouse)

    def check_month(self, month: Month) -> Month:
        """Return the month if it lies in the company's window. Raises SettingsError otherwise."""
        if not self.start <= month <= self.last_month:
            raise SettingsError(
                f"Month {month} is outside the company's window, {self.start} to"
                f" {self.last_month}: choose a month inside it, or change SAAS_START or SAAS_AS_OF."
            )
        return month


def _url(text: str) -> sa.URL | None:
    return sa.make_url(text) if text else None


def _file_url(backend: str, path: Path) -> sa.URL:
    """Build a URL from its parts. In a text, a `?` or `%` of the path would be read as URL syntax."""
    return sa.URL.create(backend, database=str(path))


@cache
def company_config(path: Path | None, seed: int, accounts: int, start: Month) -> CompanyConfig:
    """Read the company's file once, so that a change of the file within a run has no effect.

    Raises CompanyError if the file is wrong.
    """
    return read_config(path, seed=seed, accounts=accounts, start=start)


def _check_names() -> None:
    known = [_PREFIX + name.upper() for name in Settings.model_fields]
    for name in os.environ:
        if (
            name.startswith(_PREFIX)
            and name not in known
            and not name.startswith(_FOREIGN_PREFIXES)
        ):
            raise SettingsError(_unknown_name(name, known))


def _unknown_name(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"the known settings are {', '.join(known)}."
    return f"{name} is not a setting: {hint}"


def _message(error: ValidationError) -> str:
    known = [_PREFIX + name.upper() for name in Settings.model_fields]
    problems = []
    for detail in error.errors():
        name = str(detail["loc"][0]).upper()
        name = name if name.startswith(_PREFIX) else _PREFIX + name
        if detail["type"] == "extra_forbidden":
            problems.append(_unknown_name(name, known))
        else:
            problems.append(f"{wrong_value(name, detail, is_secret=name in _SECRETS)}.")
    return " ".join(dict.fromkeys(problems))


def load_settings() -> Settings:
    """Load the settings from the environment and the working folder.

    Raises SettingsError for an unknown name, a wrong value or a window without a month. Raises
    CompanyError if the company's file is wrong.
    """
    _check_names()
    try:
        settings = Settings()
        for name, url in (("SOURCE", settings.source_url), ("WAREHOUSE", settings.warehouse_url)):
            _check_url(f"{_PREFIX}{name}_URL", url)
    except ValidationError as error:
        raise SettingsError(_message(error)) from None
    if settings.steps_at_once > 1 and settings.warehouse.get_backend_name() == "duckdb":
        raise SettingsError(
            f"SAAS_STEPS_AT_ONCE is {settings.steps_at_once}, but only one process can write to a DuckDB file:"
            " set it to 1, or name a BigQuery project in SAAS_WAREHOUSE_URL."
        )
    settings = _with_company(settings)
    if settings.last_month < settings.start:
        raise SettingsError(
            f"SAAS_AS_OF {settings.as_of} is not later than the first day of SAAS_START {settings.start}:"
            " choose a later SAAS_AS_OF or an earlier SAAS_START."
        )
    return settings


def _with_company(settings: Settings) -> Settings:
    """Return the settings with the values that the company's file sets."""
    path = settings.company
    if path is None and _COMPANY_FILE.exists():
        path = _COMPANY_FILE.absolute()
    from_file = read_config(path)
    for name in settings.model_fields_set & from_file.model_fields_set & set(_SHARED):
        set_value, file_value = getattr(settings, name), getattr(from_file, name)
        if set_value != file_value:
            raise SettingsError(
                f"{_PREFIX}{name.upper()} is {set_value}, but {path} sets {name} to {file_value}:"
                " remove one of the two."
            )
    shared = {
        name: getattr(from_file if name in from_file.model_fields_set else settings, name)
        for name in _SHARED
    }
    return settings.model_copy(update={"company": path, **shared})


def _check_url(name: str, url: str) -> None:
    """Raise SettingsError if the text is not a URL. The message omits it, as it may contain a password."""
    if not url:
        return
    try:
        backend = sa.make_url(url).get_backend_name()
    except sa.exc.ArgumentError:
        raise SettingsError(
            f"{name} is not a URL: write it as dialect://..., for example sqlite:///source.db."
        ) from None
    if backend == "sqlite" and "?" in url:
        raise SettingsError(
            f"{name} contains a `?`, which starts the options of a URL, and sqlite takes no options: write"
            " %3F for a `?` in the name of the file."
        )
