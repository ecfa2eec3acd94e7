"""What the platform needs in a project before it can work: datasets, logs, a bucket, and permissions.

BigQuery calls a schema a dataset. Contains: their creation and removal, and the doctor's check of them. Out of
scope: mirrors.
"""

from __future__ import annotations

from google.api_core import exceptions as api
from google.cloud import bigquery

from saas_platform.warehouse.bigquery import sql as q
from saas_platform.warehouse.bigquery.connection import Connection
from saas_platform.warehouse.bigquery.errors import translate_errors
from saas_platform.warehouse.bigquery.tables import LABELS, log_definition
from saas_platform.warehouse.bigquery.target import BigqueryTarget
from saas_platform.warehouse.interface import RAW, SCHEMAS, WarehouseError
from saas_platform.warehouse.logs import LOGS

#: Seconds that the doctor waits for an answer. A run waits longer, but the doctor should report a fault soon.
_SECONDS = 15.0
#: The permissions that loads need on the staging bucket.
BUCKET_RIGHTS = ("storage.objects.create", "storage.objects.get", "storage.objects.delete")
#: The permission to create a table with tagged columns, which roles/bigquery.dataEditor does not include.
TAGGING_RIGHT = "bigquery.tables.setCategory"


def prepare(connection: Connection) -> None:
    """Create the datasets and logs, and the columns that a log lacks. Writes only if something is missing."""
    for schema in SCHEMAS:
        make_dataset(connection, schema)
    for log in LOGS:
        place = connection.reference(RAW, log.name)
        wanted = log_definition(place, log)
        present = connection.table(RAW, log.name)
        with translate_errors(connection.target):
            if present is None:
                connection.client.create_table(wanted, exists_ok=True)
                continue
            names = {field.name for field in present.schema}
            missing = [field for field in wanted.schema if field.name not in names]
            if missing:
                present.schema = [*present.schema, *missing]
                connection.client.update_table(present, ["schema"])


def make_dataset(connection: Connection, schema: str) -> None:
    """Create a dataset if it is missing. Raises WarehouseError if it exists in another location."""
    if dataset(connection, schema) is not None:
        return
    made = bigquery.Dataset(f"{connection.target.project}.{schema}")
    made.location = connection.target.location
    made.labels = {**LABELS, "layer": schema if schema in SCHEMAS else RAW}
    with translate_errors(connection.target):
        # Another process may have created it meanwhile.
        connection.client.create_dataset(made, exists_ok=True)


def dataset(connection: Connection, schema: str) -> bigquery.Dataset | None:
    """Return a dataset; None if there is none. Raises WarehouseError if it exists in another location."""
    target = connection.target
    with translate_errors(target):
        try:
            found = connection.client.get_dataset(f"{target.project}.{schema}")
        except api.NotFound:
            return None
    if found.location and found.location.casefold() != target.location.casefold():
        raise WarehouseError(
            f"Dataset {schema} of project {target.project} lies in {found.location}, and"
            f" SAAS_WAREHOUSE_URL says {target.location}: write location={found.location} there, or"
            " drop the dataset."
        )
    return found


def drop(connection: Connection) -> None:
    """Drop the platform's datasets and everything in them.

    Raises:
        WarehouseError: a dataset of that name was not created by the platform. None is dropped then.
    """
    found = [each for schema in SCHEMAS if (each := dataset(connection, schema)) is not None]
    for each in found:
        if not LABELS.items() <= each.labels.items():
            raise WarehouseError(
                f"Dataset {each.dataset_id} of project {connection.target.project} was not created by"
                " saas-platform: drop it by hand, or give it the label managed_by=saas-platform."
            )
    with translate_errors(connection.target):
        for each in found:
            connection.client.delete_dataset(each.reference, delete_contents=True)


def examine(connection: Connection) -> str:
    """Check all that a run needs, without changing anything, and return a few words on what answers.

    Raises:
        WarehouseError: a run would fail.
    """
    target = connection.target
    connection.dry_run("SELECT 1", seconds=_SECONDS)
    missing = []
    for schema in SCHEMAS:
        if dataset(connection, schema) is None:
            missing.append(schema)
            # A dry run also checks the permission to create it.
            connection.dry_run(f"CREATE SCHEMA {q.quoted(schema)}")
        else:
            connection.dry_run(f"CREATE TABLE {q.qualified(schema, '_doctor')} (a INT64)")
    if target.policy_tags:
        _examine_tagging(connection)
    if target.staging is not None:
        _examine_bucket(target)
    if missing:
        return f"empty in {target.location}: `saas-platform run` will create {', '.join(missing)}"
    return f"answers; project {target.project} in {target.location}"


def _examine_tagging(connection: Connection) -> None:
    """Check the permission to tag columns on a log. Before the first run there is no table to check it on."""
    log = connection.table(RAW, LOGS[0].name)
    if log is None:
        return
    with translate_errors(connection.target):
        allowed = connection.client.test_iam_permissions(log, [TAGGING_RIGHT])
    if TAGGING_RIGHT not in allowed.get("permissions", []):
        raise WarehouseError(
            f"Your account lacks {TAGGING_RIGHT} on dataset {RAW}, which it needs to give columns their"
            " policy tags: grant it a role with this permission, as policy_tags of deploy/terraform does,"
            " or leave policy_tag out of SAAS_WAREHOUSE_URL."
        )


def _examine_bucket(target: BigqueryTarget) -> None:
    bucket, _ = target.bucket()
    with translate_errors(target):
        bucket.reload()
        allowed = bucket.test_iam_permissions(BUCKET_RIGHTS)
    if not near(target.location, bucket.location):
        raise WarehouseError(
            f"The bucket {bucket.name} lies in {bucket.location}, the datasets in {target.location},"
            " and BigQuery can't load from there: name a bucket in"
            f" {target.location} in SAAS_WAREHOUSE_URL, or leave staging out."
        )
    lacking = [right for right in BUCKET_RIGHTS if right not in allowed]
    if lacking:
        raise WarehouseError(
            f"Your account lacks {', '.join(lacking)} on bucket {bucket.name}: grant it"
            " roles/storage.objectAdmin on the bucket."
        )


def near(dataset_location: str, bucket_location: str) -> bool:
    """Return whether a dataset can be loaded from a bucket, by the locations of both.

    A dataset in US can be loaded from any bucket, every other dataset only from a bucket in its own location.
    The location EU includes the European regions.

    >>> near("EU", "EUROPE-WEST1"), near("europe-west1", "EU"), near("US", "ASIA")
    (True, False, True)
    """
    dataset_, bucket = dataset_location.casefold(), bucket_location.casefold()
    if dataset_ in ("us", bucket):
        return True
    return dataset_ == "eu" and bucket.startswith("europe-")
