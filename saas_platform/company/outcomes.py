"""The outcomes of a month for each paying subscription, drawn from its hazards at the month's start.

Contains: the draws. Out of scope: the hazards (hazards.py) and the effects of the outcomes (dunning.py,
renewals.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saas_platform.company.columns import Array
from saas_platform.company.hazards import SubscriptionHazards, recovered_by
from saas_platform.company.parameters import Dunning
from saas_platform.company.randomness import Dice
from saas_platform.company.state import Subscriptions
from saas_platform.company.timestamps import Span


@dataclass
class Outcomes:
    """Outcome of each subscription. Each one holds only if no earlier outcome prevents it."""

    renews: Array
    renewal_at: Array
    cancels: Array
    pauses: Array
    #: Number of the retry that collects the renewal's failed charge: 0 if the charge does not fail, one
    #: more than there are retries if none of them collects it.
    retries: Array


def draw_outcomes(
    dice: Dice, dunning: Dunning, span: Span, subs: Subscriptions, hazards: SubscriptionHazards
) -> Outcomes:
    """Draw cancellation, pause and payment for the month's renewals.

    The end of a dunning that is open at the start is not drawn here. It was drawn, with the same
    probability, when the charge failed (`Subscriptions.retries`), and it is revealed retry by retry.

    Args:
        dice: the random numbers.
        dunning: the parameters of dunning.
        span: the month.
        subs: the subscriptions at the start of the month.
        hazards: the hazards of these subscriptions.

    Returns:
        What becomes of each of these subscriptions in the month.
    """
    key, month = subs.subscription_id, span.index
    primary = ~subs.second
    drawn = dice.uniform("recovery", key, month)
    collected = np.searchsorted(recovered_by(dunning), drawn, side="right")
    fails = dice.happens(hazards.failure, "failure", key, month)
    return Outcomes(
        renews=hazards.renews & primary,
        renewal_at=hazards.renewal_at,
        cancels=primary & dice.happens(hazards.voluntary, "voluntary", key, month),
        pauses=primary & dice.happens(hazards.pause, "pause", key, month),
        retries=np.where(fails, collected + 1, 0),
    )
