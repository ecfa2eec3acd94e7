"""dagster-gcp's resource for BigQuery. The platform's own warehouse uses its client, and your assets can use it.

Out of scope: the queries that are sent with the client.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from typing import Any

import sqlalchemy as sa
from dagster_gcp import BigQueryResource
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.platform import Platform, open_warehouse
from saas_platform.warehouse.interface import Warehouse


class WarehouseBigQuery(BigQueryResource):
    """dagster-gcp's resource, which also works with an emulator if Google's variable names one."""

    @contextmanager
    def get_client(self) -> Iterator[bigquery.Client]:
        if environ.get("BIGQUERY_EMULATOR_HOST"):
            # The client itself reads the emulator's address, but it would look for credentials in vain.
            yield bigquery.Client(
                project=self.project, location=self.location, credentials=AnonymousCredentials()
            )
        else:
            with super().get_client() as client:
                yield client

    def client(self) -> bigquery.Client:
        """Return a client, which stays usable."""
        with self.get_client() as made:
            return made


class BigqueryWarehouseResource(WarehouseResource):
    """The warehouse in BigQuery: raw with its logs, the marts and the tables of the models."""

    bigquery: WarehouseBigQuery

    def open(self) -> Warehouse:
        return open_warehouse(sa.make_url(self.url), self.bigquery.client)


def bigquery_resources(platform: Platform, url: str) -> dict[str, Any]:
    """Return the resources `bigquery` and `warehouse` of a platform whose warehouse is BigQuery."""
    there = platform.bigquery
    bigquery = WarehouseBigQuery(project=there.project, location=there.location)
    return {
        "bigquery": bigquery,
        "warehouse": BigqueryWarehouseResource(url=url, bigquery=bigquery),
    }
