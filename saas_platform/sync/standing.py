"""Find the last proof of every slice of a table that still stands: nothing is known to have changed since.

Out of scope: making a proof (proof.py), and what proofs have found to differ (findings.py).
"""

from __future__ import annotations

import sqlalchemy as sa

from saas_platform.warehouse.interface import RAW, Warehouse
from saas_platform.warehouse.logs import PROOF_LOG, ProofEntry


def standing_proof(warehouse: Warehouse, table: sa.Table) -> ProofEntry | None:
    """Return the newest proof that compared the values of every slice, if the mirror has been the same since.

    Returns:
        None if there is no such proof, if it or a later one found a difference, or if a sync has written since.
    """
    with warehouse.session():
        last = warehouse.last_sync(table)
        entries = warehouse.query(
            f"SELECT {', '.join(column.name for column in PROOF_LOG.columns)} FROM {RAW}.{PROOF_LOG.name}"
            f" WHERE table_name = {warehouse.literal(table.name)}"
            " AND ((scope = 'all' AND level <> 'counts') OR verdict = 'differs')"
            " ORDER BY proven_at DESC LIMIT 1"
        )
    if last is None or not entries.num_rows:
        return None
    proof = ProofEntry(**entries.to_pylist()[0])
    stands = proof.verdict == "proven" and proof.proven_at >= last.finished_at
    return proof if stands else None
