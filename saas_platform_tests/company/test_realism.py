"""The default company against the targets of REALISM.md: each test is one line of it.

Bands are those of the document; where it gives none, the band is a judgement and says so.
"""

from __future__ import annotations

import pytest

from saas_platform_tests.company.measures import World


@pytest.mark.parametrize(
    ("segment", "low", "high"),
    [("smb", 0.03, 0.05), ("mid_market", 0.015, 0.025), ("enterprise", 0.005, 0.010)],
)
def test_monthly_logo_churn(default_world: World, segment: str, low: float, high: float) -> None:
    assert low <= default_world.churn_by_segment()[segment] <= high


def test_hazard_falls_with_tenure(default_world: World) -> None:
    assert default_world.early_to_late_hazard() >= 2.0


def test_cohorts_follow_a_shifted_beta_geometric_curve(default_world: World) -> None:
    assert default_world.beta_geometric_r2() >= 0.98


def test_net_and_gross_retention(default_world: World) -> None:
    net, gross = default_world.retention()
    assert 0.98 <= net <= 1.08
    assert 0.85 <= gross <= 0.93


def test_where_mrr_is_gained(default_world: World) -> None:
    gained = default_world.gained_from()
    assert 0.55 <= gained["new"] <= 0.65
    assert 0.25 <= gained["expansion"] <= 0.35


def test_trial_conversion(default_world: World) -> None:
    bought = default_world.conversion()
    assert 0.04 <= bought[False] <= 0.15
    assert 0.25 <= bought[True] <= 0.60


def test_declines_and_their_recovery(default_world: World) -> None:
    assert 0.05 <= default_world.decline_rate() <= 0.14
    assert 0.45 <= default_world.recovery_rate() <= 0.60
    assert default_world.recovered_early() > 0.5


def test_involuntary_share_of_churn(default_world: World) -> None:
    assert 0.20 <= default_world.involuntary_share() <= 0.35


def test_yearly_plans(default_world: World) -> None:
    months = default_world.account_months
    by_segment = months[months["month"] == months["month"].max()].groupby("segment")["yearly"]
    assert by_segment.mean().between(0.20, 0.50).all()
    churned = months.groupby("yearly")["churned"].mean()
    assert churned[True] < churned[False]


def test_usage_falls_before_a_voluntary_churn(default_world: World) -> None:
    assert default_world.usage_fall() >= 0.30


def test_stickiness(default_world: World) -> None:
    assert 0.10 <= default_world.stickiness() <= 0.25


def test_weekends(default_world: World) -> None:
    assert 0.60 <= default_world.weekend_fall() <= 0.80


def test_season_of_signups(default_world: World) -> None:
    first_half, summer = default_world.season()
    assert first_half > 1.05
    assert summer < 0.95


def test_the_top_tenth_of_accounts(default_world: World) -> None:
    assert 0.40 <= default_world.top_tenth_of_mrr() <= 0.60


def test_number_of_events(default_world: World) -> None:
    assert 1_000_000 <= len(default_world.tables["usage_events"]) <= 1_600_000


def test_a_campaign_keeps_a_random_holdout(default_world: World) -> None:
    arms = default_world.tables["promo_redemptions"]
    held_out = (arms["arm"] == "holdout").groupby(arms["promo_code_id"]).agg(["mean", "size"])
    planned = default_world.tables["promo_codes"].set_index("promo_code_id")["holdout_percent"]
    share = planned.reindex(held_out.index) / 100
    error = (share * (1 - share) / held_out["size"]) ** 0.5
    assert ((held_out["mean"] - share).abs() <= 4 * error).all()
