"""What a user can set about a company: its seed, its size and the knobs in `company.yaml`.

Contains: the typed and validated config, how it is read from a file, and the parameters that follow
from it. Out of scope: the numbers that no knob changes (parameters.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    field_validator,
    model_validator,
)

from saas_platform.clock import Month, start_month
from saas_platform.company.parameters import (
    CAMPAIGNS,
    Campaign,
    Outage,
    Parameters,
    PriceChange,
)
from saas_platform.company.promotions import code_text
from saas_platform.errors import PlatformError
from saas_platform.validation.yaml_file import read_model

#: Increase this number whenever the same config gives different rows.
COMPANY_VERSION = 2

_USUAL = Parameters()
_TIERS = tuple(zip(_USUAL.prices.names, _USUAL.prices.monthly, strict=True))
#: (months after the start, percent): the list price rises of a company that sets no `price_changes`.
_USUAL_RISES = ((15, 6), (39, 6), (63, 6))
_Part = Annotated[float, Field(ge=0, le=1)]
_Weight = Annotated[float, Field(gt=0, le=10)]


class CompanyError(PlatformError):
    """A knob is wrong. The message names the knob and says what to write instead."""


class _Knobs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GrowthKnobs(_Knobs):
    """How many accounts sign up over time."""

    monthly: float = Field(
        _USUAL.growth.usual,
        ge=-0.2,
        le=0.5,
        description="Growth of signups from one month to the next; 0.01 is 1 %",
    )
    signups: tuple[Annotated[int, Field(ge=1, le=999_999)], ...] = Field(
        (),
        max_length=240,
        description="Signups in each month from `start` on, instead of `accounts`; after the last of"
        " them growth continues with `monthly`",
    )
    weekend: float = Field(
        _USUAL.growth.weekend,
        ge=0.01,
        le=2,
        description="Signups on a weekend day, as a fraction of those on a working day",
    )


class BySegment(_Knobs):
    """One number for each customer segment."""

    smb: float
    mid_market: float
    enterprise: float

    @property
    def values(self) -> tuple[float, ...]:
        return (self.smb, self.mid_market, self.enterprise)


class SegmentShares(BySegment):
    """Share of each segment in the signups. The numbers are weights and need not add up to 1."""

    smb: float = Field(_USUAL.mix.segment[0], ge=0, le=1)
    mid_market: float = Field(_USUAL.mix.segment[1], ge=0, le=1)
    enterprise: float = Field(_USUAL.mix.segment[2], ge=0, le=1)

    @model_validator(mode="after")
    def _check_sum(self) -> SegmentShares:
        if sum(self.values) <= 0:
            raise ValueError("at least one segment needs a share above 0")
        return self


class ChurnLevel(BySegment):
    """Factor on the voluntary hazard. 1 gives about 3.4, 1.8 and 0.7 % logo churn a month."""

    smb: float = Field(1.0, ge=0, le=5)
    mid_market: float = Field(1.0, ge=0, le=5)
    enterprise: float = Field(1.0, ge=0, le=5)


class AnnualShares(BySegment):
    """Share of the accounts that take an annual plan."""

    smb: float = Field(_USUAL.mix.annual[0], ge=0, le=1)
    mid_market: float = Field(_USUAL.mix.annual[1], ge=0, le=1)
    enterprise: float = Field(_USUAL.mix.annual[2], ge=0, le=1)


class PlanKnobs(_Knobs):
    """One tier of the price page."""

    name: str = Field(min_length=1, max_length=40, description="Name on the price page")
    monthly_price_cents: int = Field(
        ge=0, le=1_000_000, description="List price of one seat for one month, in cents"
    )


def _plan(tier: int) -> PlanKnobs:
    name, price = _TIERS[tier]
    return PlanKnobs(name=name, monthly_price_cents=price)


class OfferingKnobs(_Knobs):
    """What the company sells: the trial and the plans."""

    trial_days: int = Field(
        _USUAL.prices.trial_days, ge=3, le=60, description="Length of the free trial in days"
    )
    year_costs_months: int = Field(
        _USUAL.prices.year, ge=1, le=12, description="Price of an annual plan, in monthly prices"
    )
    starter: PlanKnobs = _plan(0)
    team: PlanKnobs = _plan(1)
    business: PlanKnobs = _plan(2)
    enterprise: PlanKnobs = _plan(3)
    annual: AnnualShares = AnnualShares()

    @property
    def tiers(self) -> tuple[PlanKnobs, ...]:
        return (self.starter, self.team, self.business, self.enterprise)

    @model_validator(mode="after")
    def _check_names(self) -> OfferingKnobs:
        if len({plan.name for plan in self.tiers}) < len(self.tiers):
            raise ValueError("two plans have the same name")
        return self


class SeasonKnobs(_Knobs):
    """Seasonal factors for January to December, as multiples of an average month."""

    signups: tuple[_Weight, ...] = Field(
        _USUAL.growth.season,
        min_length=12,
        max_length=12,
        description="Factors on the signups",
    )
    usage: tuple[_Weight, ...] = Field(
        _USUAL.usage.season,
        min_length=12,
        max_length=12,
        description="Factors on the users' activity",
    )


class UsageKnobs(_Knobs):
    """How active the users are."""

    activity: float = Field(
        1.0, gt=0, le=5, description="Factor on the number of days on which users are active"
    )
    actions: float = Field(
        _USUAL.usage.features,
        ge=0,
        le=6,
        description="Average number of features used in a session beyond the first",
    )


class PriceChangeKnobs(_Knobs):
    """A change of all list prices. Customers pay the new price from their next renewal on."""

    start: date = Field(description="First day of the new prices")
    percent: int = Field(
        ge=-90, le=300, description="Change in percent; a negative number is a price cut"
    )


class OutageKnobs(_Knobs):
    """A run of days on which the product hardly works."""

    start: date = Field(description="First day")
    days: int = Field(7, ge=1, le=60, description="Number of days")
    activity: _Part = Field(0.1, description="Fraction of the usual activity that remains")
    complaints: float = Field(
        4.0, ge=1, le=20, description="Complaints on these days, as a multiple of the usual number"
    )


class CampaignKnobs(_Knobs):
    """A promo code defined by the user, with its true effect and its random holdout."""

    name: str = Field(min_length=1, max_length=28, pattern=r"^[A-Za-z][A-Za-z0-9 ]*$")
    kind: Literal["acquisition", "loyalty"] = Field(
        "acquisition",
        description="Offered to trials (acquisition) or to customers of six months or more (loyalty)",
    )
    start: date = Field(description="First day")
    days: int = Field(30, ge=1, le=180, description="Length of the campaign in days")
    discount_percent: int = Field(ge=1, le=100)
    duration_months: int | None = Field(
        3, ge=1, le=36, description="Months that the discount lasts; null means for ever"
    )
    holdout_percent: int = Field(
        20, ge=0, le=90, description="Percentage of the eligible accounts held out at random"
    )
    conversion_lift: float = Field(
        1.0,
        ge=0.2,
        le=5,
        description="True factor on the conversion probability of a treated trial",
    )
    hazard_ratio: float = Field(
        1.0,
        ge=0.2,
        le=5,
        description="True factor on the churn hazard of an account that uses the code",
    )

    @model_validator(mode="after")
    def _check_duration(self) -> CampaignKnobs:
        if self.kind == "loyalty" and self.duration_months is None:
            raise ValueError("a loyalty campaign needs duration_months: write a number of months")
        return self

    @property
    def terms(self) -> Campaign:
        return Campaign(
            name=self.name.lower(),
            kind=self.kind,
            month=self.start.month,
            day=self.start.day,
            length_days=self.days,
            discount_percent=self.discount_percent,
            duration_months=self.duration_months,
            holdout_percent=self.holdout_percent,
            conversion_lift=self.conversion_lift,
            hazard_ratio=self.hazard_ratio,
            year=self.start.year,
        )


class CompanyConfig(_Knobs):
    """Everything that decides the rows of a company. Every field is optional."""

    seed: int = Field(
        7, ge=0, lt=2**63, description="Random seed; a different seed gives a different company"
    )
    accounts: int = Field(
        5000,
        ge=1,
        le=10_000_000,
        description="Accounts that sign up in the first 24 months at the usual growth",
    )
    start: Annotated[InstanceOf[Month], BeforeValidator(start_month), PlainSerializer(str)] = Field(
        Month(2024, 1), description="First month"
    )
    growth: GrowthKnobs = GrowthKnobs()
    segments: SegmentShares = SegmentShares()
    churn: ChurnLevel = ChurnLevel()
    plans: OfferingKnobs = OfferingKnobs()
    season: SeasonKnobs = SeasonKnobs()
    usage: UsageKnobs = UsageKnobs()
    price_changes: tuple[PriceChangeKnobs, ...] | None = Field(
        None,
        max_length=50,
        description="Price changes that replace the usual 6 % after 15, 39 and 63 months",
    )
    outages: tuple[OutageKnobs, ...] = Field((), max_length=50)
    campaigns: tuple[CampaignKnobs, ...] = Field((), max_length=20)
    yearly_campaigns: bool = Field(
        True, description="Whether the usual campaigns run every year as well"
    )

    @field_validator("price_changes")
    @classmethod
    def _sorted(
        cls, changes: tuple[PriceChangeKnobs, ...] | None
    ) -> tuple[PriceChangeKnobs, ...] | None:
        days = [change.start for change in changes or ()]
        if len(set(days)) < len(days):
            raise ValueError("two price changes fall on the same day")
        return None if changes is None else tuple(sorted(changes, key=lambda c: c.start))

    @model_validator(mode="after")
    def _check_campaigns_and_dates(self) -> CompanyConfig:
        first = self.start.start.date()
        dated = [("price_changes", c.start) for c in self.price_changes or ()]
        dated += [("campaigns", c.start) for c in self.campaigns]
        for name, day in dated:
            if day <= first:
                raise ValueError(
                    f"{name}: {day} is not after the start of the company, {first}; choose a later day"
                )
        codes = [code_text(c.name, c.start.year) for c in self.campaigns]
        if self.yearly_campaigns:
            codes += [code_text(c.name, k.start.year) for c in CAMPAIGNS for k in self.campaigns]
        for campaign in self.campaigns:
            code = code_text(campaign.name, campaign.start.year)
            if codes.count(code) > 1:
                raise ValueError(f"campaigns: two campaigns would have the code {code}; rename one")
        return self

    @cached_property
    def parameters(self) -> Parameters:
        """All numbers that shape this company."""
        usual = _USUAL
        changes = self.price_changes
        if changes is None:
            prices = tuple(
                PriceChange(self.start.plus(after).start.date(), percent)
                for after, percent in _USUAL_RISES
            )
        else:
            prices = tuple(PriceChange(c.start, c.percent) for c in changes)
        yearly = CAMPAIGNS if self.yearly_campaigns else ()
        return replace(
            usual,
            growth=replace(
                usual.growth,
                monthly=self.growth.monthly,
                given=self.growth.signups,
                weekend=self.growth.weekend,
                season=self.season.signups,
            ),
            mix=replace(usual.mix, segment=self.segments.values, annual=self.plans.annual.values),
            churn=replace(usual.churn, level=self.churn.values),
            prices=replace(
                usual.prices,
                trial_days=self.plans.trial_days,
                year=self.plans.year_costs_months,
                monthly=tuple(plan.monthly_price_cents for plan in self.plans.tiers),
                names=tuple(plan.name for plan in self.plans.tiers),
                changes=prices,
            ),
            usage=replace(
                usual.usage,
                daily=usual.usage.daily * self.usage.activity,
                features=self.usage.actions,
                season=self.season.usage,
            ),
            promotions=replace(
                usual.promotions, campaigns=(*(c.terms for c in self.campaigns), *yearly)
            ),
            outages=tuple(Outage(o.start, o.days, o.activity, o.complaints) for o in self.outages),
        )

    def to_yaml(self) -> str:
        """Return all knobs as a `company.yaml`, including those that have their default."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    @property
    def name(self) -> str:
        """A readable name that is different for every other company."""
        knobs = self.model_dump_json(exclude={"seed", "accounts", "start"}, exclude_defaults=True)
        words = f"seed {self.seed}, {self.accounts} accounts from {self.start}"
        if knobs != "{}":
            words += f", knobs {hashlib.sha256(knobs.encode()).hexdigest()[:8]}"
        return f"{words}, version {COMPANY_VERSION}"


def read_config(path: Path | None, **overrides: Any) -> CompanyConfig:
    """Read a company's config from a YAML file (None means all defaults); `overrides` replace its values.

    Raises CompanyError for a file that can't be read, an unknown knob or a wrong value.
    """
    return read_model(CompanyConfig, path, CompanyError, **overrides)
