"""dagster-gcp's resource for BigQuery, for assets of one's own beside ours.

Ours go through the platform's warehouse, which uses the same client by the same credentials.
"""

from dagster_gcp import BigQueryResource

from saas_platform.platform import Platform


def bigquery_resources(platform: Platform) -> dict[str, BigQueryResource]:
    """`bigquery`, where the warehouse is one."""
    url = platform.settings.warehouse
    if url.get_backend_name() != "bigquery":
        return {}
    location = url.query.get("location")
    return {
        "bigquery": BigQueryResource(
            project=url.host, location=None if location is None else str(location)
        )
    }
