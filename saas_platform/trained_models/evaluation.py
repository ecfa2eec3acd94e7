"""How far a churn model is from the truth: the one place where true hazards meet scores.

No model can beat the hazards that churn was drawn from. So its skill is the part of the way from the
base rate (0) to those hazards (1) that it goes, in log-loss; AUC alone hides a wrong calibration.
Part of them lies in causes that leave no trace in the source: what does, the observable hazards, is as far
as a model could come, and the end (1) of `skill_of_observable`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

#: Probabilities of exactly 0 or 1 would have an infinite log-loss when wrong.
_LEAST = 1e-6
_BINS = 10


@dataclass(frozen=True)
class Evaluation:
    """`metrics` of the held-out months, by name; `calibration`, one row per tenth of the scores.

    `calibration` has columns bin, predicted, observed, true_hazard (means) and accounts. Both are
    empty where no month was held out.
    """

    metrics: dict[str, float]
    calibration: pd.DataFrame


def log_loss(probability: np.ndarray, outcome: np.ndarray) -> float:
    """Mean of -(y ln p + (1 - y) ln(1 - p)); `outcome` may be a probability itself."""
    p = np.clip(probability, _LEAST, 1 - _LEAST)
    return float(-(outcome * np.log(p) + (1 - outcome) * np.log(1 - p)).mean())


def skill(model: float, base: float, oracle: float) -> float:
    """(base - model) / (base - oracle), in log-loss: 0 the base rate, 1 the hazards `oracle`."""
    return (base - model) / (base - oracle) if base != oracle else float("nan")


def evaluate(scores: pd.DataFrame, truth: pd.DataFrame, base_rate: float) -> Evaluation:
    """Compare held-out scores with labels and with the true hazards.

    `scores` is what `churn.score` gives; `truth` has account_id, month (in which the hazard acts),
    voluntary_hazard and involuntary_hazard, both kinds together what the label is drawn from, and the same
    as far as the source determines them, observable_voluntary_hazard and observable_involuntary_hazard.
    """
    held = scores[scores["is_holdout"] & scores["churned_next_month"].notna()]
    acts_in = pd.to_datetime(held["month"]) + pd.DateOffset(months=1)
    hazards = pd.DataFrame(
        {
            "account_id": truth["account_id"],
            "acts_in": pd.to_datetime(truth["month"]),
            "hazard": truth["voluntary_hazard"] + truth["involuntary_hazard"],
            "observable": truth["observable_voluntary_hazard"]
            + truth["observable_involuntary_hazard"],
        }
    )
    rows = held.assign(acts_in=acts_in).merge(
        hazards, on=["account_id", "acts_in"], how="inner", validate="one_to_one"
    )
    if rows.empty:
        return Evaluation({}, _calibration(rows))
    predicted = rows["probability"].to_numpy()
    observed = rows["churned_next_month"].astype("float64").to_numpy()
    hazard = rows["hazard"].to_numpy()
    observable = rows["observable"].to_numpy()
    named = {
        "model": predicted,
        "base": np.full(len(rows), base_rate),
        "oracle": hazard,
        "observable": observable,
    }
    losses = {name: log_loss(p, observed) for name, p in named.items()}
    expected = {name: log_loss(p, hazard) for name, p in named.items()}
    return Evaluation(
        metrics={
            "rows": float(len(rows)),
            "churn_rate": float(observed.mean()),
            "mean_predicted": float(predicted.mean()),
            "mean_true_hazard": float(hazard.mean()),
            "mean_observable_hazard": float(observable.mean()),
            **{f"log_loss_{name}": loss for name, loss in losses.items()},
            "skill": skill(losses["model"], losses["base"], losses["oracle"]),
            "skill_expected": skill(expected["model"], expected["base"], expected["oracle"]),
            "skill_of_observable": skill(losses["model"], losses["base"], losses["observable"]),
            "skill_of_observable_expected": skill(
                expected["model"], expected["base"], expected["observable"]
            ),
            "auc_model": _auc(observed, predicted),
            "auc_oracle": _auc(observed, hazard),
            "auc_observable": _auc(observed, observable),
        },
        calibration=_calibration(rows),
    )


def _auc(observed: np.ndarray, probability: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    if observed.min() == observed.max():
        return float("nan")
    return float(roc_auc_score(observed, probability))


def _calibration(rows: pd.DataFrame) -> pd.DataFrame:
    rank = rows["probability"].rank(method="first")
    bins = ((rank - 1) * _BINS // max(len(rows), 1)).astype("int64")
    grouped = rows.assign(bin=bins, outcome=rows["churned_next_month"].astype("float64"))
    return (
        grouped.groupby("bin")
        .agg(
            predicted=("probability", "mean"),
            observed=("outcome", "mean"),
            true_hazard=("hazard", "mean"),
            accounts=("account_id", "size"),
        )
        .reset_index()
    )
