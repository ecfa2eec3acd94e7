"""Find out whether a mirror was made under the declaration that tables.yaml has now.

A proof compares rows, and rows can be equal under a declaration that the sync refuses: two rows with the same key are
in both sides if the mirror was made when the table had no key. Out of scope: loading the table again (tables.py), and
the fingerprint of a declaration (schema/definition.py).
"""

from __future__ import annotations

import sqlalchemy as sa

from saas_platform.schema.describing import argument
from saas_platform.source.interface import SourceSnapshot
from saas_platform.sync.drift import SyncError, mirror_faults
from saas_platform.sync.mirror_forms import form_of
from saas_platform.warehouse.interface import Warehouse
from saas_platform.warehouse.logs import SyncEntry
from saas_platform.warehouse.naming import key_may_repeat, repeated_key


def declared_otherwise(snapshot: SourceSnapshot, table: sa.Table, last: SyncEntry | None) -> bool:
    """Return whether the newest sync of a table was made under another declaration, as far as its entry says."""
    return (
        last is not None
        and last.definition is not None
        and last.definition != snapshot.definition(table)
    )


def check_declaration(snapshot: SourceSnapshot, warehouse: Warehouse, table: sa.Table) -> None:
    """Check that a proof of the mirror is a proof of what tables.yaml declares now.

    A mirror that is missing or has other columns passes, because every proof reports it.

    Raises:
        SyncError: the mirror was made under another declaration.
        WarehouseError: it was, and two of its rows share the key that is declared now.
    """
    last = warehouse.last_sync(table)
    if last is None or mirror_faults(warehouse, table):
        return
    is_other = declared_otherwise(snapshot, table, last)
    if is_other or last.definition is None:
        _check_key(warehouse, table)
    if is_other:
        # The fingerprint does not show which of the two has changed.
        salt = any(form_of(column) == "hash" for column in table.columns)
        also = ", or with another SAAS_HASH_SALT than is set now" if salt else ""
        raise SyncError(
            f"{table.name} was mirrored under another declaration than tables.yaml has now{also}: run `saas-platform sync"
            f" {argument(table.name)}`, which loads it again."
        )


def _check_key(warehouse: Warehouse, table: sa.Table) -> None:
    """Raise WarehouseError if two rows of the mirror share a key. A table without a key passes."""
    columns = [str(column.name) for column in table.primary_key.columns]
    if not columns or not key_may_repeat(table):
        return
    keys = ", ".join(f"r.{warehouse.quoted(name)}" for name in columns)
    found = warehouse.query(
        f"SELECT {keys} FROM {warehouse.mirror_rows(table)} AS r GROUP BY {keys} HAVING COUNT(*) > 1"
        f" ORDER BY {keys} LIMIT 1"
    )
    for row in found.to_pylist():
        raise repeated_key(table, row)
