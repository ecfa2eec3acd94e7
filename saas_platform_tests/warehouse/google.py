"""Stand-ins for Google's service: jobs, buckets and errors, for the tests of the BigQuery engine."""

from __future__ import annotations

import json
from typing import Any

import requests
import sqlalchemy as sa
from google.api_core import exceptions as api
from google.cloud import bigquery
from google.cloud.storage.blob import (  # type: ignore[import-untyped]
    _raise_from_invalid_response,
)
from google.cloud.storage.exceptions import InvalidResponse  # type: ignore[import-untyped]

from saas_platform.warehouse.bigquery.target import BigqueryTarget

TARGET = BigqueryTarget("acme", "EU", staging="gs://acme-staging/loads")
TAG = "projects/acme/locations/eu/taxonomies/1/policyTags/2"


def place(table: sa.Table) -> bigquery.TableReference:
    return bigquery.DatasetReference("acme", "raw").table(table.name)


class Job:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    @property
    def error_result(self) -> Any:
        return {"reason": "why"} if self.error else None

    def result(self) -> None:
        if self.error:
            raise self.error


class Blob:
    def __init__(self, name: str, held: dict[str, bytes]) -> None:
        self.name, self._held = name, held

    def upload_from_file(self, file: Any, *, rewind: bool) -> None:
        assert rewind
        file.seek(0)
        self._held[self.name] = file.read()

    def delete(self) -> None:
        del self._held[self.name]


class Bucket:
    name = "acme-staging"

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def blob(self, name: str) -> Blob:
        return Blob(name, self.held)


def uploaded(status: int, message: str) -> Exception:
    """Return the error that Google's client raises when an upload is refused."""
    refused = requests.Response()
    refused.status_code, refused.request = (
        status,
        requests.Request("POST", "https://up/b").prepare(),
    )
    refused._content = json.dumps(
        {"error": {"code": status, "message": message}}, indent=2
    ).encode()
    try:
        _raise_from_invalid_response(InvalidResponse(refused, "Request failed", status))
    except api.GoogleAPICallError as error:
        return error
    raise AssertionError("Google's client raised nothing")


def answered(kind: type[api.GoogleAPICallError], message: str, reason: str = "") -> Exception:
    return kind(message, errors=[{"reason": reason, "message": message}])
