"""The truth behind the rows, which no mart and no model may read; evaluation compares with it.

Contains: the two tables of the truth and their meaning. Out of scope: where the hazards come from
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
        b"holdout_percent": b"percentage of the eligible accounts held out from the offer at random;"
        b" promo_redemptions.arm names them",
        b"true_conversion_lift": b"factor on the conversion probability of a treated trial",
        b"true_hazard_ratio": b"factor on the voluntary hazard of a subscription with the code; for a"
        b" loyalty code only while its discount lasts",
    },
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
