"""Churn is drawn from exactly the hazards in the truth."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from saas_platform.clock import Month
from saas_platform.company import Company
from saas_platform.company.hazards import Customers, subscription_hazards
from saas_platform.company.offering import Offering
from saas_platform.company.simulator import Simulator
from saas_platform.company.timestamps import Span
from saas_platform.company.truth import ACCOUNT_MONTHS_SCHEMA, CAMPAIGNS_SCHEMA
from saas_platform_tests.company.measures import World
from saas_platform_tests.company.world import AS_OF, SMALL, START


def test_truth_has_the_months_that_an_account_starts_as_paying(default_world: World) -> None:
    seen = default_world.account_months.set_index(["account_id", "month"])
    true = default_world.truth.set_index(["account_id", "month"])
    assert true.index.is_unique
    assert set(seen.index) == set(true.index)
    assert (seen["mrr"] - true["mrr_cents"].reindex(seen.index)).abs().max() <= 1.0
    assert (seen["segment"] == true["segment"].reindex(seen.index)).all()


@pytest.mark.parametrize("kind", ["voluntary", "involuntary"])
def test_mean_hazard_matches_the_churn_counts(default_world: World, kind: str) -> None:
    seen = default_world.account_months
    hazard = default_world.truth[f"{kind}_hazard"]
    assert hazard.between(0.0, 1.0).all()
    churned = (seen["churned"] & (seen["kind"] == kind)).sum()
    error = np.sqrt((hazard * (1.0 - hazard)).sum())
    assert abs(churned - hazard.sum()) <= 3.5 * error


@pytest.mark.parametrize("kind", ["voluntary", "involuntary"])
def test_hazards_are_calibrated_in_every_class(default_world: World, kind: str) -> None:
    rows = default_world.account_months.merge(default_world.truth, on=["account_id", "month"])
    churned = rows["churned"] & (rows["kind"] == kind)
    hazard = rows[f"{kind}_hazard"]
    bins = np.digitize(hazard, [1e-9, 0.005, 0.02, 0.05, 0.15, 0.4])
    for number in np.unique(bins):
        here = bins == number
        error = np.sqrt((hazard[here] * (1.0 - hazard[here])).sum())
        assert abs(churned[here].sum() - hazard[here].sum()) <= 4.0 * error + 1e-9, number


def test_a_yearly_plan_has_its_hazard_in_the_renewal_month(default_world: World) -> None:
    rows = default_world.account_months.merge(default_world.truth, on=["account_id", "month"])
    yearly = rows[rows["yearly"] & (rows["subscriptions"] == 1)]
    assert (yearly["voluntary_hazard"] > 0).mean() < 0.15
    assert yearly["voluntary_hazard"].max() > 0.1


def test_truth_of_a_later_as_of_only_adds_months() -> None:
    company = Company(SMALL)
    early, late = (company.truth(at) for at in (datetime(2024, 9, 2), AS_OF))
    for name in ("account_months", "campaigns"):
        assert late[name].slice(0, early[name].num_rows).equals(early[name])
        assert late[name].num_rows > early[name].num_rows


def test_truth_documents_its_meaning() -> None:
    truth = Company(SMALL).truth(AS_OF)
    assert truth["account_months"].schema.equals(ACCOUNT_MONTHS_SCHEMA, check_metadata=True)
    assert truth["campaigns"].schema.equals(CAMPAIGNS_SCHEMA, check_metadata=True)
    assert b"effective_at" in truth["account_months"].schema.metadata[b"churn"]


def test_campaigns_have_their_true_effects() -> None:
    effects = Company(SMALL).truth(AS_OF)["campaigns"].to_pandas()
    assert (effects["true_conversion_lift"] >= 1.0).all()
    assert effects["true_hazard_ratio"].between(1.5, 2.0).sum() >= 6
    assert (effects["true_hazard_ratio"] < 1.0).sum() == 4


def test_a_complaint_raises_the_odds_of_churn_and_a_deep_code_the_hazard() -> None:
    simulator = Simulator(SMALL.seed, 2000, START, SMALL.parameters)
    while simulator.month < Month(2024, 9):
        simulator.advance()
    subs, accounts, latent = simulator._subs, simulator._accounts, simulator._latent
    parameters, offering = SMALL.parameters, Offering(SMALL.parameters.prices, START)
    none = np.zeros(len(subs), np.bool_)
    span = Span.of(simulator.month)

    def voluntary() -> np.ndarray:
        customers = Customers(subs, accounts, latent)
        return subscription_hazards(parameters, offering, customers, none, span).voluntary

    latent.complaints[:] = 0.0
    before = voluntary()
    latent.complaints[:] = 1.0
    after = voluntary()
    inside = (before > 0.01) & (after < parameters.churn.highest) & (subs.hazard_ratio == 1.0)
    assert inside.sum() > 20
    odds = (after / (1 - after))[inside] / (before / (1 - before))[inside]
    assert np.allclose(odds, parameters.churn.complaint_odds, rtol=1e-4)
    assert 1.1 <= parameters.churn.complaint_odds <= 1.3

    subs.hazard_ratio[:] = 1.0
    plain = voluntary()
    subs.hazard_ratio[:] = 1.75
    deep = voluntary()
    inside = (plain > 0.001) & (deep < parameters.churn.highest)
    assert np.allclose(deep[inside] / plain[inside], 1.75, rtol=1e-4)
