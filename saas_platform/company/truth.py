"""The truth behind the rows, which no mart and no model may read; evaluation compares with it.

Contains: the tables of the truth and the meaning of their columns. Out of scope: where the hazards come from
(hazards.py) and how much of them can be observed (oracle.py).

Churn in a month m is defined so that marts can compute it from `subscription_changes`. The account pays
(status `active` or `past_due`) at the start of m, and the last of its paying subscriptions becomes
`canceled` with `effective_at` in [m.start, m.end). A cancellation takes effect at the end of the paid
period, so the hazard is the probability that an end takes effect in m. For an annual plan it is
concentrated in the renewal month and 0 in the other months, except while dunning is open. Pauses are not
churn. Neither is the end of a pause, because a paused account does not pay at the start of the month. A
second subscription ends with the first or earlier, so the account's hazard is that of the first.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from saas_platform.company.columns import Array
from saas_platform.company.promotions import PromoCode
from saas_platform.company.rendering import choices
from saas_platform.company.simulator import MonthRecord
from saas_platform.schema import vocabulary as v

_MEANING = {
    b"churn": b"pays (active or past_due) at the start of the month, and its last such subscription"
    b" becomes canceled with effective_at within the month",
    b"hazard": b"probability, at the start of the month, that such an end takes effect within it, given"
    b" the latent state at the end of the month before; for annual plans it is in the renewal month",
    b"observable_hazard": b"expectation of the hazard given the source database up to the start of the"
    b" month and the true parameters: the best score that a reader of the source could give, up to the"
    b" approximations listed in oracle.py",
    b"expected_remaining_value": b"expected revenue of the next 36 months, mrr x (1 - (1 - h)^36) / h,"
    b" where h is the monthly hazard at health reverted half way to the fit; neither discounted nor"
    b" reduced to a margin",
}


def _field(name: str, type_: pa.DataType, words: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, type_, nullable=nullable, metadata={"description": words})


ACCOUNT_MONTHS_SCHEMA = pa.schema(
    [
        _field("account_id", pa.int64(), "Account that pays at the start of the month"),
        _field("month", pa.date32(), "First day of the month in which the hazards act"),
        _field("voluntary_hazard", pa.float64(), "Hazard of an end that the customer decides"),
        _field("involuntary_hazard", pa.float64(), "Hazard of an end by payments that fail"),
        _field(
            "observable_voluntary_hazard",
            pa.float64(),
            "What the source database reveals of voluntary_hazard",
        ),
        _field(
            "observable_involuntary_hazard",
            pa.float64(),
            "What the source database reveals of involuntary_hazard",
        ),
        _field(
            "health",
            pa.float64(),
            "Latent health at the end of the month before; the higher, the less likely a churn",
        ),
        _field("mrr_cents", pa.int64(), "MRR at the start of the month (US cents)"),
        _field("segment", pa.string(), "Size class of the company, as given at signup"),
        _field(
            "expected_remaining_value_cents",
            pa.int64(),
            "Expected revenue of the next 36 months, neither discounted nor reduced to a margin (US cents)",
        ),
    ],
    metadata=_MEANING,
)
CAMPAIGNS_SCHEMA = pa.schema(
    [
        _field("promo_code_id", pa.int64(), "Key of the promo code"),
        _field("code", pa.string(), "The code that the customer enters"),
        _field(
            "holdout_percent",
            pa.int64(),
            "Percentage of the eligible accounts held out from the offer at random;"
            " promo_redemptions.arm names them",
        ),
        _field(
            "true_conversion_lift",
            pa.float64(),
            "Factor on the conversion probability of a treated trial",
        ),
        _field(
            "true_hazard_ratio",
            pa.float64(),
            "Factor on the voluntary hazard of a subscription with the code; for a loyalty code only"
            " while its discount lasts",
        ),
    ]
)
#: The errors that were injected on purpose (dirt.py).
PLANTED_SCHEMA = pa.schema(
    [
        _field("month", pa.string(), "Month whose batch has the error, as YYYY-MM"),
        _field("kind", pa.string(), "Kind of the error, such as late_row or odd_unicode"),
        _field("table", pa.string(), "Table of the row"),
        _field("key", pa.int64(), "Primary key of the row"),
        _field("column", pa.string(), "Column with the error; NULL for a whole row", nullable=True),
        _field("detail", pa.string(), "What was done, in words"),
    ]
)


def account_months(record: MonthRecord, observable: tuple[Array, Array]) -> pa.Table:
    """Return the truth of one month, with one row per account that pays at its start.

    `observable` has the observable voluntary and involuntary hazards of the same accounts (oracle.py).
    """
    truth = record.hazards
    first = np.datetime64(f"{record.span.month}-01", "D")
    return pa.table(
        [
            pa.array(truth.account_id),
            pa.array(np.full(len(truth), first), pa.date32()),
            pa.array(truth.voluntary),
            pa.array(truth.involuntary),
            *(pa.array(hazards) for hazards in observable),
            pa.array(truth.health),
            pa.array(truth.mrr_cents),
            choices(v.SEGMENTS, truth.segment),
            pa.array(truth.remaining_cents),
        ],
        schema=ACCOUNT_MONTHS_SCHEMA,
    )


def campaigns(codes: list[PromoCode]) -> pa.Table:
    """Return the true effects of the campaigns."""
    return pa.table(
        [
            pa.array([c.promo_code_id for c in codes], pa.int64()),
            pa.array([c.code for c in codes], pa.string()),
            pa.array([c.terms.holdout_percent for c in codes], pa.int64()),
            pa.array([c.terms.conversion_lift for c in codes], pa.float64()),
            pa.array([c.terms.hazard_ratio for c in codes], pa.float64()),
        ],
        schema=CAMPAIGNS_SCHEMA,
    )
