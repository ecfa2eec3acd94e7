"""The connection to one BigQuery project: it runs queries and scripts, reads tables and translates errors.

Out of scope: the platform's tables, and the content of a statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import pyarrow as pa
from google.api_core import exceptions as api
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from saas_platform.warehouse.bigquery.errors import translate_errors
from saas_platform.warehouse.bigquery.jobs import run_once
from saas_platform.warehouse.bigquery.tables import LABELS, types_of
from saas_platform.warehouse.bigquery.target import BigqueryTarget

#: Seconds for which a request is sent again while no server answers: the default of Google's client.
_PATIENCE = 600.0
#: BigQuery's messages for a column that a table does not have, by its name alone and behind an alias.
_UNKNOWN_COLUMN = re.compile(r"Unrecognized name: |Name \S+ not found inside ")


class Connection:
    """A connection by one client. Every method raises WarehouseError for every error of Google's client."""

    def __init__(self, target: BigqueryTarget, make_client: Callable[[], bigquery.Client]) -> None:
        self.target = target
        self._make_client = make_client
        self._client: bigquery.Client | None = None

    @property
    def client(self) -> bigquery.Client:
        """The client, which is created at the first use because it looks for credentials."""
        if self._client is None:
            with translate_errors(self.target):
                self._client = self._make_client()
        return self._client

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT. Timestamps are in UTC and have no time zone."""
        with translate_errors(self.target):
            return [tuple(map(_plain, row.values())) for row in self._rows(sql)]

    def arrow(self, sql: str) -> pa.Table:
        """Return the result of a SELECT. Timestamps are in UTC and have no time zone."""
        with translate_errors(self.target):
            # The Storage API is ten times faster, but an emulator may not offer it.
            table = self._rows(sql).to_arrow(create_bqstorage_client=self.target.emulator is None)
        return _without_zones(table)

    def _rows(self, sql: str) -> bigquery.table.RowIterator:
        if self.target.emulator is not None:
            # When asked by `query_and_wait`, bqemulator returns no rows instead of an error.
            return self.client.query(sql, job_config=self._config()).result()
        return self.client.query_and_wait(sql, job_config=self._config())

    def script(self, sql: str, name: str, labels: dict[str, str]) -> None:
        """Run statements that change something, exactly once, as the job `name`."""
        with translate_errors(self.target):
            run_once(
                name,
                lambda job_id: self.client.query(
                    sql, job_config=self._config(labels), job_id=job_id, job_retry=None
                ),
                self.client.get_job,
            )

    def dry_run(self, sql: str, *, seconds: float = _PATIENCE) -> int:
        """Return the bytes that the statement would bill, without running it.

        A server that does not answer is asked again for `seconds`.
        """
        with translate_errors(self.target):
            return self._estimate(sql, seconds)

    def bytes_of(self, sql: str) -> int | None:
        """Return the bytes that a SELECT would bill; None if a table or column that it reads does not exist."""
        with translate_errors(self.target):
            try:
                return self._estimate(sql, _PATIENCE)
            except api.NotFound:
                return None
            except api.BadRequest as error:
                if _UNKNOWN_COLUMN.search(error.message or ""):
                    return None
                raise

    def _estimate(self, sql: str, seconds: float) -> int:
        # The limit on billed bytes is left out: the estimate must show by how much a query exceeds it.
        config = bigquery.QueryJobConfig(labels=LABELS, dry_run=True, use_query_cache=False)
        job = self.client.query(
            sql,
            job_config=config,
            retry=DEFAULT_RETRY.with_timeout(seconds),
            # A retry of the job would start the wait again, and a dry run creates no job.
            job_retry=None,
        )
        return job.total_bytes_processed or 0

    def table(self, schema: str, name: str) -> bigquery.Table | None:
        """Return a table or view as the service describes it; None if there is none."""
        with translate_errors(self.target):
            try:
                return self.client.get_table(self.reference(schema, name))
            except api.NotFound:
                return None

    def columns(self, schema: str, name: str, *, tagged: Collection[str] = ()) -> dict[str, str]:
        """Return the columns of a table or view, in order, with their types; empty if there is none.

        The type of a column in `tagged` includes its policy tag.
        """
        found = self.table(schema, name)
        return {} if found is None else types_of(found.schema, tagged=tagged)

    def reference(self, schema: str, name: str) -> bigquery.TableReference:
        return bigquery.DatasetReference(self.target.project, schema).table(name)

    def _config(self, labels: dict[str, str] | None = None) -> bigquery.QueryJobConfig:
        config = bigquery.QueryJobConfig(labels={**LABELS, **(labels or {})})
        if self.target.maximum_bytes_billed is not None:
            config.maximum_bytes_billed = self.target.maximum_bytes_billed
        return config


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _without_zones(table: pa.Table) -> pa.Table:
    """Return the table with timestamps as the platform has them: in UTC, as in BigQuery, without a zone."""
    fields = [
        field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
