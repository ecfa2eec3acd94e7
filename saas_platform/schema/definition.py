"""A fingerprint of everything besides the source's rows that decides the rows of a mirror.

A mirror that was loaded under another definition holds stale values whose row versions have not changed: a column
in clear text that should be masked now, or another column of the source under the same name. Out of scope: comparing
the fingerprint with that of the last sync (sync/probe.py).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.arrow import version_of
from saas_platform.schema.kinds import kind_of, sizes
from saas_platform.schema.slices import slicing_of
from saas_platform.schema.source_names import source_column, source_table


def definition_of(table: sa.Table, salt: str = "") -> str:
    """Return the fingerprint of a table's definition: 16 hexadecimal digits.

    Args:
        table: the table as its mirror has it.
        salt: the secret of hashed columns. It counts only if the table has some, and can't be read back.
    """
    slicing = slicing_of(table)
    is_hashed = any(column.info.get("mirror_form") == "hash" for column in table.columns)
    facts: dict[str, Any] = {
        "source": source_table(table),
        "columns": [
            (
                str(column.name),
                source_column(column),
                kind_of(column).name,
                sizes(column.type),
                column.info.get("mirror_form", "keep"),
            )
            for column in table.columns
        ],
        "key": sorted(str(column.name) for column in table.primary_key.columns),
        "version": version_of(table),
        "slice": None if slicing is None else (slicing.column, slicing.grain),
        "salt": salt if is_hashed else "",
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
