"""dagster-gcp's resource for BigQuery, whose client the platform's own warehouse takes in every run.

Does not hold: what is asked of the client.
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
    """dagster-gcp's, that an emulator answers too, where Google's variable names one."""

    @contextmanager
    def get_client(self) -> Iterator[bigquery.Client]:
        if environ.get("BIGQUERY_EMULATOR_HOST"):
            # The client itself reads where it is, but looks for credentials, of which there are none.
            yield bigquery.Client(
                project=self.project, location=self.location, credentials=AnonymousCredentials()
            )
        else:
            with super().get_client() as client:
                yield client


def with_bigquery(platform: Platform) -> tuple[Platform, dict[str, BigQueryResource]]:
    """The platform by the client of the resource `bigquery`, and that resource for assets of one's own;
    the platform as it is where its warehouse is another.
    """
    if platform.settings.warehouse.get_backend_name() != "bigquery":
        return platform, {}
    there = platform.bigquery
    resource = WarehouseBigQuery(project=there.project, location=there.location)

    def client() -> bigquery.Client:
        with resource.get_client() as made:
            return made

    return replace(platform, bigquery_client=client), {"bigquery": resource}
