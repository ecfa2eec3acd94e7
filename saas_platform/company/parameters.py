"""Every number that shapes a company, in one typed place, with its reason.

Holds: the parameters. Does not hold: code that uses them, nor the knobs by which a user sets some of
them (config.py). Order of segments: smb, mid_market, enterprise; of tiers: starter, team, business,
enterprise (see schema/vocabulary.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from saas_platform.company.columns import Array


@dataclass(frozen=True)
class Growth:
    """Signups: a growth curve with a season.

    The first `window_months` sum to the company's size at the usual growth; another `monthly` bends
    the curve from the first month on, so that more growth only adds accounts.
    """

    window_months: int = 24
    usual: float = 0.004
    monthly: float = 0.004
    #: Signups of each month from the start on, instead of size and curve; `monthly` goes on from there.
    given: tuple[int, ...] = ()
    #: January to December: the first half-year is stronger, a summer dip (Buffer's decomposition).
    season: tuple[float, ...] = (
        1.14, 1.10, 1.12, 1.06, 1.04, 1.00, 0.88, 0.82, 0.98, 1.00, 0.96, 0.80,
    )  # fmt: skip
    #: A weekend day draws this part of the signups of a working day.
    weekend: float = 0.35
    #: Signups, and so billing, fall between these hours (UTC), so that a bill and its first charge
    #: never lie on two sides of midnight.
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
    #: Part of the accounts of a country with a language of its own that choose English all the same.
    english_anyway: float = 0.15
    #: By segment: small ones come by search and social, large ones by partners and sales.
    channel: tuple[tuple[float, ...], ...] = (
        (0.34, 0.24, 0.18, 0.16, 0.05, 0.03),
        (0.26, 0.18, 0.08, 0.16, 0.16, 0.16),
        (0.12, 0.08, 0.02, 0.14, 0.26, 0.38),
    )
    #: Seats first bought: median and sigma of a log-normal, by segment; the largest is capped so
    #: that the ordinals of an account's users stay below 1000.
    seats_median: tuple[float, ...] = (3.6, 11.6, 27.0)
    seats_sigma: tuple[float, ...] = (0.60, 0.54, 0.48)
    seats_cap: int = 260
    #: Tier by segment.
    tier: tuple[tuple[float, ...], ...] = (
        (0.50, 0.40, 0.10, 0.00),
        (0.08, 0.46, 0.40, 0.06),
        (0.00, 0.15, 0.50, 0.35),
    )
    #: Preference for annual plans: 20-50 % of accounts by size (ProfitWell, 941 firms).
    annual: tuple[float, ...] = (0.29, 0.40, 0.52)
    #: Trial without card, trial with card, direct purchase.
    entry: tuple[float, ...] = (0.55, 0.40, 0.05)
    #: Card, direct debit, bank transfer, by segment.
    method: tuple[tuple[float, ...], ...] = (
        (0.86, 0.14, 0.00),
        (0.66, 0.20, 0.14),
        (0.36, 0.18, 0.46),
    )
    #: Largest negotiated price reduction in percent, by segment.
    negotiated_percent: tuple[int, ...] = (0, 10, 20)


@dataclass(frozen=True)
class Health:
    """Latent health: AR(1) around the account's own fit, with rare shocks (a champion leaves)."""

    fit_sigma: float = 0.45
    entry_sigma: float = 0.50
    persistence: float = 0.70
    noise_sigma: float = 0.40
    shock_probability: float = 0.028
    shock_depth: float = 2.2
    #: Least health of an account that comes back.
    reactivated: float = 0.2


@dataclass(frozen=True)
class Conversion:
    """Trial to paid: 4-15 % without a card, 25-60 % with one (median 8 %, two humps)."""

    without_card: float = 0.085
    with_card: float = 0.42
    #: Weight of health at the decision, on the log of the probability.
    health: float = 0.45
    highest: float = 0.92


@dataclass(frozen=True)
class Churn:
    """Voluntary hazard at a renewal: logistic in the causes, times the promo's ratio."""

    #: By segment: base probability at a monthly renewal of a settled account of health 0.
    monthly: tuple[float, ...] = (0.0035, 0.0017, 0.00044)
    #: By segment: at an annual renewal, which answers for a whole year.
    yearly: tuple[float, ...] = (0.105, 0.042, 0.012)
    health: float = 1.65
    #: Weight of the log of seats over the segment's median: who has rolled it out, stays.
    size: float = 0.60
    #: A new account is still finding out whether the product fits: added on the first month, fading.
    early: float = 2.6
    early_months: float = 3.2
    price_sensitivity: float = 0.25
    #: By segment: factor on the whole hazard, the knob of a user.
    level: tuple[float, ...] = (1.0, 1.0, 1.0)
    #: Weight of a list price that rose since, as a part of it (0.06 is 6 %), at the renewal that takes
    #: it over.
    price_rise: float = 4.0
    #: Odds ratio of each recent complaint (target x1.1-1.3).
    complaint_odds: float = 1.2
    highest: float = 0.75
    #: After a pause of this many days the customer counts as gone (METRICS.md).
    pause_days: int = 90
    pause: float = 0.005
    resume: float = 0.45


@dataclass(frozen=True)
class Dunning:
    """Failed charges and what becomes of them."""

    #: First charge of an invoice fails, by method; with retries 5-14 % of charges (Recurly).
    failure: tuple[float, ...] = (0.0300, 0.015, 0.0)
    #: Larger companies keep their payment data in order.
    by_segment: tuple[float, ...] = (1.0, 0.65, 0.35)
    #: Annual charges are larger and the card on file older.
    yearly_factor: float = 2.0
    #: Retries, in days after the first charge; three weeks in all, below the 30 days of METRICS.md.
    retry_days: tuple[int, ...] = (2, 4, 7, 10, 14, 18)
    #: Part of the failed invoices collected by each retry; the sum is the recovery rate (45-60 %).
    recovered: tuple[float, ...] = (0.15, 0.12, 0.10, 0.08, 0.04, 0.03)
    end_days: int = 21
    refund: float = 0.008
    refund_days: int = 14
    #: Bank transfers arrive this many days after the invoice, at least and at most.
    transfer_days: tuple[int, int] = (4, 26)


@dataclass(frozen=True)
class Expansion:
    """Monthly odds of buying more or less."""

    seats: tuple[float, ...] = (0.0150, 0.0155, 0.0155)
    #: Land and expand: a new account grows faster; added on the first month, fading.
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
    """All list prices change by so many percent on a day."""

    on: date
    percent: int


@dataclass(frozen=True)
class PriceList:
    """Monthly seat prices in cents by tier; a year costs ten months."""

    monthly: tuple[int, ...] = (1200, 2200, 3900, 5900)
    trial_days: int = 14
    #: Months that a year costs.
    year: int = 10
    #: Names on the price page.
    names: tuple[str, ...] = ("Starter", "Team", "Business", "Enterprise")
    #: In order of time; a renewal after one takes it over.
    changes: tuple[PriceChange, ...] = ()
    #: Part of the accounts that keep their old price.
    grandfathered: float = 0.35


@dataclass(frozen=True)
class Staff:
    """People of an account."""

    adoption: tuple[float, float] = (0.60, 1.00)
    trial_users: int = 3
    turnover: float = 0.012
    erasure: float = 0.10
    #: An erasure comes this many days after the deactivation: later than any ticket stays open.
    erasure_days: tuple[int, int] = (20, 80)


@dataclass(frozen=True)
class Usage:
    """Sessions: a user is active on a day with a probability, and then uses some features."""

    #: Median probability of a working day, and its spread between users.
    daily: float = 0.068
    user_sigma: float = 0.75
    health: float = 1.00
    #: Part of a working day's activity on a weekend day: -60 to -80 %.
    weekend: float = 0.28
    trial: float = 1.4
    #: January to December: a summer dip.
    season: tuple[float, ...] = (
        1.04, 1.06, 1.07, 1.05, 1.04, 1.00, 0.90, 0.87, 1.00, 1.03, 1.02, 0.92,
    )  # fmt: skip
    #: Activity that is left after the customer has asked to cancel.
    leaving: float = 0.22
    highest: float = 0.92
    #: Feature uses of a session: 1 plus a Poisson count of this mean.
    features: float = 1.8
    #: Working hours: hours after local midnight, and UTC offset by country.
    hours: tuple[float, float] = (8.0, 18.5)
    utc_offset: tuple[int, ...] = (-6, 0, 1, 1, 1, 1, 1, -5, 10, -3, 5, 9)


@dataclass(frozen=True)
class Support:
    """Tickets: complaints apart, as they raise the odds of churn."""

    base: float = 0.05
    by_root_seats: float = 0.045
    complaints: float = 0.035
    health: float = 0.40
    #: Question, bug, billing, feature request.
    category: tuple[float, ...] = (0.46, 0.28, 0.14, 0.12)
    #: A ticket is closed within this many days, before any erasure of its user.
    longest_days: int = 15
    satisfaction_given: float = 0.45


@dataclass(frozen=True)
class Outage:
    """Days on which the product hardly works: little use, many complaints."""

    start: date
    days: int
    #: Part of the usual activity that is left.
    activity: float
    #: Complaints of a day, as a multiple of the usual ones.
    complaints: float

    def covers(self, day: Array) -> Array:
        """Which days (since 1970) lie in it."""
        first = (self.start - date(1970, 1, 1)).days
        return (day >= first) & (day < first + self.days)


@dataclass(frozen=True)
class Campaign:
    """A campaign: one promo code a year from this day of the year on, or one in `year` alone."""

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


#: More than 25 % off churned twice as often; every campaign keeps a random holdout. Acquisition
#: campaigns lie further apart than a trial is long, so that a trial meets one of them at most.
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
    campaigns: tuple[Campaign, ...] = CAMPAIGNS
    #: A treated account that buys uses the code with this probability; a loyal one accepts.
    used: float = 0.80
    accepted: float = 0.60
    loyalty_tenure_months: int = 6
    #: Days that a trial must still last when the offer is made.
    least_trial_days: int = 2


@dataclass(frozen=True)
class Parameters:
    """All of them."""

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
