"""The resources: what an asset, a check or a sensor asks for by name, with the fields that the UI shows.

The fields come from the settings. A secret is no field, because Dagster shows the fields and writes them to its
storage: it is handed on separately. Nothing is opened before an asset opens it, so that an error is that of the
asset, and one sentence. Out of scope: the files that Dagster passes from asset to asset (io.py).
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import dagster as dg
import sqlalchemy as sa
from dagster_dbt import DbtCliResource
from packaging.version import Version
from pydantic import Field

from saas_platform.clock import Clock, Month
from saas_platform.dbt_runner.project import PROJECT_DIR
from saas_platform.defs.io import ArtefactFiles, FrameFiles
from saas_platform.defs.partitions import refuse_without_partition
from saas_platform.defs.timing import WorkTimer
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.platform import Platform, open_source, owned
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.refresh.company_months import CompanyMonths
from saas_platform.settings import company_config
from saas_platform.source.interface import Source, WritableSource
from saas_platform.storage.frames import FrameStore

#: The options of a source's URL that the UI may show. Any other, such as `odbc_connect`, may have a password in it.
_HARMLESS = frozenset(
    {"authentication", "driver", "encrypt", "row_security", "schema", "trustservercertificate"}
)


@dataclass(frozen=True)
class SourceSecrets:
    """What opens a source and must not be shown."""

    password: str | None = field(default=None, repr=False)
    #: The options of the URL that may have a secret in them.
    options: dict[str, str | tuple[str, ...]] = field(default_factory=dict, repr=False)
    hash_salt: str = field(default="", repr=False)


class SourceDatabase(dg.ConfigurableResource):
    """The source: the database whose tables are mirrored. Its password and the salt of hashed columns are hidden."""

    url: str = Field(
        description="SQLAlchemy URL of the database, without password and without options that may have one in them"
    )
    synthetic: bool = Field(
        description="Whether the platform may fill the source with the synthetic company"
    )
    tables: str = Field(
        description="File that declares the tables of your own database; the company's tables need none"
    )
    by_month: bool = Field(
        description="Whether the table usage_events is mirrored month by month, as the company's is"
    )
    secrets: dg.ResourceDependency[SourceSecrets]

    @classmethod
    def of(cls, platform: Platform) -> "SourceDatabase":
        """Return the resource of a platform's source."""
        url = platform.settings.source
        hidden = {name: value for name, value in url.query.items() if name.lower() not in _HARMLESS}
        # `URL.set` takes None for a value that was not given, and would keep the password.
        shown = url._replace(password=None).difference_update_query([*hidden])
        secrets = SourceSecrets(
            None if url.password is None else str(url.password), hidden, platform.hash_salt
        )
        return cls(
            url=shown.render_as_string(hide_password=False),
            synthetic=platform.settings.synthetic,
            tables=str(platform.home.tables),
            by_month=platform.is_company,
            secrets=cast(Any, _fixed(secrets, "The secrets of the source, which are not shown.")),
        )

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Refuse a run that lacks its partition: Dagster makes the resources before it begins a step."""
        if self.by_month and context.run is not None:
            refuse_without_partition(context.run)

    def open(self) -> Source:
        """Return the source. Raises SettingsError as `platform.open_source` does."""
        url = sa.make_url(self.url).update_query_dict(self.secrets.options)
        if self.secrets.password is not None:
            url = url.set(password=self.secrets.password)
        return open_source(
            url,
            synthetic=self.synthetic,
            tables=Path(self.tables),
            hash_salt=self.secrets.hash_salt,
        )

    def owned(self) -> WritableSource:
        """Return the source, if the platform may write to it. Raises SettingsError otherwise."""
        return owned(self.open(), synthetic=self.synthetic)


class CompanyClock(dg.ConfigurableResource):
    """The company's clock: only events before it have happened."""

    as_of: str = Field(
        description="A day, as YYYY-MM-DD (exclusive), or `now` for the last midnight (UTC)"
    )

    def read(self) -> Clock:
        """Return the clock."""
        return Clock("now" if self.as_of == "now" else date.fromisoformat(self.as_of))


class SyntheticCompany(dg.ConfigurableResource):
    """The synthetic company: the settings that decide each of its rows."""

    seed: int = Field(description="Random seed")
    accounts: int = Field(description="Number of accounts that sign up in the first 24 months")
    start: str = Field(description="First month")
    dirt: float = Field(description="Share of dirt (injected errors) in the company's data")
    file: str | None = Field(description="File with the company's knobs, if there is one")
    frames: str = Field(description="URL of the Parquet files of its months")
    clock: CompanyClock

    def months(self) -> CompanyMonths:
        """Return the company, month by month. Raises CompanyError for a wrong file."""
        path = None if self.file is None else Path(self.file)
        config = company_config(path, self.seed, self.accounts, Month.parse(self.start))
        return CompanyMonths(config, self.dirt, self.clock.read(), FrameStore(self.frames))


class TruthFiles(dg.ConfigurableResource):
    """The simulator's truth, kept apart from source and warehouse. Only evaluations may read it."""

    url: str = Field(description="URL of the Parquet files of the truth")

    def open(self) -> FrameStore:
        """Return the files."""
        return FrameStore(self.url)


class MartsDbt(DbtCliResource):
    """dbt, which builds the marts from raw in the warehouse and tests them."""

    @cached_property
    def _cli_version(self) -> Version:
        """Return the version of dbt, without `dbt --version`, which dagster-dbt runs in each build.

        That command takes seconds, and asks an index on the network for newer versions.
        """
        return Version(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:  # noqa: ARG002
        """Return no adapter, although dagster-dbt makes one before each build.

        For that it parses all macros in this process, which takes seconds. It needs an adapter only for metadata that
        the assets do not ask it for.
        """
        return None


def dbt_of(platform: Platform) -> MartsDbt:
    """Return the dbt of this Python environment, regardless of PATH."""
    return MartsDbt(
        project_dir=str(PROJECT_DIR),
        profiles_dir=str(PROJECT_DIR),
        target=platform.marts_target.name,
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )


def resources_of(platform: Platform, work: WorkTimer | None = None) -> dict[str, Any]:
    """Return the resources of a platform by the names under which assets, checks and sensors ask for them.

    Args:
        platform: the platform.
        work: the timer to which the assets add their seconds; None for one that nobody reads.
    """
    settings = platform.settings
    url = settings.warehouse.render_as_string(hide_password=False)
    warehouse: dict[str, Any] = {"warehouse": WarehouseResource(url=url)}
    if settings.warehouse.get_backend_name() == "bigquery":
        # Google's packages are those of an extra.
        from saas_platform.defs.bigquery import bigquery_resources

        warehouse = bigquery_resources(platform, url)
        platform = replace(platform, bigquery_client=warehouse["bigquery"].client)
    bookkeeping = _fixed(
        Bookkeeping(platform),
        "The bookkeeping of what was built from what, by which it is decided what is stale.",
    )
    clock = CompanyClock(as_of=str(settings.as_of))
    made = {
        "source": SourceDatabase.of(platform),
        **warehouse,
        "clock": clock,
        "bookkeeping": bookkeeping,
        "work": _fixed(work or WorkTimer(), "Adds up how long the work itself took."),
    }
    if platform.is_company:
        made |= {
            "dbt": dbt_of(platform),
            "frames": FrameFiles(url=platform.frames.url, bookkeeping=cast(Any, bookkeeping)),
            "artefacts": ArtefactFiles(
                url=platform.artefacts.url, bookkeeping=cast(Any, bookkeeping)
            ),
        }
    if settings.synthetic:
        made |= {
            "company": SyntheticCompany(
                seed=settings.seed,
                accounts=settings.accounts,
                start=str(settings.start),
                dirt=settings.dirt,
                file=None if settings.company is None else str(settings.company),
                frames=platform.frames.url,
                clock=clock,
            ),
            "truth": TruthFiles(url=platform.truth.url),
        }
    return made


def _fixed(thing: Any, description: str) -> dg.ResourceDefinition:
    return dg.ResourceDefinition.hardcoded_resource(thing, description)
