"""Talking to one BigQuery project: queries, scripts, tables; errors in words.

Does not hold: any table of ours, or what a statement says.
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

#: Seconds for which a request is sent again while nobody answers, as Google's client does it.
_PATIENCE = 600.0
#: BigQuery's words for a column that a table has not, by its name alone and behind an alias.
_UNKNOWN_COLUMN = re.compile(r"Unrecognized name: |Name \S+ not found inside ")


class Connection:
    """One client; every call raises WarehouseError for every error of Google's."""

    def __init__(self, target: BigqueryTarget, make_client: Callable[[], bigquery.Client]) -> None:
        self.target = target
        self._make_client = make_client
        self._client: bigquery.Client | None = None

    @property
    def client(self) -> bigquery.Client:
        """Made at the first use, as credentials are looked for then."""
        if self._client is None:
            with translate_errors(self.target):
                self._client = self._make_client()
        return self._client

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT; times without zone, in UTC."""
        with translate_errors(self.target):
            return [tuple(map(_plain, row.values())) for row in self._rows(sql)]

    def arrow(self, sql: str) -> pa.Table:
        """The result of a SELECT; times without zone, in UTC."""
        with translate_errors(self.target):
            # An emulator may not speak the Storage API, which is ten times faster.
            table = self._rows(sql).to_arrow(create_bqstorage_client=self.target.emulator is None)
        return _without_zones(table)

    def _rows(self, sql: str) -> bigquery.table.RowIterator:
        if self.target.emulator is not None:
            # Asked for an answer at once, bqemulator gives no rows in place of an error.
            return self.client.query(sql, job_config=self._config()).result()
        return self.client.query_and_wait(sql, job_config=self._config())

    def script(self, sql: str, name: str, labels: dict[str, str]) -> None:
        """Statements that change something, as the job `name`, which is done once."""
        with translate_errors(self.target):
            run_once(
                name,
                lambda job_id: self.client.query(
                    sql, job_config=self._config(labels), job_id=job_id, job_retry=None
                ),
                self.client.get_job,
            )

    def dry_run(self, sql: str, *, seconds: float = _PATIENCE) -> int:
        """Bytes that the statement would bill, which is not run; a server that is silent is given `seconds`."""
        with translate_errors(self.target):
            return self._estimate(sql, seconds)

    def bytes_of(self, sql: str) -> int | None:
        """Bytes that a SELECT would bill; None: a table or column that it reads is not there."""
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
        # Without the bound of what may be billed: who asks wants to know how far beyond it a query is.
        config = bigquery.QueryJobConfig(labels=LABELS, dry_run=True, use_query_cache=False)
        job = self.client.query(
            sql,
            job_config=config,
            retry=DEFAULT_RETRY.with_timeout(seconds),
            # It would begin the waiting anew; and no job is made.
            job_retry=None,
        )
        return job.total_bytes_processed or 0

    def table(self, schema: str, name: str) -> bigquery.Table | None:
        """A table or view as it is; None: there is none."""
        with translate_errors(self.target):
            try:
                return self.client.get_table(self.reference(schema, name))
            except api.NotFound:
                return None

    def columns(self, schema: str, name: str, *, tagged: Collection[str] = ()) -> dict[str, str]:
        """Columns of a table or view and their types, in order; empty where there is none."""
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
    """Times as the platform has them: without zone, in UTC, which BigQuery's own are."""
    fields = [
        field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
