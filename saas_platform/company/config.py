"""What a user may say about a company: its seed, its size, and the knobs of `company.yaml`.

Holds: the typed, validated config, how it is read from a file, and the parameters that follow from
it. Does not hold: the numbers that no knob reaches (parameters.py).
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

#: Raised whenever the same config gives other rows.
COMPANY_VERSION = 2

_USUAL = Parameters()
_TIERS = tuple(zip(_USUAL.prices.names, _USUAL.prices.monthly, strict=True))
#: (months after the start, percent): the list prices of a company that says nothing of its own.
_USUAL_RISES = ((15, 6), (39, 6), (63, 6))
_Part = Annotated[float, Field(ge=0, le=1)]
_Weight = Annotated[float, Field(gt=0, le=10)]


class CompanyError(PlatformError):
    """A knob is wrong; the text names it and says what would be right."""


class _Knobs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GrowthKnobs(_Knobs):
    """Signups over time."""

    monthly: float = Field(
        _USUAL.growth.usual,
        ge=-0.2,
        le=0.5,
        description="Growth of signups from month to month; 0.01 is 1 %",
    )
    signups: tuple[Annotated[int, Field(ge=1, le=999_999)], ...] = Field(
        (),
        max_length=240,
        description="Signups of each month from `start` on, instead of `accounts`; `monthly` goes on"
        " from the last",
    )
    weekend: float = Field(
        _USUAL.growth.weekend,
        ge=0.01,
        le=2,
        description="Signups of a weekend day, as a part of a working day's",
    )


class BySegment(_Knobs):
    """A number for each size class of customers."""

    smb: float
    mid_market: float
    enterprise: float

    @property
    def values(self) -> tuple[float, ...]:
        return (self.smb, self.mid_market, self.enterprise)


class SegmentShares(BySegment):
    """Parts of the signups; they are taken as weights."""

    smb: float = Field(_USUAL.mix.segment[0], ge=0, le=1)
    mid_market: float = Field(_USUAL.mix.segment[1], ge=0, le=1)
    enterprise: float = Field(_USUAL.mix.segment[2], ge=0, le=1)

    @model_validator(mode="after")
    def _some(self) -> SegmentShares:
        if sum(self.values) <= 0:
            raise ValueError("at least one segment needs a share above 0")
        return self


class ChurnLevel(BySegment):
    """Factor on the voluntary hazard; 1 gives about 3.5, 1.7 and 0.7 % logo churn a month."""

    smb: float = Field(1.0, ge=0, le=5)
    mid_market: float = Field(1.0, ge=0, le=5)
    enterprise: float = Field(1.0, ge=0, le=5)


class AnnualShares(BySegment):
    """Part of the accounts that take an annual plan."""

    smb: float = Field(_USUAL.mix.annual[0], ge=0, le=1)
    mid_market: float = Field(_USUAL.mix.annual[1], ge=0, le=1)
    enterprise: float = Field(_USUAL.mix.annual[2], ge=0, le=1)


class PlanKnobs(_Knobs):
    """A rung of the price page."""

    name: str = Field(min_length=1, max_length=40, description="Name on the price page")
    monthly_price_cents: int = Field(
        ge=0, le=1_000_000, description="List price of a seat for a month, in cents"
    )


def _plan(tier: int) -> PlanKnobs:
    name, price = _TIERS[tier]
    return PlanKnobs(name=name, monthly_price_cents=price)


class CatalogueKnobs(_Knobs):
    """What is sold."""

    trial_days: int = Field(_USUAL.prices.trial_days, ge=3, le=60, description="Days of free trial")
    year_costs_months: int = Field(
        _USUAL.prices.year, ge=1, le=12, description="Months that a year costs"
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
    def _told_apart(self) -> CatalogueKnobs:
        if len({plan.name for plan in self.tiers}) < len(self.tiers):
            raise ValueError("two plans have the same name")
        return self


class SeasonKnobs(_Knobs):
    """January to December, as multiples of an average month."""

    signups: tuple[_Weight, ...] = Field(
        _USUAL.growth.season,
        min_length=12,
        max_length=12,
        description="Signups",
    )
    usage: tuple[_Weight, ...] = Field(
        _USUAL.usage.season,
        min_length=12,
        max_length=12,
        description="Activity of the users",
    )


class UsageKnobs(_Knobs):
    """How much the users do."""

    activity: float = Field(
        1.0, gt=0, le=5, description="Factor on the days on which users are active"
    )
    actions: float = Field(
        _USUAL.usage.features,
        ge=0,
        le=6,
        description="Features used in a session beyond the first, on average",
    )


class PriceChangeKnobs(_Knobs):
    """All list prices change on a day; customers take it over at their next renewal."""

    start: date = Field(description="Day from which it holds")
    percent: int = Field(ge=-90, le=300, description="By how much; below 0: a cut")


class OutageKnobs(_Knobs):
    """Days on which the product hardly works."""

    start: date = Field(description="First day")
    days: int = Field(7, ge=1, le=60, description="How many days")
    activity: _Part = Field(0.1, description="Part of the usual activity that is left")
    complaints: float = Field(
        4.0, ge=1, le=20, description="Complaints of these days, as a multiple of the usual ones"
    )


class CampaignKnobs(_Knobs):
    """A promo code of your own, with its true effect and its random holdout."""

    name: str = Field(min_length=1, max_length=28, pattern=r"^[A-Za-z][A-Za-z0-9 ]*$")
    kind: Literal["acquisition", "loyalty"] = Field(
        "acquisition", description="For trials, or for customers of six months and more"
    )
    start: date = Field(description="First day")
    days: int = Field(30, ge=1, le=180, description="How long it runs")
    discount_percent: int = Field(ge=1, le=100)
    duration_months: int | None = Field(
        3, ge=1, le=36, description="Months that the discount lasts; null: for ever"
    )
    holdout_percent: int = Field(
        20, ge=0, le=90, description="Part of the eligible that is kept without it, at random"
    )
    conversion_lift: float = Field(
        1.0, ge=0.2, le=5, description="True factor on the conversion of a treated trial"
    )
    hazard_ratio: float = Field(
        1.0, ge=0.2, le=5, description="True factor on the churn hazard of who uses it"
    )

    @model_validator(mode="after")
    def _lasting(self) -> CampaignKnobs:
        if self.kind == "loyalty" and self.duration_months is None:
            raise ValueError("a loyalty campaign needs duration_months")
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
    """What decides every row of a company; everything is optional."""

    seed: int = Field(7, ge=0, lt=2**63, description="Which company: another seed is another one")
    accounts: int = Field(
        5000,
        ge=1,
        le=10_000_000,
        description="Accounts that sign up in the first 24 months, at the usual growth",
    )
    start: Annotated[InstanceOf[Month], BeforeValidator(start_month), PlainSerializer(str)] = Field(
        Month(2024, 1), description="First month"
    )
    growth: GrowthKnobs = GrowthKnobs()
    segments: SegmentShares = SegmentShares()
    churn: ChurnLevel = ChurnLevel()
    plans: CatalogueKnobs = CatalogueKnobs()
    season: SeasonKnobs = SeasonKnobs()
    usage: UsageKnobs = UsageKnobs()
    price_changes: tuple[PriceChangeKnobs, ...] | None = Field(
        None, max_length=50, description="Instead of 6 % after 15, 39 and 63 months"
    )
    outages: tuple[OutageKnobs, ...] = Field((), max_length=50)
    campaigns: tuple[CampaignKnobs, ...] = Field((), max_length=20)
    yearly_campaigns: bool = Field(
        True, description="Whether the usual campaigns of each year run too"
    )

    @field_validator("price_changes")
    @classmethod
    def _in_order(
        cls, changes: tuple[PriceChangeKnobs, ...] | None
    ) -> tuple[PriceChangeKnobs, ...] | None:
        days = [change.start for change in changes or ()]
        if len(set(days)) < len(days):
            raise ValueError("two price changes fall on one day")
        return None if changes is None else tuple(sorted(changes, key=lambda c: c.start))

    @model_validator(mode="after")
    def _within(self) -> CompanyConfig:
        first = self.start.start.date()
        told = [("price_changes", c.start) for c in self.price_changes or ()]
        told += [("campaigns", c.start) for c in self.campaigns]
        for name, day in told:
            if day <= first:
                raise ValueError(f"{name}: {day} does not lie after the start, {first}")
        codes = [code_text(c.name, c.start.year) for c in self.campaigns]
        if self.yearly_campaigns:
            codes += [code_text(c.name, k.start.year) for c in CAMPAIGNS for k in self.campaigns]
        for campaign in self.campaigns:
            code = code_text(campaign.name, campaign.start.year)
            if codes.count(code) > 1:
                raise ValueError(f"campaigns: two of them would have the code {code}")
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
        """All knobs, those left as they are too, as a `company.yaml`."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    @property
    def name(self) -> str:
        """Names the company in words that differ for any other one."""
        knobs = self.model_dump_json(exclude={"seed", "accounts", "start"}, exclude_defaults=True)
        words = f"seed {self.seed}, {self.accounts} accounts from {self.start}"
        if knobs != "{}":
            words += f", knobs {hashlib.sha256(knobs.encode()).hexdigest()[:8]}"
        return f"{words}, version {COMPANY_VERSION}"


def read_config(path: Path | None, **wins: Any) -> CompanyConfig:
    """The company of a YAML file; what is given in `wins` goes before it.

    Raises CompanyError for a file that can't be read, an unknown knob or a wrong value.
    """
    return read_model(CompanyConfig, path, CompanyError, **wins)
