"""bqemulator, started with what dbt needs mended: run by the emulator's own Python, with its arguments.

Holds each place where it refuses, or answers otherwise than, the SQL that BigQuery takes. What can't be
mended is a gap of `server.GAPS`, or named where a test meets it.
"""

from __future__ import annotations

import sys

from bqemulator.cli import main
from bqemulator.sql.rewriter import create_table_schema_ctas
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

_first_select = create_table_schema_ctas._first_select


def _first_select_in_parentheses(body: exp.Expression | None) -> exp.Select | None:
    """dbt writes CREATE TABLE t (columns) AS (SELECT ...), which bqemulator knows without parentheses."""
    return _first_select(body.unnest() if isinstance(body, exp.Subquery) else body)


def _quotient(generator: DuckDB.Generator, quotient: exp.IntDiv) -> str:
    """DIV of whole numbers, exact and without a fraction, which DuckDB's // keeps of a DECIMAL.

    sqlglot writes DIV(a + b, 2 * c) as a + b // 2 * c.
    """
    parts = (f"CAST({generator.sql(quotient, key)} AS HUGEINT)" for key in ("this", "expression"))
    return f"({' // '.join(parts)})"


create_table_schema_ctas._first_select = _first_select_in_parentheses
DuckDB.Generator.TRANSFORMS[exp.IntDiv] = _quotient

if __name__ == "__main__":
    sys.exit(main())
