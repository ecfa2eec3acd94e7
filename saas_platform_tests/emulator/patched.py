"""bqemulator, patched to be as strict as BigQuery. The emulator's own Python runs it, with its arguments.

Contains: a patch for each statement that BigQuery accepts, and that bqemulator refuses or answers differently.
Google's analyzer also checks each statement first, because bqemulator accepts SQL that BigQuery refuses.
Out of scope: what can't be patched. It is a gap in `server.GAPS`, or is named in the test that meets it.
"""

from __future__ import annotations

import sys
from typing import Any

from analysis import (  # type: ignore[import-not-found]
    Datasets,
    Table,
    refusal,
    type_of,
)
from bqemulator.api.routes import jobs, tables
from bqemulator.cli import main
from bqemulator.domain.errors import InvalidQueryError
from bqemulator.sql.rewriter import create_table_schema_ctas
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.generator import Generator

_execute = jobs.execute_query_job
_table_meta = tables._rest_to_table_meta
_first_select = create_table_schema_ctas._first_select


def _first_select_in_parentheses(body: exp.Expression | None) -> exp.Select | None:
    """Return the first SELECT of a body that may be in parentheses.

    dbt writes CREATE TABLE t (columns) AS (SELECT ...), and bqemulator expects it without parentheses.
    """
    return _first_select(body.unnest() if isinstance(body, exp.Subquery) else body)


def _quotient(generator: Generator, quotient: exp.IntDiv) -> str:
    """Return SQL of DIV of integers, exact and without the fraction that DuckDB's // keeps for a DECIMAL.

    sqlglot itself writes DIV(a + b, 2 * c) as a + b // 2 * c.
    """
    parts = (f"CAST({generator.sql(quotient, key)} AS HUGEINT)" for key in ("this", "expression"))
    return f"({' // '.join(parts)})"


async def _execute_what_google_accepts(
    project: str, job_id: str, sql: str, parameters: Any, ctx: Any, **more: Any
) -> Any:
    if found := refusal(project, sql, _named(project, sql, ctx.catalog)):
        raise InvalidQueryError(found)
    return await _execute(project, job_id, sql, parameters, ctx, **more)


def _named(project: str, sql: str, catalog: Any) -> Datasets:
    """Return the tables and views that the SQL may name."""
    return {
        dataset.dataset_id: {
            table.table_id: Table(
                [(field.name, type_of(field.type, field.mode)) for field in table.schema_.fields],
                _bounded(table.time_partitioning),
            )
            for table in catalog.list_tables(project, dataset.dataset_id)
            if table.table_id in sql
        }
        for dataset in catalog.list_datasets(project)
    }


def _bounded(partitioning: Any) -> str | None:
    return partitioning.field if partitioning and partitioning.require_partition_filter else None


def _meta_with_the_filter(project: str, dataset: str, body: Any, *more: Any) -> Any:
    """Move requirePartitionFilter into the partitioning.

    Google's client writes it next to the partitioning, where bqemulator does not look.
    """
    if partitioning := body.get("timePartitioning"):
        wanted = {"requirePartitionFilter": bool(body.get("requirePartitionFilter"))}
        body = {**body, "timePartitioning": {**wanted, **partitioning}}
    return _table_meta(project, dataset, body, *more)


tables._rest_to_table_meta = _meta_with_the_filter
jobs.execute_query_job = _execute_what_google_accepts
create_table_schema_ctas._first_select = _first_select_in_parentheses
DuckDB.Generator.TRANSFORMS[exp.IntDiv] = _quotient

if __name__ == "__main__":
    sys.exit(main())
