"""The end of failed payments: a retry recovers them, or they are given up.

Contains: this step of a month. Out of scope: the failure itself (renewals.py).
"""

from __future__ import annotations

import numpy as np

from saas_platform.company.hazards import retry_seconds
from saas_platform.company.month_state import MonthState
from saas_platform.company.state import CANCELLATION, REASON, STATUS, Subscriptions
from saas_platform.company.timestamps import DAY, NEVER


def settle_failures(state: MonthState, subs: Subscriptions) -> None:
    """End the open dunning cases whose end is in the month."""
    waits = np.concatenate(
        [[0], retry_seconds(state.parameters.dunning), [state.parameters.dunning.end_days * DAY]]
    )
    ends_at = subs.failed_at + waits[subs.retries]
    ending = (subs.failed_at > 0) & state.span.holds(ends_at)
    lost = ending & (subs.retries > len(state.parameters.dunning.retry_days))
    recovered = np.flatnonzero(ending & ~lost)
    state.record(
        subs,
        recovered,
        ends_at[recovered],
        "payment_recovered",
        status=STATUS["active"],
        failed_at=NEVER,
        retries=0,
    )
    gone = np.flatnonzero(lost)
    account = subs.account[gone]
    state.record(
        subs,
        gone,
        ends_at[gone],
        "canceled",
        status=STATUS["canceled"],
        ended_at=ends_at[gone],
        cancellation=CANCELLATION["involuntary"],
        reason=REASON["payment_failed"],
        failed_at=NEVER,
    )
    state.end_access(account, ends_at[gone])
    state.latent.churned_month[account] = state.span.index
