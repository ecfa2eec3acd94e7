"""Tests the distance from the truth: the ends of its scale, and each figure computed by hand."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from saas_platform.company.truth import ACCOUNT_MONTHS_SCHEMA
from saas_platform.trained_models import churn
from saas_platform.trained_models.evaluation import Evaluation, evaluate, log_loss, skill
from saas_platform_tests.trained_models.simulated import World, simulate


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(accounts=400)


@pytest.fixture(scope="module")
def model(world: World) -> churn.ChurnModel:
    return churn.train(world.features)


def with_scores(world: World, model: churn.ChurnModel, probability: np.ndarray) -> Evaluation:
    """Evaluate these probabilities as if the model had predicted them."""
    scores = churn.score(model, world.features).assign(probability=probability)
    return evaluate(scores, world.truth, model.base_rate)


def odds_times(probability: np.ndarray, factor: float) -> np.ndarray:
    odds = factor * probability / (1 - probability)
    return odds / (1 + odds)


def pairs(**columns: Any) -> pd.DataFrame:
    """Return the scores of a few accounts in January 2025, all of them held out."""
    count = len(columns["probability"])
    return pd.DataFrame(
        {
            "account_id": range(1, count + 1),
            "month": pd.Timestamp("2025-01-01"),
            "is_holdout": True,
            "churned_next_month": pd.array([False] * count, dtype="boolean"),
            **columns,
        }
    )


def hazards(*values: float, month: date = date(2025, 2, 1)) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": range(1, len(values) + 1),
            "month": month,
            "voluntary_hazard": values,
            "involuntary_hazard": 0.0,
            "observable_voluntary_hazard": values,
            "observable_involuntary_hazard": 0.0,
        }
    )


def test_the_true_hazards_have_skill_one(world: World, model: churn.ChurnModel) -> None:
    metrics = with_scores(world, model, world.hazard).metrics
    assert metrics["skill"] == pytest.approx(1)
    assert metrics["skill_expected"] == pytest.approx(1)
    assert metrics["auc_model"] == pytest.approx(metrics["auc_oracle"])
    assert metrics["mean_predicted"] == pytest.approx(metrics["mean_true_hazard"])


def test_the_observable_hazards_have_observable_skill_one_and_lower_true_skill(
    world: World, model: churn.ChurnModel
) -> None:
    truth = world.truth
    seen = truth["observable_voluntary_hazard"] + truth["observable_involuntary_hazard"]
    metrics = with_scores(world, model, seen.to_numpy()).metrics
    assert metrics["skill_of_observable"] == pytest.approx(1)
    assert metrics["skill_of_observable_expected"] == pytest.approx(1)
    assert 0 < metrics["skill_expected"] < 1
    assert metrics["auc_model"] == pytest.approx(metrics["auc_observable"])
    assert metrics["auc_observable"] < metrics["auc_oracle"]
    assert metrics["log_loss_oracle"] < metrics["log_loss_observable"] < metrics["log_loss_base"]
    assert metrics["mean_predicted"] == pytest.approx(metrics["mean_observable_hazard"])


def test_the_base_rate_has_skill_zero(world: World, model: churn.ChurnModel) -> None:
    metrics = with_scores(world, model, np.full(len(world.hazard), model.base_rate)).metrics
    assert metrics["skill"] == pytest.approx(0)
    assert metrics["skill_expected"] == pytest.approx(0)
    assert metrics["auc_model"] == pytest.approx(0.5)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_wrong_odds_cost_skill_though_the_order_is_right(
    world: World, model: churn.ChurnModel, factor: float
) -> None:
    right = with_scores(world, model, world.hazard).metrics
    wrong = with_scores(world, model, odds_times(world.hazard, factor)).metrics
    assert wrong["auc_model"] == pytest.approx(right["auc_model"])
    assert wrong["skill"] < right["skill"] - 0.1
    assert wrong["skill_expected"] < right["skill_expected"] - 0.1


def test_nothing_is_expected_to_beat_the_truth(world: World, model: churn.ChurnModel) -> None:
    rng = np.random.default_rng(1)
    for factor in (0.8, 1.25, rng.uniform(0.5, 2.0, len(world.hazard))):
        found = with_scores(world, model, odds_times(world.hazard, factor))  # type: ignore[arg-type]
        assert found.metrics["skill_expected"] < 1


def test_inverted_hazards_are_worse_than_the_base_rate(
    world: World, model: churn.ChurnModel
) -> None:
    metrics = with_scores(world, model, 1 - world.hazard).metrics
    assert metrics["skill"] < 0
    assert metrics["auc_model"] == pytest.approx(1 - metrics["auc_oracle"])


def test_the_model_lies_between_base_rate_and_truth(world: World, model: churn.ChurnModel) -> None:
    metrics = evaluate(churn.score(model, world.features), world.truth, model.base_rate).metrics
    assert 0.5 < metrics["skill_expected"] < 1
    assert metrics["log_loss_oracle"] < metrics["log_loss_base"]
    assert metrics["rows"] == 3 * 400


def test_log_loss_by_hand() -> None:
    assert log_loss(np.array([0.5]), np.array([1.0])) == pytest.approx(math.log(2))
    found = log_loss(np.array([0.8, 0.4]), np.array([1.0, 0.0]))
    assert found == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    # The outcome may itself be a probability: 3 of 4 churn.
    found = log_loss(np.array([0.9]), np.array([0.75]))
    assert found == pytest.approx(-(0.75 * math.log(0.9) + 0.25 * math.log(0.1)))


def test_a_sure_and_wrong_prediction_has_a_large_but_finite_loss() -> None:
    assert log_loss(np.array([0.0]), np.array([1.0])) == pytest.approx(-math.log(1e-6))
    assert log_loss(np.array([1.0]), np.array([0.0])) == pytest.approx(-math.log(1e-6))
    assert log_loss(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == pytest.approx(0, abs=1e-5)


def test_skill_by_hand() -> None:
    assert skill(model=0.3, base=0.4, oracle=0.2) == pytest.approx(0.5)
    assert skill(model=0.5, base=0.4, oracle=0.2) == pytest.approx(-0.5)
    assert math.isnan(skill(model=0.3, base=0.2, oracle=0.2))


def test_metrics_by_hand() -> None:
    scores = pairs(
        probability=[0.2, 0.4], churned_next_month=pd.array([False, True], dtype="boolean")
    )
    metrics = evaluate(scores, hazards(0.1, 0.5), base_rate=0.3).metrics
    model = -(math.log(0.8) + math.log(0.4)) / 2
    base = -(math.log(0.7) + math.log(0.3)) / 2
    oracle = -(math.log(0.9) + math.log(0.5)) / 2
    assert metrics["rows"] == 2
    assert metrics["churn_rate"] == 0.5
    assert metrics["mean_predicted"] == pytest.approx(0.3)
    assert metrics["mean_true_hazard"] == pytest.approx(0.3)
    assert metrics["log_loss_model"] == pytest.approx(model)
    assert metrics["log_loss_base"] == pytest.approx(base)
    assert metrics["log_loss_oracle"] == pytest.approx(oracle)
    assert metrics["skill"] == pytest.approx((base - model) / (base - oracle))
    assert metrics["auc_model"] == metrics["auc_oracle"] == 1


def test_metrics_of_the_observable_by_hand() -> None:
    scores = pairs(
        probability=[0.2, 0.4], churned_next_month=pd.array([False, True], dtype="boolean")
    )
    truth = hazards(0.1, 0.5).assign(
        observable_voluntary_hazard=[0.2, 0.25], observable_involuntary_hazard=[0.05, 0.15]
    )
    metrics = evaluate(scores, truth, base_rate=0.3).metrics
    model = -(math.log(0.8) + math.log(0.4)) / 2
    base = -(math.log(0.7) + math.log(0.3)) / 2
    observable = -(math.log(0.75) + math.log(0.4)) / 2
    assert metrics["log_loss_observable"] == pytest.approx(observable)
    assert metrics["skill_of_observable"] == pytest.approx((base - model) / (base - observable))
    assert metrics["auc_observable"] == 1
    assert metrics["mean_observable_hazard"] == pytest.approx(0.325)


def test_both_kinds_of_hazard_count() -> None:
    truth = hazards(0.1).assign(involuntary_hazard=0.05)
    found = evaluate(pairs(probability=[0.2]), truth, base_rate=0.1)
    assert found.metrics["mean_true_hazard"] == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("month", "acts_in"),
    [("2024-01-01", date(2024, 2, 1)), ("2024-11-01", date(2024, 12, 1)),
     ("2024-12-01", date(2025, 1, 1))],
)  # fmt: skip
def test_a_month_is_judged_by_the_hazard_of_the_next(month: str, acts_in: date) -> None:
    scores = pairs(probability=[0.2], month=[pd.Timestamp(month)])
    this = pd.Timestamp(month).date()
    two = (pd.Timestamp(month) + pd.DateOffset(months=2)).date()
    truth = pd.concat(
        [hazards(0.9, month=this), hazards(0.25, month=acts_in), hazards(0.8, month=two)]
    )
    found = evaluate(scores, truth, base_rate=0.1)
    assert found.metrics["rows"] == 1
    assert found.metrics["mean_true_hazard"] == pytest.approx(0.25)


def test_the_simulators_truth_joins_with_the_scores() -> None:
    """Join months of two types: Arrow dates in the truth, timestamps of any resolution in the scores."""
    row = {
        "account_id": 1, "month": date(2025, 2, 1), "voluntary_hazard": 0.25,
        "involuntary_hazard": 0.0, "observable_voluntary_hazard": 0.2,
        "observable_involuntary_hazard": 0.0, "health": 0.0, "mrr_cents": 1, "segment": "smb",
        "expected_remaining_value_cents": 1,
    }  # fmt: skip
    truth = pa.Table.from_pylist([row], schema=ACCOUNT_MONTHS_SCHEMA).to_pandas()
    units: tuple[Literal["s", "us", "ns"], ...] = ("s", "us", "ns")
    for unit in units:
        scores = pairs(probability=[0.2])
        scores = scores.assign(month=scores["month"].dt.as_unit(unit))
        assert evaluate(scores, truth, 0.1).metrics["mean_true_hazard"] == pytest.approx(0.25)


def test_only_held_out_months_with_a_label_are_judged() -> None:
    scores = pairs(
        probability=[0.1, 0.2, 0.3],
        is_holdout=[True, False, True],
        churned_next_month=pd.array([True, True, pd.NA], dtype="boolean"),
    )
    found = evaluate(scores, hazards(0.1, 0.1, 0.1), base_rate=0.1)
    assert found.metrics["rows"] == 1
    assert found.metrics["mean_predicted"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "scores",
    [
        pairs(probability=[0.1, 0.2], is_holdout=[False, False]),
        pairs(probability=[0.1], churned_next_month=pd.array([pd.NA], dtype="boolean")),
        pairs(probability=[0.1]).iloc[:0],
    ],
    ids=["none held out", "none labelled", "no rows"],
)
def test_an_empty_holdout_has_no_metrics(scores: pd.DataFrame) -> None:
    found = evaluate(scores, hazards(0.1, 0.1), base_rate=0.1)
    assert found.metrics == {}
    assert found.calibration.empty
    assert list(found.calibration) == ["bin", "predicted", "observed", "true_hazard", "accounts"]


def test_if_nobody_churned_there_is_no_auc() -> None:
    metrics = evaluate(pairs(probability=[0.1, 0.2]), hazards(0.1, 0.3), 0.2).metrics
    assert math.isnan(metrics["auc_model"])
    assert not math.isnan(metrics["skill"])


def test_a_truth_with_a_duplicate_account_is_refused() -> None:
    truth = pd.concat([hazards(0.1), hazards(0.2)])
    with pytest.raises(pd.errors.MergeError):
        evaluate(pairs(probability=[0.1]), truth, 0.1)


def test_calibration_is_in_tenths_that_add_up(world: World, model: churn.ChurnModel) -> None:
    found = with_scores(world, model, world.hazard)
    table, metrics = found.calibration, found.metrics
    assert list(table["bin"]) == list(range(10))
    assert set(table["accounts"]) == {120}
    assert table["predicted"].is_monotonic_increasing
    for column, metric in (
        ("predicted", "mean_predicted"),
        ("observed", "churn_rate"),
        ("true_hazard", "mean_true_hazard"),
    ):
        whole = np.average(table[column], weights=table["accounts"])
        assert whole == pytest.approx(metrics[metric])
    np.testing.assert_allclose(table["predicted"], table["true_hazard"])


@pytest.mark.parametrize("count", [1, 4, 10, 23])
def test_every_account_is_in_one_tenth(count: int) -> None:
    scores = pairs(probability=[0.2] * count)
    table = evaluate(scores, hazards(*[0.1] * count), 0.1).calibration
    assert table["accounts"].sum() == count
    assert table["bin"].between(0, 9).all()
    assert table["accounts"].max() - table["accounts"].min() <= 1
