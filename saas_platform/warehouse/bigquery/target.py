"""Which BigQuery is meant, as `SAAS_WAREHOUSE_URL` says it, and the client for it.

Holds the URL's words and the making of clients. Does not hold: any request.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from saas_platform.schema.columns import PII_KINDS
from saas_platform.warehouse.interface import WarehouseError

#: As Google's own clients read it.
EMULATOR_VARIABLE = "BIGQUERY_EMULATOR_HOST"
_FORM = "bigquery://PROJECT?location=EU&staging=gs://BUCKET/PREFIX"
_WORDS = ("location", "staging", "maximum_bytes_billed", "policy_tag", "first_load")
_POLICY_TAG = re.compile(r"projects/[^/]+/locations/[^/]+/taxonomies/[^/]+/policyTags/[^/]+")


@dataclass(frozen=True)
class BigqueryTarget:
    """A project, and how it is used."""

    project: str
    #: Where the datasets are, and every job runs.
    location: str = "US"
    #: `gs://bucket/prefix` that Parquet goes through; None: it is sent with the load job.
    staging: str | None = None
    #: A query that would bill more is refused before it runs; None: no bound.
    maximum_bytes_billed: int | None = None
    #: Whether a table that is cut by day is first loaded day by day, and not in one transaction.
    first_load_by_days: bool = False
    #: For columns with personal data: by kind (`columns.Pii`), or "" for every kind.
    policy_tags: Mapping[str, str] = field(default_factory=dict)
    #: Address of an emulator; None: Google's own service.
    emulator: str | None = None

    @classmethod
    def of(cls, url: sa.URL) -> BigqueryTarget:
        """From the URL. Raises WarehouseError, naming the word that is wrong."""
        if not url.host or url.database:
            raise WarehouseError(
                f"SAAS_WAREHOUSE_URL names {'a dataset' if url.database else 'no project'}: write it as"
                f" {_FORM}; the datasets are raw, marts and models."
            )
        words = {name: str(value) for name, value in url.query.items()}
        for name in words:
            if name.partition(".")[0] not in _WORDS:
                raise WarehouseError(
                    f"SAAS_WAREHOUSE_URL has {name}, which is none of {', '.join(_WORDS)}:"
                    f" write it as {_FORM}."
                )
        return cls(
            project=url.host,
            location=words.get("location", "US"),
            staging=_staging(words.get("staging")),
            maximum_bytes_billed=_bytes(words.get("maximum_bytes_billed")),
            first_load_by_days=_by_days(words.get("first_load", "transaction")),
            policy_tags={
                name.removeprefix("policy_tag").removeprefix("."): _policy_tag(name, value)
                for name, value in words.items()
                if name.startswith("policy_tag")
            },
            emulator=os.environ.get(EMULATOR_VARIABLE) or None,
        )

    def client(self) -> bigquery.Client:
        """A client by the environment's credentials; an emulator wants none."""
        if self.emulator is None:
            return bigquery.Client(project=self.project, location=self.location)
        return bigquery.Client(
            project=self.project,
            location=self.location,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.emulator},
        )

    def bucket(self) -> tuple[storage.Bucket, str]:
        """The staging bucket, not asked for yet, and the prefix within it. There must be one."""
        assert self.staging is not None
        name, _, prefix = self.staging.removeprefix("gs://").partition("/")
        options: dict[str, Any] = (
            {} if self.emulator is None else {"credentials": AnonymousCredentials()}
        )
        return storage.Client(project=self.project, **options).bucket(name), prefix.strip("/")


def _staging(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"gs://[a-z0-9][a-z0-9._-]*[a-z0-9](/.*)?", value):
        raise WarehouseError(
            f"staging in SAAS_WAREHOUSE_URL is {value}: write it as gs://BUCKET/PREFIX."
        )
    return value


def _bytes(value: str | None) -> int | None:
    if value is not None and not (value.isascii() and value.isdecimal() and int(value)):
        raise WarehouseError(
            f"maximum_bytes_billed in SAAS_WAREHOUSE_URL is {value}: write a whole number of bytes,"
            " such as 10000000000."
        )
    return None if value is None else int(value)


def _by_days(value: str) -> bool:
    if value not in ("transaction", "days"):
        raise WarehouseError(
            f"first_load in SAAS_WAREHOUSE_URL is {value}: write days, or leave it out."
        )
    return value == "days"


def _policy_tag(name: str, value: str) -> str:
    kind = name.removeprefix("policy_tag")
    if kind not in ("", *(f".{each}" for each in PII_KINDS)):
        raise WarehouseError(
            f"SAAS_WAREHOUSE_URL has {name}: the kinds of personal data are {', '.join(PII_KINDS)},"
            " written as policy_tag.email; policy_tag alone is for all of them."
        )
    if not _POLICY_TAG.fullmatch(value):
        raise WarehouseError(
            f"{name} in SAAS_WAREHOUSE_URL is {value}: write the tag's resource name,"
            " projects/P/locations/L/taxonomies/T/policyTags/N."
        )
    return value
