"""Tests that the marts find what the simulator knows: how many accounts churn, and each campaign's effect."""

from __future__ import annotations

import numpy as np
import pytest

from saas_platform.clock import Month
from saas_platform_tests.marts.compiled import Models
from saas_platform_tests.marts.conftest import AS_OF, Marts, company_of, simulate


def test_churn_counts_are_those_of_the_true_hazards(simulated: Marts) -> None:
    """Compare the accounts that paid at a month's start and churned in it with the sum of their hazards."""
    truth = company_of(accounts=300).truth(AS_OF)["account_months"].to_pandas()
    rows = simulated.rows(
        "SELECT sum(CASE WHEN opening_is_paying THEN 1 ELSE 0 END) AS paying,"
        " sum(CASE WHEN opening_is_paying AND churn_kind = 'voluntary' THEN 1 ELSE 0 END) AS voluntary,"
        " sum(CASE WHEN opening_is_paying AND churn_kind = 'involuntary' THEN 1 ELSE 0 END)"
        " AS involuntary FROM account_months"
    )[0]
    assert abs(rows["paying"] - len(truth)) <= 0.02 * len(truth)
    for kind in ("voluntary", "involuntary"):
        hazard = truth[f"{kind}_hazard"]
        error = np.sqrt((hazard * (1 - hazard)).sum())
        assert abs(int(rows[kind]) - hazard.sum()) <= 3.5 * error, kind


@pytest.mark.slow
def test_the_true_lift_is_inside_the_interval(models: Models) -> None:
    """Compare the simulator's factor on conversion with the mart's difference and interval."""
    tables = simulate(accounts=2500, until=Month(2024, 12))
    tables["usage_events"] = tables["usage_events"].slice(0, 0)
    marts = Marts(models.run(tables))
    truth = company_of(accounts=2500).truth(AS_OF)["campaigns"].to_pandas()
    lifts = dict(zip(truth["promo_code_id"], truth["true_conversion_lift"], strict=True))
    seen, inside = 0, 0
    for row in marts.rows(
        "SELECT * FROM promo_performance WHERE kind = 'acquisition'"
        " AND treated_converted > 4 AND holdout_converted > 4"
    ):
        true_difference = (lifts[row["promo_code_id"]] - 1) * row["holdout_conversion_rate"]
        width = row["conversion_difference_high"] - row["conversion_difference"]
        seen += 1
        inside += (
            row["conversion_difference_low"] <= true_difference <= row["conversion_difference_high"]
        )
        assert abs(true_difference - row["conversion_difference"]) <= 2 * width, row["code"]
    marts.close()
    assert seen >= 2
    assert inside >= seen - 1
