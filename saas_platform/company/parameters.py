"""Every number that shapes a company, typed, in one place and with its reason.

Contains: the parameters. Out of scope: the code that uses them, and the knobs with which a user sets
some of them (config.py). Tuples by segment are in the order smb, mid_market, enterprise; tuples by tier
are in the order starter, team, business, enterprise (see schema/vocabulary.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from saas_platform.company.columns import Array


@dataclass(frozen=True)
class Growth:
    """Signups: a growth curve with a seasonal factor.

    At the usual growth the first `window_months` sum to the company's size. Another `monthly` bends
    the curve from the first month on, so that more growth only adds accounts.
    """

    window_months: int = 24
    usual: float = 0.004
    monthly: float = 0.004
    #: Signups in each month from the start on, instead of size and curve. `monthly` continues from the last.
    given: tuple[int, ...] = ()
    #: January to December: a stronger first half-year and a summer dip (Buffer's decomposition).
    season: tuple[float, ...] = (
        1.14, 1.10, 1.12, 1.06, 1.04, 1.00, 0.88, 0.82, 0.98, 1.00, 0.96, 0.80,
    )  # fmt: skip
    #: Signups on a weekend day, as a fraction of those on a working day.
    weekend: float = 0.35
    #: Signups, and therefore billing, fall between these hours (UTC), so that an invoice and its first
    #: charge are always on the same day.
    open_hour: int = 5
    close_hour: int = 21


@dataclass(frozen=True)
class Mix:
    """What kinds of accounts sign up."""

    segment: tuple[float, ...] = (0.73, 0.18, 0.09)
    industry: tuple[float, ...] = (0.22, 0.10, 0.09, 0.12, 0.10, 0.07, 0.09, 0.07, 0.11, 0.03)
    country: tuple[float, ...] = (
        0.36, 0.12, 0.11, 0.08, 0.06, 0.05, 0.04, 0.06, 0.04, 0.03, 0.03, 0.02,
    )  # fmt: skip
    #: Fraction of the accounts in a non-English-speaking country that choose English anyway.
    english_anyway: float = 0.15
    #: By segment: small accounts come through search and social, large ones through partners and sales.
    channel: tuple[tuple[float, ...], ...] = (
        (0.34, 0.24, 0.18, 0.16, 0.05, 0.03),
        (0.26, 0.18, 0.08, 0.16, 0.16, 0.16),
        (0.12, 0.08, 0.02, 0.14, 0.26, 0.38),
    )
    #: Seats of the first purchase: median and sigma of a log-normal distribution, by segment. The cap
    #: keeps the ordinals of an account's users below 1000.
    seats_median: tuple[float, ...] = (3.6, 11.6, 27.0)
    seats_sigma: tuple[float, ...] = (0.60, 0.54, 0.48)
    seats_cap: int = 260
    #: Weights of the tiers, by segment.
    tier: tuple[tuple[float, ...], ...] = (
        (0.50, 0.40, 0.10, 0.00),
        (0.08, 0.46, 0.40, 0.06),
        (0.00, 0.15, 0.50, 0.35),
    )
    #: Share of accounts on annual plans: 20-50 % depending on size (ProfitWell, 941 firms).
    annual: tuple[float, ...] = (0.29, 0.40, 0.52)
    #: Weights of: trial without card, trial with card, direct purchase.
    entry: tuple[float, ...] = (0.55, 0.40, 0.05)
    #: Weights of card, direct debit and bank transfer, by segment.
    method: tuple[tuple[float, ...], ...] = (
        (0.86, 0.14, 0.00),
        (0.66, 0.20, 0.14),
        (0.36, 0.18, 0.46),
    )
    #: Largest negotiated price reduction in percent, by segment.
    negotiated_percent: tuple[int, ...] = (0, 10, 20)


@dataclass(frozen=True)
class Health:
    """Latent health: an AR(1) process around the account's own fit, with rare shocks (a champion leaves)."""

    fit_sigma: float = 0.45
    entry_sigma: float = 0.50
    persistence: float = 0.70
    noise_sigma: float = 0.40
    shock_probability: float = 0.028
    shock_depth: float = 2.2
    #: Minimum health of an account that comes back.
    reactivated: float = 0.2


@dataclass(frozen=True)
class Conversion:
    """Conversion from trial to paid: 4-15 % without a card, 25-60 % with one (median 8 %, two modes)."""

    without_card: float = 0.085
    with_card: float = 0.42
    #: Weight of the health at the decision in the logarithm of the probability.
    health: float = 0.45
    highest: float = 0.92


@dataclass(frozen=True)
class Churn:
    """Voluntary hazard at a renewal: logistic in its causes, times the promo code's ratio."""

    #: Base probability at a monthly renewal for a settled account of health 0, by segment.
    monthly: tuple[float, ...] = (0.0035, 0.0017, 0.00044)
    #: The same at an annual renewal, which stands for a whole year, by segment.
    yearly: tuple[float, ...] = (0.105, 0.042, 0.012)
    health: float = 1.65
    #: Weight of log(seats / segment median): a customer who has rolled the product out stays.
    size: float = 0.60
    #: A new account is still finding out whether the product fits. Added in the first month, then fading.
    early: float = 2.6
    early_months: float = 3.2
    price_sensitivity: float = 0.25
    #: Factor on the whole hazard, by segment: the user's knob.
    level: tuple[float, ...] = (1.0, 1.0, 1.0)
    #: Weight of the rise in the list price (0.06 is 6 %) since the customer's price was set, at the
    #: renewal that applies the new price.
    price_rise: float = 4.0
    #: Odds ratio of churn for each recent complaint (target x1.1-1.3).
    complaint_odds: float = 1.2
    highest: float = 0.75
    #: A customer who has paused for this many days counts as churned (docs/metrics.md).
    pause_days: int = 90
    pause: float = 0.005
    resume: float = 0.45


@dataclass(frozen=True)
class Dunning:
    """Failed charges and how they end."""

    #: Probability that the first charge of an invoice fails, by method. Retries included, 5-14 % of
    #: charges fail (Recurly).
    failure: tuple[float, ...] = (0.0300, 0.015, 0.0)
    #: Factor by segment: larger companies keep their payment data in order.
    by_segment: tuple[float, ...] = (1.0, 0.65, 0.35)
    #: Factor for annual plans: their charges are larger and the card on file is older.
    yearly_factor: float = 2.0
    #: Retries, in days after the first charge. Dunning takes three weeks in all, which is less than the
    #: 30 days of docs/metrics.md.
    retry_days: tuple[int, ...] = (2, 4, 7, 10, 14, 18)
    #: Fraction of the failed invoices that each retry collects. The sum is the recovery rate (45-60 %).
    recovered: tuple[float, ...] = (0.15, 0.12, 0.10, 0.08, 0.04, 0.03)
    end_days: int = 21
    refund: float = 0.008
    refund_days: int = 14
    #: Fewest and most days between an invoice and the arrival of its bank transfer.
    transfer_days: tuple[int, int] = (4, 26)


@dataclass(frozen=True)
class Expansion:
    """Monthly probabilities of buying more or less."""

    seats: tuple[float, ...] = (0.0150, 0.0155, 0.0155)
    #: Land and expand: a new account grows faster. Added in the first month, then fading.
    early: float = 18.0
    early_months: float = 4.0
    growth: tuple[float, float] = (0.08, 0.30)
    upgrade: float = 0.007
    health: float = 0.45
    contraction: float = 0.0028
    yearly_contraction: float = 0.025
    shrink: tuple[float, float] = (0.10, 0.30)
    downgrade: float = 0.002
    to_yearly: float = 0.006
    to_monthly: float = 0.06
    second: tuple[float, ...] = (0.001, 0.004, 0.008)
    second_end: float = 0.02
    reactivation: float = 0.042
    reactivation_months: int = 12


@dataclass(frozen=True)
class PriceChange:
    """A change of all list prices by a percentage on one day."""

    on: date
    percent: int


@dataclass(frozen=True)
class PriceList:
    """Monthly seat prices in cents by tier. By default a year costs ten months."""

    monthly: tuple[int, ...] = (1200, 2200, 3900, 5900)
    trial_days: int = 14
    #: Price of a year, in monthly prices.
    year: int = 10
    #: Names of the tiers on the price page.
    names: tuple[str, ...] = ("Starter", "Team", "Business", "Enterprise")
    #: Ordered by date. A renewal after a change applies it.
    changes: tuple[PriceChange, ...] = ()
    #: Fraction of the accounts that keep their old price.
    grandfathered: float = 0.35


@dataclass(frozen=True)
class Staff:
    """The users of an account."""

    adoption: tuple[float, float] = (0.60, 1.00)
    trial_users: int = 3
    turnover: float = 0.012
    erasure: float = 0.10
    #: Fewest and most days between deactivation and erasure: longer than any ticket stays open.
    erasure_days: tuple[int, int] = (20, 80)


@dataclass(frozen=True)
class Usage:
    """Sessions: each day a user is active with some probability, and then uses some features."""

    #: Median probability of being active on a working day, and its spread between users.
    daily: float = 0.068
    user_sigma: float = 0.75
    health: float = 1.00
    #: Activity on a weekend day, as a fraction of a working day's (a fall of 60 to 80 %).
    weekend: float = 0.28
    trial: float = 1.4
    #: January to December, with a summer dip.
    season: tuple[float, ...] = (
        1.04, 1.06, 1.07, 1.05, 1.04, 1.00, 0.90, 0.87, 1.00, 1.03, 1.02, 0.92,
    )  # fmt: skip
    #: Fraction of the activity that remains after the customer has asked to cancel.
    leaving: float = 0.22
    highest: float = 0.92
    #: Feature uses in a session: 1 plus a Poisson count with this mean.
    features: float = 1.8
    #: Working hours as hours after local midnight, and the UTC offset by country.
    hours: tuple[float, float] = (8.0, 18.5)
    utc_offset: tuple[int, ...] = (-6, 0, 1, 1, 1, 1, 1, -5, 10, -3, 5, 9)


@dataclass(frozen=True)
class Support:
    """Support tickets. Complaints are counted apart because they raise the odds of churn."""

    base: float = 0.05
    by_root_seats: float = 0.045
    complaints: float = 0.035
    health: float = 0.40
    #: Weights of question, bug, billing and feature request.
    category: tuple[float, ...] = (0.46, 0.28, 0.14, 0.12)
    #: Every ticket is closed within this many days, which is before any erasure of its user.
    longest_days: int = 15
    satisfaction_given: float = 0.45


@dataclass(frozen=True)
class Outage:
    """Days on which the product hardly works, with little use and many complaints."""

    start: date
    days: int
    #: Fraction of the usual activity that remains.
    activity: float
    #: Complaints on such a day, as a multiple of the usual number.
    complaints: float

    def covers(self, day: Array) -> Array:
        """Return whether each day (counted since 1970) is part of the outage."""
        first = (self.start - date(1970, 1, 1)).days
        return (day >= first) & (day < first + self.days)


@dataclass(frozen=True)
class Campaign:
    """A campaign: one promo code a year, starting on this date, or a single one if `year` is set."""

    name: str
    kind: str
    month: int
    day: int
    length_days: int
    discount_percent: int
    duration_months: int | None
    holdout_percent: int
    conversion_lift: float
    hazard_ratio: float
    #: Whether the code runs out before its planned end.
    runs_out: bool = False
    year: int | None = None


#: Customers who came with more than 25 % off churned twice as often. Every campaign keeps a random
#: holdout. The gaps between acquisition campaigns are longer than a trial, so that a trial meets at
#: most one of them.
CAMPAIGNS = (
    Campaign("spring start", "acquisition", 2, 12, 42, 40, 3, 20, 1.35, 1.75),
    Campaign("anniversary thanks", "loyalty", 5, 1, 31, 15, 6, 25, 1.0, 0.70),
    Campaign("partner launch", "acquisition", 5, 6, 24, 100, 2, 20, 1.50, 1.90),
    Campaign("forever ten", "acquisition", 7, 1, 20, 10, None, 30, 1.10, 1.00),
    Campaign("autumn deal", "acquisition", 9, 9, 35, 30, 6, 20, 1.30, 1.60, runs_out=True),
    Campaign("year end thanks", "loyalty", 11, 1, 30, 10, 3, 25, 1.0, 0.80),
    Campaign("black friday", "acquisition", 11, 18, 14, 50, 3, 15, 1.40, 1.85),
)


@dataclass(frozen=True)
class Promotions:
    """The campaigns, and how accounts respond to them."""

    campaigns: tuple[Campaign, ...] = CAMPAIGNS
    #: Probability that a treated account that buys uses the code, and that a loyal one accepts.
    used: float = 0.80
    accepted: float = 0.60
    loyalty_tenure_months: int = 6
    #: Days that a trial must still have left when the offer is made.
    least_trial_days: int = 2


@dataclass(frozen=True)
class Parameters:
    """All parameters of a company."""

    growth: Growth = field(default_factory=Growth)
    mix: Mix = field(default_factory=Mix)
    health: Health = field(default_factory=Health)
    conversion: Conversion = field(default_factory=Conversion)
    churn: Churn = field(default_factory=Churn)
    dunning: Dunning = field(default_factory=Dunning)
    expansion: Expansion = field(default_factory=Expansion)
    prices: PriceList = field(default_factory=PriceList)
    staff: Staff = field(default_factory=Staff)
    usage: Usage = field(default_factory=Usage)
    support: Support = field(default_factory=Support)
    promotions: Promotions = field(default_factory=Promotions)
    outages: tuple[Outage, ...] = ()
