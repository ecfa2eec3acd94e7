"""The open findings: tables that proofs found to differ from their source, and how often a repair was tried.

Contains: what follows from the entries of the log of proofs. Out of scope: proof, repair, and the decision
when to try a repair again.

A partial proof clears only what it checked. A digest mismatch stays open until a proof of every slice passes;
a count mismatch stays open until the next proof, because every proof compares all counts. A difference that a
sync finds in the slices it touched is cleared by the second proof of the same sync.

Tries are counted until another proof finds every slice equal. The proof at the end of a repair does not reset the
count: otherwise damage that comes back each time would be repaired for ever. A sync of a table in which nothing
differs is no try, and neither is a repair that could not read the rows: it says nothing about the mirror.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from saas_platform.schema.describing import argument
from saas_platform.warehouse.interface import RAW, Warehouse
from saas_platform.warehouse.logs import PROOF_LOG, ProofEntry

#: How often a repair is tried for one finding before it is left to a person.
MOST_TRIES = 3


@dataclass(frozen=True)
class Finding:
    """A table that differs from its source according to its proofs."""

    table: str
    #: The proof that found the difference first.
    proof_id: str
    found_at: datetime
    #: How often the table was copied again since then, with a proof of every slice.
    tries: int

    @property
    def given_up(self) -> bool:
        """Whether no further repair starts without a person."""
        return self.tries >= MOST_TRIES

    @property
    def message(self) -> str:
        """Return the finding as a sentence, with the remedy once it is left to a person."""
        since = (
            f"{self.table} has differed from its source since {self.found_at:%Y-%m-%d %H:%M} UTC"
        )
        if self.given_up:
            return (
                f"{since}; a repair was tried {self.tries} times, and is not tried again automatically:"
                f" find out what changes the mirror, then run `saas-platform repair {argument(self.table)}` and"
                f" `saas-platform verify {argument(self.table)}`."
            )
        return (
            f"{since}; a repair was tried {self.tries} of {MOST_TRIES} times."
            if self.tries
            else f"{since}."
        )


def open_findings(warehouse: Warehouse, tables: Iterable[sa.Table]) -> dict[str, Finding]:
    """Return the open findings by the names of their tables."""
    # Before the first sync there is no log, and reading must not create one.
    if not warehouse.table_exists(RAW, PROOF_LOG.name):
        return {}
    with warehouse.session():
        found = [finding_in(warehouse.unsettled_proofs(table)) for table in tables]
    return {each.table: each for each in found if each is not None}


def finding_in(proofs: Sequence[ProofEntry]) -> Finding | None:
    """Return the finding that the proofs of one table, oldest first, leave open; None if none."""
    began: ProofEntry | None = None
    standing: list[ProofEntry] = []
    tries: set[str] = set()
    for proof in proofs:
        is_read = proof.whole and not proof.blind
        if proof.sync_id is not None and is_read and began is not None and standing:
            tries |= {proof.sync_id} - {began.sync_id}
        if proof.verdict == "differs":
            began = began or proof
            standing.append(proof)
            continue
        standing = [each for each in standing if not _settles(proof, each)]
        is_later = proof.whole and proof.sync_id not in tries
        if proof.confirms or not (standing or tries) or (is_later and not standing):
            began, tries = None, set()
    if began is None or not standing:
        return None
    return Finding(began.table_name, began.proof_id, began.proven_at, len(tries))


def _settles(proven: ProofEntry, differing: ProofEntry) -> bool:
    """Return whether the passing proof covers what the differing proof found."""
    if proven.whole or differing.level == "counts":
        return True
    return differing.scope == "touched" and differing.sync_id == proven.sync_id is not None
