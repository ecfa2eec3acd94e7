"""The observable oracle is calibrated, lies between base rate and truth, and reads no latent value."""

from __future__ import annotations

import copy
import dataclasses
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from saas_platform.company import Company
from saas_platform.company.oracle import Grid
from saas_platform.company.simulator import MonthRecord, Opening
from saas_platform.company.state import CHANGE, NONE, Subscriptions
from saas_platform.trained_models.evaluation import log_loss
from saas_platform_tests.company.observed import Particles, Watched, watch
from saas_platform_tests.company.world import AS_OF, DEFAULT, SMALL

PARAMETERS = DEFAULT.parameters

Step = tuple[Opening, MonthRecord, tuple[np.ndarray, np.ndarray]]
SEEDS = (7, 1, 2)
_FEATURES = [
    "log_last", "trend", "log_tenure", "log_seats", "yearly", "due", "tier", "past_due", "segment",
]  # fmt: skip


@pytest.fixture(scope="module")
def companies() -> dict[int, pd.DataFrame]:
    return {seed: watch(seed) for seed in SEEDS}


@pytest.fixture(scope="module", params=SEEDS)
def seen(request: pytest.FixtureRequest, companies: dict[int, pd.DataFrame]) -> pd.DataFrame:
    return companies[request.param]


@pytest.fixture(scope="module")
def together(companies: dict[int, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([frame.assign(seed=seed) for seed, frame in companies.items()])


@pytest.mark.slow
def test_the_truth_has_the_hazards_of_the_observer(companies: dict[int, pd.DataFrame]) -> None:
    truth = Company(DEFAULT).truth(AS_OF)["account_months"].to_pandas()
    seen = companies[DEFAULT.seed]
    for kind in ("voluntary", "involuntary"):
        assert np.array_equal(truth[f"observable_{kind}_hazard"], seen[f"seen_{kind}"])
        assert np.array_equal(truth[f"{kind}_hazard"], seen[kind])


@pytest.mark.parametrize("kind", ["voluntary", "involuntary"])
def test_it_is_zero_exactly_where_the_hazard_is(seen: pd.DataFrame, kind: str) -> None:
    assert seen[f"seen_{kind}"].between(0.0, 1.0).all()
    assert ((seen[kind] > 0) == (seen[f"seen_{kind}"] > 0)).all()


@pytest.mark.parametrize(("kind", "end"), [("voluntary", "left"), ("involuntary", "lost")])
def test_churn_matches_the_oracle_in_every_class(seen: pd.DataFrame, kind: str, end: str) -> None:
    hazard = seen[f"seen_{kind}"]
    bins = np.digitize(hazard, [1e-9, 0.005, 0.02, 0.05, 0.15, 0.4])
    for number in np.unique(bins):
        here = bins == number
        error = np.sqrt((hazard[here] * (1.0 - hazard[here])).sum())
        assert abs(seen[end][here].sum() - hazard[here].sum()) <= 4.0 * error + 1e-9, number


@pytest.mark.parametrize("kind", ["voluntary", "involuntary"])
def test_the_mean_true_hazard_matches_the_oracle_in_every_class(
    together: pd.DataFrame, kind: str
) -> None:
    """Allow 4 standard errors, with each account's months as one, plus 6 % for the approximations."""
    rows = together[together[f"seen_{kind}"] > 0]
    classes = np.digitize(rows[f"seen_{kind}"], [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4])
    for number in np.unique(classes):
        here = rows[classes == number]
        gap = (here[kind] - here[f"seen_{kind}"]).groupby([here["seed"], here["account"]]).sum()
        allowed = 4.0 * np.sqrt((gap**2).sum()) + 0.06 * here[f"seen_{kind}"].sum()
        assert abs(gap.sum()) <= allowed, number


def test_its_log_loss_lies_between_the_base_rate_and_the_truth(seen: pd.DataFrame) -> None:
    hazard = (seen["voluntary"] + seen["involuntary"]).to_numpy()
    oracle = (seen["seen_voluntary"] + seen["seen_involuntary"]).to_numpy()
    outcome = (seen["left"] | seen["lost"]).to_numpy().astype(float)
    base = np.full(len(seen), hazard.mean())
    for target in (hazard, outcome):
        true, best, worst = (log_loss(p, target) for p in (hazard, oracle, base))
        assert true < best < worst
        assert 0.6 < (worst - best) / (worst - true) < 0.9


@pytest.mark.few
def test_it_beats_a_regression_on_usage(seen: pd.DataFrame) -> None:
    """Compare on the last six months. The regression is trained on the months before."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    last = seen["month"].max()
    train, test = seen[seen["month"] <= last - 6], seen[seen["month"] > last - 6]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(train[_FEATURES], train["left"] | train["lost"])
    scores = model.predict_proba(test[_FEATURES])[:, 1]
    oracle = (test["seen_voluntary"] + test["seen_involuntary"]).to_numpy()
    hazard = (test["voluntary"] + test["involuntary"]).to_numpy()
    assert log_loss(oracle, hazard) < log_loss(scores, hazard) - 0.003


def test_a_later_as_of_changes_no_earlier_value() -> None:
    company = Company(SMALL)
    early, late = (company.truth(at)["account_months"] for at in (datetime(2024, 9, 2), AS_OF))
    for kind in ("voluntary", "involuntary"):
        name = f"observable_{kind}_hazard"
        assert late[name].slice(0, len(early)).equals(early[name])


def test_the_hazards_of_a_month_do_not_know_what_it_brings() -> None:
    watched = Watched.of(7, 600)
    for _ in range(12):
        watched.step()
    opening = watched.simulator.opening()
    before = watched.observer.hazards(opening)
    other = copy.deepcopy(watched.observer)
    record = watched.simulator.advance()
    for found, known in zip(other.hazards(opening), before, strict=True):
        assert np.array_equal(found, known)
    # Remove all changes and tickets of the month: they count from the next month on, not in this one.
    record.changes.change[:] = -1
    record.tickets.ticket_id = record.tickets.ticket_id[:0]
    record.tickets.account_id = record.tickets.account_id[:0]
    other.observe(opening, record)
    assert all(
        np.array_equal(found, known)
        for found, known in zip(watched.observer.hazards(opening), before, strict=True)
    )


def test_it_reads_no_latent_value() -> None:
    """Check that other latent values with the same rows give the same hazards."""
    plain, blind = Watched.of(7, 600), Watched.of(7, 600)
    for _ in range(14):
        _, _, hazards = plain.step()
        opening = blind.simulator.opening()
        accounts = opening.accounts.take(np.arange(len(opening.accounts)))
        for name in ("fit", "price_sensitivity", "payment_risk"):
            getattr(accounts, name)[:] = 9.0
        hidden = dataclasses.replace(opening, accounts=accounts)
        found = blind.observer.hazards(hidden)
        record = blind.simulator.advance()
        record.hazards.health[:] = 9.0
        blind.observer.observe(hidden, record)
        for here, there in zip(found, hazards, strict=True):
            assert np.array_equal(here, there)


def test_the_grid_has_the_moments_of_the_density_it_represents() -> None:
    grid, health = Grid.of(PARAMETERS), PARAMETERS.health
    fit, off = grid.prior.sum(axis=1), grid.prior.sum(axis=0)
    assert grid.prior.sum() == pytest.approx(1)
    assert fit @ grid.fit**2 == pytest.approx(health.fit_sigma**2)
    assert off @ grid.off**2 == pytest.approx(health.entry_sigma**2, rel=0.01)
    assert grid.taste_prior @ grid.taste**2 == pytest.approx(PARAMETERS.usage.user_sigma**2)
    middle = len(grid.off) // 2
    step, off_before = grid.steps[middle], grid.off[middle]
    mean = health.persistence * off_before - health.shock_probability * health.shock_depth
    assert grid.steps.sum(axis=1) == pytest.approx(1)
    assert step @ grid.off == pytest.approx(mean, abs=0.02)


@pytest.mark.slow
def test_it_agrees_with_a_particle_filter_of_single_accounts() -> None:
    """Compare with 60,000 paths of the latent values through every day, for accounts with few users."""
    watched = Watched.of(7, 2000)
    steps = [watched.step() for _ in range(9)]
    found = [
        (hazards[0][opening.subs.account[opening.paying()] == row][0], hazard)
        for row in _quiet_accounts(steps)
        for (opening, _, hazards), hazard in zip(
            steps, _second_opinion(watched, steps, row), strict=True
        )
        if not np.isnan(hazard)
    ]
    grid, particles = np.array(found).T
    away = np.abs(np.log(grid / particles))
    assert len(away) > 30
    assert np.median(away) < 0.1
    assert np.quantile(away, 0.8) < 0.3
    entropy = log_loss(particles, particles)
    base = log_loss(np.full(len(grid), particles.mean()), particles)
    assert log_loss(grid, particles) - entropy < 0.05 * (base - entropy)


def _quiet_accounts(steps: list[Step]) -> list[int]:
    """Return a few accounts that paid monthly for some time, with few users and no rare event."""
    records = [record for _, record, _ in steps]
    size = len(records[-1].accounts)
    changes = Subscriptions.concat([record.changes for record in records])
    usual = ("trial_started", "activated", "seats_changed", "plan_changed", "price_changed")
    kinds = [CHANGE[kind] for kind in usual] + [NONE]
    rare = np.bincount(changes.account[~np.isin(changes.change, kinds)], minlength=size) > 0
    users = np.bincount(records[-1].people.present.account, minlength=size)
    due = [opening.subs.account[opening.paying()][hazards[0] > 0] for opening, _, hazards in steps]
    paid = np.bincount(np.concatenate(due), minlength=size)
    return np.flatnonzero(~rare & (users <= 3) & (paid >= 4))[:10].tolist()


def _second_opinion(watched: Watched, steps: list[Step], row: int) -> list[float]:
    particles = Particles(row, 60_000, watched)
    return [
        particles.month(opening, record) if row < len(record.accounts) else float("nan")
        for opening, record, _ in steps
    ]
