"""Contracts of the raw tables: what each row must be, derived from the schema, and who breaks it.

Holds: the rules, their evaluation in the warehouse, and the score of what was found. Does not hold: any
repair. A row that breaks a contract is told, never dropped.
"""

from saas_platform.contracts.evaluation import Breach, Verdict, evaluate, offenders, question
from saas_platform.contracts.rules import Rule, Severity, rules_of

__all__ = ["Breach", "Rule", "Severity", "Verdict", "evaluate", "offenders", "question", "rules_of"]
