"""dagster-gcp's resource for BigQuery. In every run the platform's own warehouse uses its client.

Out of scope: the queries that are sent with the client.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import environ

from dagster_gcp import BigQueryResource
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from saas_platform.platform import Platform


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


def with_bigquery(platform: Platform) -> tuple[Platform, dict[str, BigQueryResource]]:
    """Return the platform with the client of the resource `bigquery`, and that resource.

    Your own assets can use the resource. A platform with another warehouse is returned unchanged, with no
    resource.
    """
    if platform.settings.warehouse.get_backend_name() != "bigquery":
        return platform, {}
    there = platform.bigquery
    resource = WarehouseBigQuery(project=there.project, location=there.location)

    def client() -> bigquery.Client:
        with resource.get_client() as made:
            return made

    return replace(platform, bigquery_client=client), {"bigquery": resource}
