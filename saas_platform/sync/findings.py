"""Which tables stand proven unequal to their source, and how often mending them was tried.

Holds the reading of the log of proofs, pure but for asking it. Does not hold: proof, repair, or when
to try again.

A proof of some slices says nothing of the others, so that a difference stands until it is looked at
again: one by digest until every slice is proven, one by count until the next proof, as each counts every
slice. A sync's own difference is settled by its own second proof.

Tries are counted until a proof that followed no copying finds every slice equal. The proof that a repair
makes of its own work does not forget them: damage that comes back each time would be mended for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from saas_platform.schema.describing import argument
from saas_platform.warehouse.interface import RAW, Warehouse
from saas_platform.warehouse.logs import PROOF_LOG, ProofEntry

#: Mending is tried as often for one finding, then it is a person's turn.
MOST_TRIES = 3


@dataclass(frozen=True)
class Finding:
    """A table that differs from its source, by its proofs."""

    table: str
    #: The proof that found it first.
    proof_id: str
    found_at: datetime
    #: How often the table was copied again since, and proven whole.
    tries: int

    @property
    def given_up(self) -> bool:
        return self.tries >= MOST_TRIES

    @property
    def says(self) -> str:
        """The sentence for whoever has to act, or wait."""
        since = f"{self.table} differs from its source since {self.found_at:%Y-%m-%d %H:%M} UTC"
        if self.given_up:
            return (
                f"{since}; mending it was tried {self.tries} times, and is not tried again by itself:"
                f" find out what changes it, then run `saas-platform repair {argument(self.table)}` and"
                f" `saas-platform verify {argument(self.table)}`."
            )
        return f"{since}; mending it was tried {self.tries} of {MOST_TRIES} times."


def open_findings(warehouse: Warehouse, tables: Iterable[sa.Table]) -> dict[str, Finding]:
    """The tables that differ from their source by their proofs, by name."""
    # Before the first sync there is no log, and looking must not make one.
    if not warehouse.table_exists(RAW, PROOF_LOG.name):
        return {}
    with warehouse.session():
        found = [finding_in(warehouse.unsettled_proofs(table)) for table in tables]
    return {each.table: each for each in found if each is not None}


def finding_in(proofs: Sequence[ProofEntry]) -> Finding | None:
    """What the proofs of one table, oldest first, leave standing; None: nothing."""
    began: ProofEntry | None = None
    standing: list[ProofEntry] = []
    tries: set[str] = set()
    for proof in proofs:
        if proof.sync_id is not None and proof.whole and began is not None:
            tries |= {proof.sync_id} - {began.sync_id}
        if proof.verdict == "differs":
            began = began or proof
            standing.append(proof)
            continue
        standing = [each for each in standing if not _settles(proof, each)]
        if proof.confirms or not (standing or tries):
            began, tries = None, set()
    if began is None or not standing:
        return None
    return Finding(began.table_name, began.proof_id, began.proven_at, len(tries))


def _settles(proven: ProofEntry, differing: ProofEntry) -> bool:
    """Whether what differed was looked at again, and found equal."""
    if proven.whole or differing.level == "counts":
        return True
    return differing.scope == "touched" and differing.sync_id == proven.sync_id is not None
