"""Bring a source into the warehouse and prove the result, in the same way for every pair of engines.

Contains: what to copy, what to prove, and what to repair. Out of scope: the SQL of any engine, Dagster, and
settings.
"""

from saas_platform.sync.drift import SyncError, unnamed_tables
from saas_platform.sync.findings import Finding, open_findings
from saas_platform.sync.leftovers import leftover_sentence, leftovers
from saas_platform.sync.probe import check_tables, drift_warnings, probe
from saas_platform.sync.proof import prove, verify
from saas_platform.sync.repair import repair
from saas_platform.sync.report import (
    ColumnDifference,
    Difference,
    Differences,
    Progress,
    ProofReport,
    RepairReport,
    SampledRow,
    SampleReport,
    SyncReport,
    TableProbe,
    sentences,
)
from saas_platform.sync.sample import sample
from saas_platform.sync.standing import standing_proof
from saas_platform.sync.tables import sync, sync_one, sync_table

__all__ = [
    "ColumnDifference",
    "Difference",
    "Differences",
    "Finding",
    "Progress",
    "ProofReport",
    "RepairReport",
    "SampleReport",
    "SampledRow",
    "SyncError",
    "SyncReport",
    "TableProbe",
    "check_tables",
    "drift_warnings",
    "leftover_sentence",
    "leftovers",
    "open_findings",
    "probe",
    "prove",
    "repair",
    "sample",
    "sentences",
    "standing_proof",
    "sync",
    "sync_one",
    "sync_table",
    "unnamed_tables",
    "verify",
]
