"""Tests the churn model on accounts with known hazards: the data it may use and the inputs it must handle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from saas_platform.trained_models import churn, features
from saas_platform_tests.trained_models.simulated import World, simulate

LABEL = features.LABEL


@pytest.fixture(scope="module")
def world() -> World:
    return simulate()


@pytest.fixture(scope="module")
def model(world: World) -> churn.ChurnModel:
    return churn.train(world.features)


def labelled_months(count: int) -> pd.DataFrame:
    """Return one row in each of `count` labelled months, and one in a month that is not over."""
    months = pd.date_range("2024-01-01", periods=count + 1, freq="MS")
    labels = pd.array([False] * count + [pd.NA], dtype="boolean")
    return pd.DataFrame({"month": months, LABEL: labels})


@pytest.mark.parametrize(
    ("labelled", "held"),
    [(0, 0), (1, 0), (2, 0), (3, 1), (5, 1), (6, 2), (9, 3), (17, 5), (18, 6), (19, 6), (40, 6)],
)
def test_the_newest_labelled_months_are_held_out(labelled: int, held: int) -> None:
    frame = labelled_months(labelled)
    start = churn.holdout_start(frame)
    if held == 0:
        assert pd.isna(start)
    else:
        assert start == frame["month"].iloc[labelled - held]


def test_a_month_without_labels_does_not_count_as_one() -> None:
    frame = labelled_months(9)
    later = frame.assign(**{LABEL: pd.array([False] * 6 + [pd.NA] * 4, dtype="boolean")})
    assert churn.holdout_start(frame) == pd.Timestamp("2024-07-01")
    assert churn.holdout_start(later) == pd.Timestamp("2024-05-01")


def test_it_trains_on_what_came_before_the_held_out_months(
    world: World, model: churn.ChurnModel
) -> None:
    # There are 11 labelled months, and a third of them, rounded down, is 3.
    assert model.holdout_from == world.months()[8]
    assert model.pipeline is not None
    seen = world.features[world.features["month"] < model.holdout_from]
    assert (model.trained_rows, model.trained_churns) == (len(seen), int(seen[LABEL].sum()))
    assert model.base_rate == pytest.approx(seen[LABEL].astype(float).mean(), rel=0.01)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frame: frame.assign(**{LABEL: ~frame[LABEL]}),
        lambda frame: frame.assign(**{LABEL: True}),
        lambda frame: frame.assign(tier="platinum", mrr=1e9, failed_payments_60d=10_000),
    ],
    ids=["labels inverted", "everyone churned", "other features"],
)
def test_what_is_held_out_does_not_change_the_model(
    world: World, model: churn.ChurnModel, spoil: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    held = world.features["month"] >= model.holdout_from
    labelled = world.features[LABEL].notna()
    other = pd.concat(
        [
            world.features[~held],
            spoil(world.features[held & labelled]),
            world.features[held & ~labelled],
        ]
    )
    assert not other.loc[held].equals(world.features[held])
    trained = churn.train(other)
    assert trained.holdout_from == model.holdout_from
    assert trained.base_rate == model.base_rate
    np.testing.assert_array_equal(trained.predict(world.features), model.predict(world.features))


def test_a_changed_label_before_the_held_out_months_changes_the_model(
    world: World, model: churn.ChurnModel
) -> None:
    early = world.features["month"] == world.months()[0]
    label = world.features[LABEL].mask(early, ~world.features[LABEL])
    trained = churn.train(world.features.assign(**{LABEL: label}))
    assert trained.base_rate != model.base_rate
    assert not np.allclose(trained.predict(world.features), model.predict(world.features))


def test_labels_and_keys_are_not_features(world: World, model: churn.ChurnModel) -> None:
    columns = churn.design(world.features).columns
    assert not {LABEL, *features.KEY} & set(columns)
    turned = world.features.assign(**{LABEL: ~world.features[LABEL]}).assign(account_id=1)
    np.testing.assert_array_equal(model.predict(turned), model.predict(world.features))


def test_it_finds_the_hazards(world: World, model: churn.ChurnModel) -> None:
    held = (world.features["month"] >= model.holdout_from).to_numpy()
    predicted, hazard = model.predict(world.features)[held], world.hazard[held]
    assert np.corrcoef(predicted, hazard)[0, 1] > 0.8
    assert predicted.mean() == pytest.approx(hazard.mean(), rel=0.15)


def test_more_failed_payments_are_more_risk(world: World, model: churn.ChurnModel) -> None:
    fewer = model.predict(world.features.assign(failed_payments_60d=0))
    more = model.predict(world.features.assign(failed_payments_60d=5))
    assert (more > fewer).all()


@pytest.mark.parametrize("months", [1, 2, 12])
def test_scores_have_one_row_each_and_are_probabilities(months: int) -> None:
    world = simulate(accounts=80, months=months)
    scores = churn.score(churn.train(world.features), world.features)
    assert list(scores) == [
        "account_id", "month", "probability", "is_holdout", "churned_next_month",
    ]  # fmt: skip
    assert scores[features.KEY].equals(world.features[features.KEY].reset_index(drop=True))
    assert scores["probability"].between(0, 1).all()
    assert scores["churned_next_month"].equals(world.features[LABEL].reset_index(drop=True))


def test_scores_report_which_months_were_held_out(world: World, model: churn.ChurnModel) -> None:
    scores = churn.score(model, world.features)
    assert sorted(scores.loc[scores["is_holdout"], "month"].unique()) == world.months()[8:]
    assert scores["is_holdout"].dtype == bool


def test_training_again_gives_the_same_model(world: World, model: churn.ChurnModel) -> None:
    again = churn.train(world.features)
    np.testing.assert_array_equal(again.predict(world.features), model.predict(world.features))
    shuffled = world.features.sample(frac=1, random_state=1)
    np.testing.assert_allclose(
        churn.train(shuffled).predict(world.features), model.predict(world.features), atol=1e-4
    )


def test_training_does_not_change_its_input(world: World) -> None:
    given = world.features.copy(deep=True)
    churn.score(churn.train(given), given)
    pd.testing.assert_frame_equal(given, world.features)


def test_with_few_churns_the_model_is_the_base_rate() -> None:
    world = simulate(level=-9.0)
    model = churn.train(world.features)
    assert model.pipeline is None
    assert model.trained_churns < churn.MIN_CHURNS
    assert 0 < model.base_rate < 0.05
    assert (model.predict(world.features) == model.base_rate).all()


@pytest.mark.parametrize(("extra", "fits"), [(-1, False), (0, True)])
def test_how_many_churns_are_enough(world: World, extra: int, fits: bool) -> None:
    # The first rows belong to the first month.
    churned = np.zeros(len(world.features), dtype=bool)
    churned[: churn.MIN_CHURNS + extra] = True
    label = pd.array(churned, dtype="boolean")
    label[world.features[LABEL].isna().to_numpy()] = pd.NA
    model = churn.train(world.features.assign(**{LABEL: label}))
    assert (model.pipeline is not None) is fits


def test_if_everyone_churns_the_model_is_the_base_rate(world: World) -> None:
    label = world.features[LABEL].mask(world.features[LABEL].notna(), True)
    model = churn.train(world.features.assign(**{LABEL: label}))
    assert model.pipeline is None
    assert 0.99 < model.base_rate < 1


@pytest.mark.parametrize("rows", [0, 5])
def test_without_any_label_there_is_still_a_model(world: World, rows: int) -> None:
    nothing = world.features.iloc[:rows].assign(
        **{LABEL: pd.array([pd.NA] * rows, dtype="boolean")}
    )
    model = churn.train(nothing)
    assert model.pipeline is None
    assert (model.trained_rows, model.trained_churns) == (0, 0)
    assert 0 < model.base_rate < 1
    scores = churn.score(model, nothing)
    assert len(scores) == rows
    assert not scores["is_holdout"].any()


def test_two_labelled_months_train_and_hold_nothing_out() -> None:
    world = simulate(months=3, accounts=500)
    model = churn.train(world.features)
    assert pd.isna(model.holdout_from)
    assert model.trained_rows == 1000
    assert model.pipeline is not None
    assert not churn.score(model, world.features)["is_holdout"].any()


@pytest.mark.parametrize("column", features.CATEGORIES)
def test_a_category_never_seen_before_is_scored(
    world: World, model: churn.ChurnModel, column: str
) -> None:
    new = world.features.assign(**{column: "never seen before"})
    predicted = model.predict(new)
    assert ((predicted >= 0) & (predicted <= 1)).all()


def test_no_rows_have_no_scores(world: World, model: churn.ChurnModel) -> None:
    nothing = world.features.iloc[:0]
    assert churn.score(model, nothing).empty
    assert list(churn.score(model, nothing)) == list(churn.score(model, world.features))


def test_extreme_values_have_a_probability(world: World, model: churn.ChurnModel) -> None:
    for name in features.COUNTS:
        for value in (0, 10**9):
            predicted = model.predict(world.features.iloc[:50].assign(**{name: value}))
            assert ((predicted >= 0) & (predicted <= 1)).all(), name


def test_no_login_counts_as_the_longest_silence(world: World) -> None:
    """An account that never logged in and one that did so long ago look the same."""
    column = "log_days_since_last_login"
    never = churn.design(world.features.assign(days_since_last_login=np.nan))[column]
    long_ago = churn.design(world.features.assign(days_since_last_login=500.0))[column]
    assert never.equals(long_ago)
    assert never.iloc[0] == pytest.approx(np.log1p(60))


def test_a_row_is_scored_alike_alone_and_among_others(
    world: World, model: churn.ChurnModel
) -> None:
    alone = [model.predict(world.features.iloc[[n]])[0] for n in range(5)]
    np.testing.assert_allclose(alone, model.predict(world.features)[:5])
