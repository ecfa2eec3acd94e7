"""The BigQuery project that `SAAS_WAREHOUSE_URL` names, its options, and the client for it.

Contains: parsing the URL, and creating clients. Out of scope: sending requests.

No counterpart in DuckDB: its URL is the path of a file.
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

#: The environment variable that Google's own clients read, too.
EMULATOR_VARIABLE = "BIGQUERY_EMULATOR_HOST"
_FORM = "bigquery://PROJECT?location=EU&staging=gs://BUCKET/PREFIX"
_WORDS = ("location", "staging", "maximum_bytes_billed", "policy_tag", "first_load")
_POLICY_TAG = re.compile(r"projects/[^/]+/locations/[^/]+/taxonomies/[^/]+/policyTags/[^/]+")


@dataclass(frozen=True)
class BigqueryTarget:
    """A project, and the options for its use."""

    project: str
    #: The location of the datasets and of every job.
    location: str = "US"
    #: The `gs://bucket/prefix` through which Parquet is loaded; None means that it is sent with the load job.
    staging: str | None = None
    #: A query that would bill more bytes is refused before it runs; None means no limit.
    maximum_bytes_billed: int | None = None
    #: Whether the first load of a table that is sliced by day runs day by day instead of in one transaction.
    first_load_by_days: bool = False
    #: Policy tags of columns with personal data, by kind (`columns.Pii`); the kind "" stands for all others.
    policy_tags: Mapping[str, str] = field(default_factory=dict)
    #: The address of an emulator; None means Google's own service.
    emulator: str | None = None

    @classmethod
    def of(cls, url: sa.URL) -> BigqueryTarget:
        """Return the target that a URL names. Raises WarehouseError, which names the part that is wrong."""
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
        """Return a client with the environment's credentials. An emulator needs none."""
        if self.emulator is None:
            return bigquery.Client(project=self.project, location=self.location)
        return bigquery.Client(
            project=self.project,
            location=self.location,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.emulator},
        )

    def bucket(self) -> tuple[storage.Bucket, str]:
        """Return the staging bucket and the prefix within it, without a request. `staging` must be set."""
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
            " written like policy_tag.email; policy_tag alone applies to all of them."
        )
    if not _POLICY_TAG.fullmatch(value):
        raise WarehouseError(
            f"{name} in SAAS_WAREHOUSE_URL is {value}: write the tag's resource name,"
            " projects/P/locations/L/taxonomies/T/policyTags/N."
        )
    return value
