"""The mistakes that benchmarks/mutants.py makes, each with the fast tests that should notice it.

Contains: 48 mutants of the sync, the proof, the canonical texts, billing, MRR, the contracts and what is built again.
Out of scope: running them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A mistake: `old` stands once in the file, and `new` takes its place."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """Return the text of the file with the mistake. Raises ValueError if the text has `old` not once."""
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.name}: {self.file} has `{self.old}` {text.count(self.old)} times"
            )
        return text.replace(self.old, self.new)


def _mutants(folder: str, tests: str, *changes: tuple[str, str, str, str]) -> list[Mutant]:
    """Return mutants of one folder of the package: the name, the file, and what is changed into what."""
    paths = tuple(f"saas_platform_tests/{each}" for each in tests.split())
    return [
        Mutant(name, f"saas_platform/{folder}/{file}", old, new, paths)
        for name, file, old, new in changes
    ]


_SYNC = _mutants(
    "sync",
    "sync source/test_sqlite_two_ways.py",
    (
        "sync: counts are not compared",
        "apply.py",
        "if not written and source_counts == warehouse.slice_counts(table):",
        "if not written:",
    ),
    (
        "sync: only slices with too few rows are compared",
        "apply.py",
        "if source_counts.get(slice_id, 0) != counts.get(slice_id, 0)",
        "if source_counts.get(slice_id, 0) > counts.get(slice_id, 0)",
    ),
    (
        "sync: rows with NULL as version are passed over",
        "apply.py",
        "> last.watermark or snapshot.unversioned(table) > 0",
        "> last.watermark",
    ),
    (
        "sync: a single tombstone is passed over",
        "apply.py",
        "if deletes is not None and deletes.num_rows:",
        "if deletes is not None and deletes.num_rows > 1:",
    ),
    ("sync: its own proof repairs nothing", "tables.py", "_MOST_REPAIRS = 3", "_MOST_REPAIRS = 0"),
    (
        "sync: unproven rows of a killed sync stay unproven",
        "tables.py",
        "if not done and not also and not unseen:",
        "if not entry and not also and not unseen:",
    ),
    (
        "sync: a full load is proven in no slice",
        "tables.py",
        "slices=None if full else touched",
        "slices=set() if full else touched",
    ),
    (
        "repair: another declaration is not noticed",
        "repair.py",
        "if mirror_faults(warehouse, table) or declared_otherwise(pair.snapshot, table, last):",
        "if mirror_faults(warehouse, table):",
    ),
    (
        "repair: the sync that found the difference counts as a try",
        "findings.py",
        "tries |= {proof.sync_id} - {began.sync_id}",
        "tries |= {proof.sync_id}",
    ),
    ("repair: one try more", "findings.py", "self.tries >= MOST_TRIES", "self.tries > MOST_TRIES"),
)
_PROOF = _mutants(
    "sync",
    "sync",
    (
        "proof: slices that only the mirror has are not compared",
        "proof.py",
        "everything = {*source_counts, *mirror_counts, *source_digests, *(slices or ())}",
        "everything = {*source_counts, *source_digests, *(slices or ())}",
    ),
    (
        "proof: equal counts are enough",
        "proof.py",
        "            or mirror_digests.get(s) != source_digests.get(s)\n",
        "",
    ),
    (
        "proof: counted is called proven",
        "proof.py",
        'return "counted" if level == "counts" else "proven"',
        'return "proven"',
    ),
    (
        "proof: the driver is believed how many rows there are",
        "proof.py",
        "if source_counts is None and counted:",
        "if source_counts is None:",
    ),
    (
        "proof: only the last group of slices counts",
        "diff.py",
        "missing += found.missing",
        "missing = found.missing",
    ),
    (
        "proof: columns of the first group only",
        "diff.py",
        "columns.update(found.columns)",
        "columns = columns or Counter(found.columns)",
    ),
)
_TEXTS = [
    *_mutants(
        "schema",
        "schema/test_slices.py digests",
        (
            "canonical: marks are not doubled",
            "canonical.py",
            "text.replace(MARK, MARK * 2) + end",
            "text + end",
        ),
        (
            "canonical: six bytes of the hash",
            "canonical.py",
            "NUMBER_BYTES = 7",
            "NUMBER_BYTES = 6",
        ),
        (
            "slices: November has no end",
            "slices.py",
            "date(first.year + first.month // 12, first.month % 12 + 1, 1)",
            "date(first.year + first.month // 11, first.month % 12 + 1, 1)",
        ),
        (
            "slices: one slice too many",
            "slices.py",
            "while timestamp < after:",
            "while timestamp <= after:",
        ),
    ),
    *_mutants(
        "warehouse/duckdb",
        "digests sync/test_every_value.py warehouse/test_digest.py warehouse/test_duckdb.py",
        (
            "canonical: DuckDB does not double the mark",
            "canonical.py",
            '"characters": lambda _, name: f"replace({name}, {text(MARK)}, {text(MARK * 2)})"',
            '"characters": lambda _, name: name',
        ),
        (
            "literals: DuckDB's quotes are not doubled",
            "sql.py",
            """return "'" + value.replace("'", "''") + "'\"""",
            """return "'" + value + "'\"""",
        ),
    ),
    *_mutants(
        "source/sqlite",
        "source judge",
        (
            "canonical: a time with a T is taken for a plain one",
            "canonical.py",
            " AND instr({c}, ' ') = {_BLANK}",
            "",
        ),
        (
            "canonical: a short time is taken for a plain one",
            "canonical.py",
            " AND octet_length({c}) = {len(_TIME)}",
            "",
        ),
        (
            "canonical: a text with a mark is taken for a plain one",
            "canonical.py",
            "plain = f\"typeof({c}) = 'text' AND instr({c}, '{MARK}') = 0\"",
            "plain = f\"typeof({c}) = 'text'\"",
        ),
        (
            "reading: a NULL in a column that has none",
            "reading.py",
            "if values.null_count and not column.nullable:",
            "if False:",
        ),
    ),
]
_SERVERS = [
    *_mutants(
        "source/mssql",
        "mssql",
        (
            "watermark: SQL Server's lowest open row counts as written",
            "snapshot.py",
            "return floor - 1",
            "return floor",
        ),
    ),
    *_mutants(
        "warehouse/bigquery",
        "warehouse contracts",
        (
            "literals: BigQuery's quotes are not escaped",
            "sql.py",
            """if character in "\\\\'":""",
            """if character in "\\\\":""",
        ),
    ),
]
_BILLING = _mutants(
    "company",
    "company/test_billing_cases.py company/test_schema.py company/test_same_company.py",
    (
        "billing: tax is rounded down",
        "billing.py",
        "tax = ((subtotal - discount) * tax_percent + 50) // 100",
        "tax = ((subtotal - discount) * tax_percent) // 100",
    ),
    (
        "billing: tax on the price before the discount",
        "billing.py",
        "tax = ((subtotal - discount) * tax_percent + 50) // 100",
        "tax = (subtotal * tax_percent + 50) // 100",
    ),
    (
        "billing: the last retry never collects",
        "billing.py",
        "collected = retries <= len(dunning.retry_days)",
        "collected = retries < len(dunning.retry_days)",
    ),
    (
        "billing: what costs nothing is charged",
        "billing.py",
        "first_charge_at=np.where(nothing_due, NEVER, first)",
        "first_charge_at=first",
    ),
)
_MRR = _mutants(
    "marts/models",
    "marts/test_mrr.py marts/test_semantics.py marts/test_recomputed.py",
    (
        "mrr: a change that is overridden at once is in force",
        "intermediate/int_subscription_states.sql",
        "where next_effective_at is null or next_effective_at > effective_at",
        "where next_effective_at is null or next_effective_at >= effective_at",
    ),
    (
        "mrr: past due is not charged",
        "intermediate/int_subscription_states.sql",
        "split.status in ('active', 'past_due') as is_charged",
        "split.status in ('active') as is_charged",
    ),
    (
        "mrr: a year's price is a month's",
        "intermediate/int_subscription_states.sql",
        "case when plans.billing_interval = 'year' then 12 else 1 end as interval_months",
        "case when plans.billing_interval = 'year' then 1 else 1 end as interval_months",
    ),
    (
        "mrr: a reactivation eleven months ago is forgotten",
        "marts/mrr_monthly.sql",
        "rows between 11 preceding and current row",
        "rows between 10 preceding and current row",
    ),
    (
        "mrr: nrr counts what came back",
        "marts/mrr_monthly.sql",
        "case when opening_mrr > 0 and reactivation_mrr = 0 then closing_mrr end",
        "case when opening_mrr > 0 then closing_mrr end",
    ),
    (
        "mrr: grr counts expansion",
        "marts/mrr_monthly.sql",
        "{{ sum_money('least(closing_mrr, opening_mrr)') }} as kept_mrr",
        "{{ sum_money('closing_mrr') }} as kept_mrr",
    ),
    (
        "mrr: churn without a kind is involuntary",
        "marts/fct_mrr_movements.sql",
        "coalesce(churn_kind, 'voluntary')",
        "coalesce(churn_kind, 'involuntary')",
    ),
)
_CONTRACTS = _mutants(
    "contracts",
    "contracts",
    (
        "contracts: two equal rows are unique",
        "evaluation.py",
        "HAVING COUNT(*) > 1",
        "HAVING COUNT(*) > 2",
    ),
    (
        "contracts: references to a parent that differs are checked",
        "evaluation.py",
        "            if parent.name in differing\n            or not warehouse",
        "            if not warehouse",
    ),
    (
        "contracts: a text of the greatest length is too long",
        "rules.py",
        "LENGTH({sql}) > {length}",
        "LENGTH({sql}) >= {length}",
    ),
    (
        "contracts: values of NULL are equal",
        "evaluation.py",
        'IS NOT NULL" for column in rule.columns',
        'IS NOT DISTINCT FROM r.{warehouse.quoted(column)}" for column in rule.columns',
    ),
)
_REBUILT = _mutants(
    "refresh",
    "refresh defs/test_automation.py end_to_end marts/test_built_from.py",
    (
        "rebuilt: other code makes nothing stale",
        "staleness.py",
        "if product.code != build.code:",
        "if False:",
    ),
    (
        "rebuilt: an edited table is not noticed",
        "staleness.py",
        "if state != build.state:",
        "if False:",
    ),
    (
        "rebuilt: a changed row of an unsliced table touches no month",
        "mart_months.py",
        "if oldest is not None and oldest < as_of:",
        "if oldest is not None and oldest > as_of:",
    ),
    (
        "rebuilt: the last touched month instead of the first",
        "mart_months.py",
        "first = min([*days, *(day for day in reached if day is not None)], default=None)",
        "first = max([*days, *(day for day in reached if day is not None)], default=None)",
    ),
    (
        "rebuilt: a month is known beyond the clock",
        "company_months.py",
        "return min(month.end, self.clock.as_of)",
        "return month.end",
    ),
)

MUTANTS: tuple[Mutant, ...] = (
    *_SYNC,
    *_PROOF,
    *_TEXTS,
    *_SERVERS,
    *_BILLING,
    *_MRR,
    *_CONTRACTS,
    *_REBUILT,
)
