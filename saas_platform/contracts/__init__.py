"""Contracts of the raw tables: the rules that each row must keep, derived from the schema.

Contains: the rules, their evaluation in the warehouse, and the score of what they found. Out of scope:
any repair. A row that breaks a contract is reported and never dropped.
"""

from saas_platform.contracts.evaluation import (
    Breach,
    ContractResult,
    contract_query,
    evaluate,
    offenders,
)
from saas_platform.contracts.rules import Rule, Severity, rules_of

__all__ = [
    "Breach",
    "ContractResult",
    "Rule",
    "Severity",
    "contract_query",
    "evaluate",
    "offenders",
    "rules_of",
]
