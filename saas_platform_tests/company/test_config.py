"""company.yaml: a wrong value is reported in one sentence with the knob's name; each knob has its effect."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from saas_platform.clock import Month
from saas_platform.company import CompanyConfig, CompanyError, read_config
from saas_platform.company.parameters import Parameters
from saas_platform.schema import vocabulary as v
from saas_platform.settings import SettingsError, load_settings
from saas_platform_tests.company.world import AS_OF, START, batches_of, end_state

Frames = dict[str, pd.DataFrame]
_REPOSITORY = Path(__file__).parents[2]


def tables_of(months: int = 24, **knobs: object) -> Frames:
    config = CompanyConfig.model_validate({"seed": 7, "accounts": 1500, "start": START, **knobs})
    return end_state(batches_of(config, AS_OF, months))


@pytest.fixture(scope="module")
def usual() -> Frames:
    return tables_of()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acounts: 3", "acounts is not a known name: did you mean accounts?"),
        ("growth: {montly: 0.1}", "growth.montly is not a known name: did you mean monthly?"),
        ("campaigns: [{nam: x}]", "campaigns.0.nam is not a known name: did you mean name?"),
        (
            "plans: {team: {prize: 3}}",
            "plans.team.prize is not a known name (the known names are name",
        ),
        ("accounts: many", "line 1: accounts is 'many': write a whole number"),
        ("accounts: 0", "accounts is 0: write a number of at least 1"),
        ("seed: -1", "seed is -1: write a number of at least 0"),
        ("start: 2024", "start is 2024: '2024' is not a month: write it as YYYY-MM"),
        ("start: soon", "start is 'soon': 'soon' is not a month: write it as YYYY-MM"),
        ("growth: {monthly: 3}", "growth.monthly is 3: write a number of at most 0.5"),
        ("growth: {signups: [10, 0]}", "growth.signups.1 is 0: write a number of at least"),
        ("segments: {smb: 0, mid_market: 0, enterprise: 0}", "at least one segment needs a share"),
        ("churn: {smb: -1}", "churn.smb is -1: write a number of at least 0"),
        ("churn: {smb: .nan}", "churn.smb is nan: write a finite number"),
        ("season: {signups: [1, 2]}", "season.signups: write at least 12 entries"),
        ("plans: {trial_days: 1}", "plans.trial_days is 1: write a number of at least 3"),
        (
            "plans: {team: {name: Starter, monthly_price_cents: 5}}",
            "two plans have the same name",
        ),
        ("price_changes: [{start: someday, percent: 3}]", "price_changes.0.start is 'someday'"),
        ("price_changes: [{start: 2025-01-01}]", "price_changes.0.percent is missing"),
        (
            "price_changes: [{start: 2023-01-01, percent: 3}]",
            "price_changes: 2023-01-01 is not after the start of the company, 2024-01-01; choose a later day",
        ),
        (
            "price_changes: [{start: 2025-01-01, percent: 3}, {start: 2025-01-01, percent: 4}]",
            "two price changes fall on the same day",
        ),
        ("outages: [{start: 2025-03-10, days: 0}]", "outages.0.days is 0"),
        ("outages: [{start: 2025-03-10, activity: 2}]", "outages.0.activity is 2"),
        (
            "campaigns: [{name: x, start: 2025-03-10, discount_percent: 200}]",
            "campaigns.0.discount_percent is 200",
        ),
        (
            "campaigns: [{name: black friday, start: 2025-03-10, discount_percent: 20}]",
            "campaigns: two campaigns would have the code BLACKFRIDAY25; rename one",
        ),
        (
            "campaigns: [{name: x, kind: loyalty, start: 2025-03-10, discount_percent: 20,"
            " duration_months: null}]",
            "a loyalty campaign needs duration_months: write a number of months",
        ),
        ("- a\n- b", "contains no names"),
        ("a: [", "line 2 is not YAML"),
        ("seed: 3\naccounts: 0", "company.yaml, line 2: accounts is 0"),
        ("seed: 3\nseed: 4", "company.yaml, line 2: seed occurs already on line 1"),
        ("[a]: 3", "company.yaml, line 1: a name must be a text"),
        ("start: 2024-02-30", "line 1: a value can't be read (day"),
        ("growth: &g\n  monthly: *g", "growth.monthly"),
    ],
)
def test_wrong_knobs(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "company.yaml"
    path.write_text(f"{text}\n")
    with pytest.raises(CompanyError) as raised:
        read_config(path)
    assert message in str(raised.value)
    assert all("company.yaml" in sentence for sentence in raised.value.sentences)
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CompanyError, match="No such file"):
        read_config(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CompanyError, match="not UTF-8"):
        read_config(tmp_path / "binary.yaml")


def test_an_empty_file_is_the_usual_company(tmp_path: Path) -> None:
    path = tmp_path / "company.yaml"
    path.write_text("# nothing\n")
    assert read_config(path) == CompanyConfig()


def test_without_knobs_the_parameters_are_the_default_ones() -> None:
    ours, usual = CompanyConfig().parameters, Parameters()
    changes = ours.prices.changes
    assert [(c.on, c.percent) for c in changes] == [
        (date(2025, 4, 1), 6),
        (date(2027, 4, 1), 6),
        (date(2029, 4, 1), 6),
    ]
    prices = type(usual.prices)(changes=changes)
    assert ours == type(usual)(prices=prices)


def test_a_config_survives_the_way_through_yaml(tmp_path: Path) -> None:
    config = CompanyConfig.model_validate(
        {
            "start": "2023-05",
            "price_changes": [{"start": date(2024, 2, 1), "percent": -5}],
            "campaigns": [{"name": "my own", "start": date(2024, 3, 1), "discount_percent": 20}],
        }
    )
    path = tmp_path / "again.yaml"
    path.write_text(config.to_yaml())
    assert read_config(path) == config
    assert read_config(path).name == config.name


def test_the_example_in_the_docs_is_valid_and_names_every_knob(tmp_path: Path) -> None:
    text = (_REPOSITORY / "docs" / "company.md").read_text()
    (example,) = [part.split("```")[0] for part in text.split("```yaml\n")[1:]]
    path = tmp_path / "company.yaml"
    path.write_text(example)
    read_config(path)
    assert set(yaml.safe_load(example)) == set(CompanyConfig.model_fields)


def test_every_other_config_has_another_name() -> None:
    usual = CompanyConfig()
    knobs: list[dict[str, Any]] = [
        {"seed": 8},
        {"accounts": 4999},
        {"start": "2024-02"},
        {"usage": {"activity": 1.1}},
        {"yearly_campaigns": False},
        {"price_changes": []},
    ]
    others = [CompanyConfig.model_validate(each) for each in knobs]
    assert len({config.name for config in [usual, *others]}) == 7


@pytest.mark.slow
def test_growth(usual: Frames) -> None:
    def per_month(tables: Frames) -> list[int]:
        when = tables["accounts"]["signed_up_at"].dt.to_period("M")
        return [int(n) for n in when.value_counts().sort_index()]

    more = per_month(tables_of(growth={"monthly": 0.03}))
    assert all(a >= b for a, b in zip(more, per_month(usual), strict=True))
    assert sum(more[18:]) > 1.4 * sum(per_month(usual)[18:])
    given = per_month(tables_of(4, growth={"signups": [5, 7, 9], "monthly": 0.0}))
    assert given[:3] == [5, 7, 9]
    assert given[3] == round(9 * 1.06 / 1.12)


def test_segments_and_annual_plans() -> None:
    tables = tables_of(
        4,
        segments={"smb": 0, "mid_market": 0, "enterprise": 1},
        plans={"annual": {"smb": 1, "mid_market": 1, "enterprise": 1}},
        yearly_campaigns=False,
    )
    assert set(tables["accounts"]["segment"]) == {"enterprise"}
    plans = tables["plans"].set_index("plan_id")["billing_interval"]
    first = tables["subscriptions"].query("subscription_id % 100 == 1")
    assert set(first["plan_id"].map(plans)) == {"year"}


def test_churn_level(usual: Frames) -> None:
    def left(tables: Frames, segment: str) -> float:
        subs = tables["subscriptions"].merge(tables["accounts"][["account_id", "segment"]])
        subs = subs[(subs["segment"] == segment) & subs["activated_at"].notna()]
        return float((subs["cancellation_kind"] == "voluntary").mean())

    calm = tables_of(churn={"smb": 0.0})
    assert left(calm, "smb") <= 0.02
    assert left(usual, "smb") > 0.2
    assert left(tables_of(churn={"mid_market": 3.0}), "mid_market") > 1.5 * left(
        usual, "mid_market"
    )


def test_plan_catalogue() -> None:
    team = {"name": "Crew", "monthly_price_cents": 2500}
    tables = tables_of(3, plans={"team": team, "year_costs_months": 11, "trial_days": 30})
    plans = tables["plans"].set_index("code")
    assert plans.loc["team_monthly", "seat_price_cents"] == 2500
    assert plans.loc["team_yearly", "seat_price_cents"] == 27_500
    assert plans.loc["team_yearly", "name"] == "Crew, yearly"
    assert (plans["trial_days"] == 30).all()
    trials = tables["subscriptions"].dropna(subset=["trial_ends_at"])
    length = trials["trial_ends_at"] - trials["trial_started_at"]
    assert (length == pd.Timedelta(days=30)).all()
    free = tables_of(3, plans={"starter": {"name": "Free", "monthly_price_cents": 0}})
    assert free["plans"].set_index("code").loc["starter_yearly", "seat_price_cents"] == 0


def test_season(usual: Frames) -> None:
    flat = tables_of(12, season={"signups": [1] * 11 + [9], "usage": [1] * 12})
    when = flat["accounts"]["signed_up_at"].dt.month.value_counts()
    assert when[12] > 5 * when[3]
    quiet = tables_of(8, season={"usage": [1, 1, 1, 1, 1, 1, 0.2, 1] + [1] * 4})
    events = quiet["usage_events"]["occurred_at"].dt.month.value_counts()
    assert events[7] < 0.4 * events[6]


@pytest.mark.slow
def test_usage(usual: Frames) -> None:
    busy = tables_of(usage={"activity": 1.5, "actions": 1.8})
    wordy = tables_of(usage={"actions": 4.0})

    def logins(tables: Frames) -> int:
        return int((tables["usage_events"]["event_type"] == "login").sum())

    assert 1.3 < logins(busy) / logins(usual) < 1.6
    assert logins(wordy) == logins(usual)
    per_session = [len(t["usage_events"]) / logins(t) for t in (usual, wordy)]
    assert per_session[0] == pytest.approx(3.8, abs=0.1)
    assert per_session[1] == pytest.approx(6.0, abs=0.1)


def test_a_price_change_on_a_date() -> None:
    tables = tables_of(18, price_changes=[{"start": date(2024, 8, 15), "percent": 50}])
    plans = tables["plans"].set_index("code")
    assert plans.loc["team_monthly", "seat_price_cents"] == 3300
    assert plans.loc["team_monthly", "updated_at"] == pd.Timestamp(2024, 8, 15)
    changed = tables["subscription_changes"].query("kind == 'price_changed'")
    assert len(changed) > 10
    assert changed["effective_at"].min() >= pd.Timestamp(2024, 8, 15)
    # Accounts that are grandfathered or had no renewal yet pay the old price.
    lower = tables_of(18, price_changes=[{"start": date(2024, 8, 15), "percent": -50}])
    assert lower["plans"].set_index("code").loc["team_monthly", "seat_price_cents"] == 1100


def test_a_price_rise_costs_customers() -> None:
    def lost(**knobs: object) -> int:
        subs = tables_of(24, **knobs)["subscriptions"]
        ended = subs[subs["cancellation_kind"] == "voluntary"]["ended_at"]
        return int((ended >= pd.Timestamp(2025, 1, 1)).sum())

    none = lost(price_changes=[])
    assert lost(price_changes=[{"start": date(2025, 1, 1), "percent": 60}]) > 1.3 * none


def test_an_outage_week() -> None:
    knobs = {"start": date(2024, 11, 4), "days": 7, "activity": 0.05, "complaints": 20}
    without, tables = tables_of(12), tables_of(12, outages=[knobs])

    def of_week(tables: Frames) -> int:
        at = tables["usage_events"]["occurred_at"]
        return int(((at >= pd.Timestamp(2024, 11, 4)) & (at < pd.Timestamp(2024, 11, 11))).sum())

    def complaints(tables: Frames) -> int:
        tickets = tables["support_tickets"].query("category == 'complaint'")
        return int((tickets["opened_at"].dt.month == 11).sum())

    assert of_week(tables) < 0.1 * of_week(without)
    assert complaints(tables) > 2 * complaints(without)
    before = [t["usage_events"].query("occurred_at < '2024-11-01'") for t in (without, tables)]
    assert before[0].equals(before[1])


def test_a_campaign_of_the_user() -> None:
    mine = {
        "name": "big bang",
        "start": date(2024, 3, 1),
        "days": 60,
        "discount_percent": 35,
        "holdout_percent": 50,
        "conversion_lift": 2.0,
    }
    tables = tables_of(8, campaigns=[mine], yearly_campaigns=False)
    assert list(tables["promo_codes"]["code"]) == ["BIGBANG24"]
    arms = tables["promo_redemptions"]
    assert 0.4 < (arms["arm"] == "holdout").mean() < 0.6
    subs = tables["subscriptions"].set_index("account_id")
    bought = subs["activated_at"].notna().groupby(level=0).any()
    rates = arms["account_id"].map(bought).groupby(arms["arm"]).mean()
    assert 1.4 < rates["treated"] / rates["holdout"] < 2.8


def test_overlapping_campaigns_share_no_trial() -> None:
    each = {"start": date(2024, 3, 1), "days": 60, "discount_percent": 20}
    tables = tables_of(
        6, campaigns=[{"name": "one", **each}, {"name": "two", **each}], yearly_campaigns=False
    )
    assert not tables["promo_redemptions"]["account_id"].duplicated().any()
    loyal = {"kind": "loyalty", "start": date(2025, 3, 1), "discount_percent": 20}
    both = tables_of(
        18, campaigns=[{"name": "one", **loyal}, {"name": "two", **loyal}], yearly_campaigns=False
    )
    used = both["promo_redemptions"].dropna(subset=["redeemed_at"])
    assert set(used["promo_code_id"]) == {1, 2}
    assert not used["account_id"].duplicated().any()


def test_the_file_sets_what_the_settings_omit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "company.yaml").write_text("accounts: 77\nstart: 2025-03\nchurn: {smb: 2}\n")
    settings = load_settings()
    assert (settings.seed, settings.accounts, settings.start) == (7, 77, Month(2025, 3))
    assert settings.config.churn.smb == 2
    assert settings.company == tmp_path / "company.yaml"
    monkeypatch.setenv("SAAS_ACCOUNTS", "77")
    monkeypatch.setenv("SAAS_SEED", "3")
    assert load_settings().config.seed == 3
    monkeypatch.setenv("SAAS_ACCOUNTS", "78")
    with pytest.raises(SettingsError, match=r"SAAS_ACCOUNTS is 78, but .* sets accounts to 77"):
        load_settings()
    monkeypatch.delenv("SAAS_ACCOUNTS")
    (tmp_path / "other.yaml").write_text("accounts: 12\n")
    monkeypatch.setenv("SAAS_COMPANY", "other.yaml")
    assert load_settings().accounts == 12
    monkeypatch.setenv("SAAS_COMPANY", "none.yaml")
    with pytest.raises(CompanyError, match=r"none\.yaml can't be read"):
        load_settings()


def test_segments_of_the_knobs_are_those_of_the_schema() -> None:
    assert tuple(CompanyConfig().churn.model_dump()) == v.SEGMENTS
    assert tuple(CompanyConfig().plans.model_dump())[2:6] == v.TIERS
