"""dagster-gcp's resource for BigQuery. The platform's own warehouse uses its client, and your assets can use it.

Out of scope: the queries that are sent with the client.
"""

from collections.abc import Iterator
from contextlib import contextmanager
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

    def client(self) -> bigquery.Client:
        """Return a client, which stays usable."""
        with self.get_client() as made:
            return made


def bigquery_of(platform: Platform) -> WarehouseBigQuery | None:
    """Return the resource of a platform whose warehouse is BigQuery; None for another warehouse."""
    if platform.settings.warehouse.get_backend_name() != "bigquery":
        return None
    there = platform.bigquery
    return WarehouseBigQuery(project=there.project, location=there.location)
