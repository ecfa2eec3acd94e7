"""Measure how far a churn model is from the truth. Only this module compares scores with true hazards.

No model can beat the hazards from which churn was drawn. The skill of a model is therefore its log-loss on a
scale from that of the base rate (0) to that of those hazards (1). AUC alone would hide a wrong calibration.

Part of the hazards comes from causes that leave no trace in the source. The observable hazards are what the
source reveals of the hazards. No model could do better, so they are the 1 of `skill_of_observable`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

#: Probabilities are clipped by this much, because a wrong 0 or 1 would have an infinite log-loss.
_CLIP = 1e-6
_BINS = 10
#: The columns of the metrics as a table, with one row per metric.
METRICS = pa.schema(
    [
        pa.field(
            "metric",
            pa.string(),
            metadata={"description": "Name of the metric, such as log_loss_model or skill"},
        ),
        pa.field(
            "value",
            pa.float64(),
            metadata={"description": "Its value on the held-out months, not rounded"},
        ),
    ]
)


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a model on the held-out months. It is empty if no month was held out.

    `metrics` are by name. `calibration` has one row for each tenth of the scores, with the columns bin,
    predicted, observed, true_hazard (means) and accounts.
    """

    metrics: dict[str, float]
    calibration: pd.DataFrame


def log_loss(probability: np.ndarray, outcome: np.ndarray) -> float:
    """Return the mean of -(y ln p + (1 - y) ln(1 - p)), where `outcome` y may itself be a probability."""
    p = np.clip(probability, _CLIP, 1 - _CLIP)
    return float(-(outcome * np.log(p) + (1 - outcome) * np.log(1 - p)).mean())


def skill(model: float, base: float, oracle: float) -> float:
    """Return (base - model) / (base - oracle) of log-losses: 0 for the base rate, 1 for `oracle`."""
    return (base - model) / (base - oracle) if base != oracle else float("nan")


def evaluate(scores: pd.DataFrame, truth: pd.DataFrame, base_rate: float) -> Evaluation:
    """Compare the held-out scores with the labels and with the true hazards.

    Args:
        scores: the result of `churn.score`.
        truth: the simulator's truth, with account_id, month (in which the hazard acts), voluntary_hazard and
            involuntary_hazard (the label is drawn from both together), and the same two as far as the source
            determines them, observable_voluntary_hazard and observable_involuntary_hazard.
        base_rate: the churn rate in the training data.

    Returns:
        The metrics and the calibration.
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
