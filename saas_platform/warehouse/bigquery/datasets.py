"""What the platform needs in a project before it can work: datasets, logs, a bucket, and the rights.

Holds their making, and the doctor's look at them. Does not hold: mirrors.
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

#: A run is patient with a network that breaks; who asks what is wrong wants to know now.
_SECONDS = 15.0
#: What the loads do in the staging bucket.
BUCKET_RIGHTS = ("storage.objects.create", "storage.objects.get", "storage.objects.delete")
#: What a table with tagged columns takes to make, and roles/bigquery.dataEditor has not.
TAGGING_RIGHT = "bigquery.tables.setCategory"


def prepare(connection: Connection) -> None:
    """Datasets and logs as they have to be; writes only where something is missing."""
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
    """Make a dataset where it is missing. Raises WarehouseError where it lies in another location."""
    if dataset(connection, schema) is not None:
        return
    made = bigquery.Dataset(f"{connection.target.project}.{schema}")
    made.location = connection.target.location
    made.labels = {**LABELS, "layer": schema if schema in SCHEMAS else RAW}
    with translate_errors(connection.target):
        # Another process may have been a little faster.
        connection.client.create_dataset(made, exists_ok=True)


def dataset(connection: Connection, schema: str) -> bigquery.Dataset | None:
    """A dataset; None: there is none. Raises WarehouseError where it lies somewhere else."""
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
    """Drop our datasets with all that is in them. Raises WarehouseError for one that is not ours."""
    found = [each for schema in SCHEMAS if (each := dataset(connection, schema)) is not None]
    for each in found:
        if not LABELS.items() <= each.labels.items():
            raise WarehouseError(
                f"Dataset {each.dataset_id} of project {connection.target.project} was not made by"
                " saas-platform: drop it by hand, or give it the label managed_by=saas-platform."
            )
    with translate_errors(connection.target):
        for each in found:
            connection.client.delete_dataset(each.reference, delete_contents=True)


def examine(connection: Connection) -> str:
    """What answers, in a few words. Raises WarehouseError for what a run would fail at; changes nothing."""
    target = connection.target
    connection.dry_run("SELECT 1", seconds=_SECONDS)
    missing = []
    for schema in SCHEMAS:
        if dataset(connection, schema) is None:
            missing.append(schema)
            # A dry run asks for the right to do it, too.
            connection.dry_run(f"CREATE SCHEMA {q.quote(schema)}")
        else:
            connection.dry_run(f"CREATE TABLE {q.qualified(schema, '_doctor')} (a INT64)")
    if target.policy_tags:
        _examine_tagging(connection)
    if target.staging is not None:
        _examine_bucket(target)
    if missing:
        return f"empty in {target.location}: `saas-platform run` will make {', '.join(missing)}"
    return f"answers; project {target.project} in {target.location}"


def _examine_tagging(connection: Connection) -> None:
    """Before the first run there is no table to ask it of."""
    log = connection.table(RAW, LOGS[0].name)
    if log is None:
        return
    with translate_errors(connection.target):
        allowed = connection.client.test_iam_permissions(log, [TAGGING_RIGHT])
    if TAGGING_RIGHT not in allowed.get("permissions", []):
        raise WarehouseError(
            f"Dataset {RAW} does not let your account give columns their policy tags, {TAGGING_RIGHT}:"
            " grant it a role that has it, as policy_tags of deploy/terraform does, or leave policy_tag"
            " out of SAAS_WAREHOUSE_URL."
        )


def _examine_bucket(target: BigqueryTarget) -> None:
    bucket, _ = target.bucket()
    with translate_errors(target):
        bucket.reload()
        allowed = bucket.test_iam_permissions(BUCKET_RIGHTS)
    if not near(target.location, bucket.location):
        raise WarehouseError(
            f"The bucket {bucket.name} lies in {bucket.location}, the datasets in {target.location},"
            " and BigQuery loads from no other place: name a bucket in"
            f" {target.location} in SAAS_WAREHOUSE_URL, or leave staging out."
        )
    lacking = [right for right in BUCKET_RIGHTS if right not in allowed]
    if lacking:
        raise WarehouseError(
            f"The bucket {bucket.name} does not let your account {', '.join(lacking)}: grant it"
            " roles/storage.objectAdmin on the bucket."
        )


def near(dataset_location: str, bucket_location: str) -> bool:
    """Whether a dataset can be loaded from a bucket: that of the US from any, others from their own place.

    >>> near("EU", "EUROPE-WEST1"), near("europe-west1", "EU"), near("US", "ASIA")
    (True, False, True)
    """
    dataset_, bucket = dataset_location.casefold(), bucket_location.casefold()
    if dataset_ in ("us", bucket):
        return True
    return dataset_ == "eu" and bucket.startswith("europe-")
