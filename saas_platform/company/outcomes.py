"""What the month brings to each paying subscription, drawn from its hazards at the month's start.

Holds: the draws. Does not hold: the hazards (hazards.py) nor what the outcomes do (dunning.py,
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
    """Outcomes beside the subscriptions; each given that the subscription comes so far."""

    renews: Array
    renewal_at: Array
    cancels: Array
    pauses: Array
    #: Retry that collects the renewal's failed charge; 0: it does not fail; one too many: none does.
    retries: Array


def draw_outcomes(
    dice: Dice, dunning: Dunning, span: Span, subs: Subscriptions, hazards: SubscriptionHazards
) -> Outcomes:
    """Draws cancellation, pause and payment of the month's renewals.

    The end of a dunning that is open at the start is not drawn here: it was drawn, with the same
    probability, when the charge failed (`Subscriptions.retries`), and comes to light retry by retry.
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
