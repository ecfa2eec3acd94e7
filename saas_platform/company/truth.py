"""The truth behind the rows: what no mart and no model may read, and evaluation compares with.

Holds: the two tables of truth and what they mean. Does not hold: where the odds come from
(hazards.py) nor how much of them can be seen (oracle.py).

Churn within a month m, as marts can compute it from `subscription_changes`: the account has MRR status
(`active` or `past_due`) at the start of m, and the last of its subscriptions that have it becomes
`canceled` with `effective_at` in [m.start, m.end). A cancellation takes effect at the end of the paid
period, so the hazard is that of the end taking effect in m: of an annual plan it is concentrated in
the renewal month and 0 in the others (but for a dunning that is open). Pauses are not churn; the end
of a pause is not either, as a paused account does not pay at the start. A second subscription ends
with the first or earlier, so the account's hazard is the first one's.
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
    b"hazard": b"probability of that end taking effect within the month, at its start, given the"
    b" latent state at the end of the month before; annual plans: in the renewal month",
    b"observable_hazard": b"expectation of the hazard given the source database up to the start of the"
    b" month, with the true parameters: the best score that a reader of it could give, but for the"
    b" approximations of oracle.py",
    b"expected_remaining_value": b"revenue of the next 36 months, mrr x (1 - (1 - h)^36) / h with h"
    b" the monthly hazard at half-way reverted health; not discounted, no margin",
}

ACCOUNT_MONTHS_SCHEMA = pa.schema(
    [
        pa.field("account_id", pa.int64(), nullable=False),
        pa.field("month", pa.date32(), nullable=False),
        pa.field("voluntary_hazard", pa.float64(), nullable=False),
        pa.field("involuntary_hazard", pa.float64(), nullable=False),
        pa.field("observable_voluntary_hazard", pa.float64(), nullable=False),
        pa.field("observable_involuntary_hazard", pa.float64(), nullable=False),
        pa.field("health", pa.float64(), nullable=False),
        pa.field("mrr_cents", pa.int64(), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("expected_remaining_value_cents", pa.int64(), nullable=False),
    ],
    metadata=_MEANING,
)
CAMPAIGNS_SCHEMA = pa.schema(
    [
        pa.field("promo_code_id", pa.int64(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("holdout_percent", pa.int64(), nullable=False),
        pa.field("true_conversion_lift", pa.float64(), nullable=False),
        pa.field("true_hazard_ratio", pa.float64(), nullable=False),
    ],
    metadata={
        b"holdout_percent": b"part of the eligible kept without the offer, at random; who they are stands in"
        b" promo_redemptions.arm",
        b"true_conversion_lift": b"factor on the conversion probability of a treated trial",
        b"true_hazard_ratio": b"factor on the voluntary hazard of a subscription with the code; of a"
        b" loyalty code while its discount lasts",
    },
)


def account_months(record: MonthRecord, observable: tuple[Array, Array]) -> pa.Table:
    """Truth of one month: one row per account that pays at its start.

    `observable` has the voluntary and involuntary hazards of the same accounts as the source
    determines them (oracle.py).
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
    """True effects of the campaigns."""
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
