"""Assets of group `models`: the churn model, from its features to its evaluation against the truth."""

from typing import TypeVar

import dagster as dg
import dagster_pandas as dp
import joblib
import pandas as pd
import pyarrow as pa

from saas_platform.defs.failures import raise_failures
from saas_platform.defs.frames import frame_type, timestamp_column
from saas_platform.defs.marts import GROUP as MARTS
from saas_platform.defs.metadata import frame_schema
from saas_platform.defs.plots import calibration_plot
from saas_platform.defs.resources import TruthFiles
from saas_platform.defs.synthetic import TRUTH
from saas_platform.defs.timing import WorkTimer
from saas_platform.defs.warehouse import WarehouseResource
from saas_platform.refresh.bookkeeping import Bookkeeping
from saas_platform.refresh.products import EVALUATION
from saas_platform.trained_models import churn, features
from saas_platform.trained_models.evaluation import METRICS, evaluate
from saas_platform.warehouse.interface import Warehouse

T = TypeVar("T")

GROUP = "models"
BEATS_BASE_RATE = "beats_base_rate"
WELL_CALIBRATED = "well_calibrated"
#: The mean prediction and the mean true hazard are means of thousands of probabilities. If their ratio is
#: farther from 1 than this, the model is wrong and not just unlucky.
_WIDEST_RATIO = 1.5

FEATURES_FRAME = frame_type(
    "churn_features_frame",
    "Features and label; one row per account and month at whose end the account pays.",
    [
        dp.PandasColumn.integer_column("account_id", non_nullable=True),
        timestamp_column("month", required=True),
        *(dp.PandasColumn.string_column(name, non_nullable=True) for name in features.CATEGORIES),
        *(
            dp.PandasColumn.numeric_column(name, min_value=0, ignore_missing_vals=True)
            for name in features.COUNTS
        ),
        *(dp.PandasColumn.exists(name, non_nullable=True) for name in features.NUMBERS),
        dp.PandasColumn.exists(features.LABEL),
    ],
)

SCORES_FRAME = frame_type(
    "churn_scores_frame",
    "Probability of churn in the next month; one row per account and month.",
    [
        dp.PandasColumn.integer_column("account_id", non_nullable=True),
        timestamp_column("month", required=True),
        dp.PandasColumn.float_column(
            "probability", min_value=0.0, max_value=1.0, non_nullable=True
        ),
        dp.PandasColumn.boolean_column("is_holdout", non_nullable=True),
        dp.PandasColumn.exists("churned_next_month"),
    ],
)


def model_assets(
    marts: dg.AssetsDefinition, warehouse: Warehouse, *, from_synthetic: bool
) -> list[dg.AssetsDefinition]:
    """Return the features, model and scores, and the evaluation if the truth is known.

    Args:
        marts: describe the features, which are columns of one of them.
        warehouse: names the types of the columns, and is not opened.
        from_synthetic: whether the truth is known.
    """
    mart = marts.get_asset_spec(dg.AssetKey([MARTS, features.MART]))
    columns: dg.TableSchema = mart.metadata["dagster/column_schema"]
    described = {column.name: column.description or "" for column in columns.columns}
    schemas = {
        "churn_features": frame_schema(features.SCHEMA, None, described),
        "churn_scores": frame_schema(churn.SCORES, warehouse.columns_of(churn.SCORES), described),
        "churn_evaluation": frame_schema(METRICS, warehouse.columns_of(METRICS)),
    }

    def with_columns(spec: dg.AssetSpec) -> dg.AssetSpec:
        schema = schemas.get(spec.key.path[-1])
        return spec.merge_attributes(metadata={"dagster/column_schema": schema}) if schema else spec

    assets = [churn_features, churn_model, churn_scores]
    return [
        each.map_asset_specs(with_columns)
        for each in ([*assets, churn_evaluation] if from_synthetic else assets)
    ]


@dg.asset(
    key=[GROUP, "churn_features"],
    deps=[[MARTS, features.MART]],
    group_name=GROUP,
    kinds={"python", "pandas"},
    dagster_type=FEATURES_FRAME,
    io_manager_key="frames",
    description="Features of the churn model as of the end of each month, and whether the account"
    " churned in the next month.",
)
def churn_features(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    work: dg.ResourceParam[WorkTimer],
) -> dg.Output[pd.DataFrame]:
    with work.measure(GROUP) as measured, raise_failures():
        frame = features.frame(warehouse.open().query(features.ROWS))
        work.done(GROUP, rows=len(frame))
    context.add_output_metadata({"seconds": measured.seconds})
    return _versioned(frame)


@dg.asset(
    key=[GROUP, "churn_model"],
    ins={"rows": dg.AssetIn(key=[GROUP, "churn_features"], dagster_type=FEATURES_FRAME)},
    group_name=GROUP,
    kinds={"python", "scikitlearn"},
    io_manager_key="artefacts",
    description="The fitted churn model. The newest labelled months are held out of its training.",
)
def churn_model(
    context: dg.AssetExecutionContext,
    rows: pd.DataFrame,
    work: dg.ResourceParam[WorkTimer],
) -> dg.Output[churn.ChurnModel]:
    with work.measure(GROUP) as measured:
        model = churn.train(rows)
        work.done(GROUP)
    kind = "base rate" if model.pipeline is None else "logistic regression"
    if model.pipeline is None:
        context.log.warning("The history is too short for a model, so the base rate is used.")
    context.add_output_metadata(
        {
            "kind": kind,
            "seconds": measured.seconds,
            "base_rate": model.base_rate,
            "trained_rows": model.trained_rows,
            "trained_churns": model.trained_churns,
            "holdout_from": "none"
            if pd.isna(model.holdout_from)
            else f"{model.holdout_from:%Y-%m}",
        }
    )
    return _versioned(model)


@dg.asset(
    key=[GROUP, "churn_scores"],
    ins={
        "model": dg.AssetIn(key=[GROUP, "churn_model"]),
        "rows": dg.AssetIn(key=[GROUP, "churn_features"], dagster_type=FEATURES_FRAME),
    },
    group_name=GROUP,
    kinds={"python", "table"},
    dagster_type=SCORES_FRAME,
    io_manager_key="frames",
    metadata={"dagster/table_name": "models.churn_scores"},
    description="Probability that an account that pays at the end of a month churns in the next month.",
)
def churn_scores(
    context: dg.AssetExecutionContext,
    model: churn.ChurnModel,
    rows: pd.DataFrame,
    warehouse: WarehouseResource,
    work: dg.ResourceParam[WorkTimer],
) -> dg.Output[pd.DataFrame]:
    with work.measure(GROUP) as measured, raise_failures():
        scores = churn.score(model, rows)
        _write(warehouse.open(), "churn_scores", _table(scores))
        work.done(GROUP, rows=len(scores))
    context.add_output_metadata({"seconds": measured.seconds})
    return _versioned(scores)


@dg.asset(
    key=[GROUP, "churn_evaluation"],
    ins={
        "model": dg.AssetIn(key=[GROUP, "churn_model"]),
        "scores": dg.AssetIn(key=[GROUP, "churn_scores"], dagster_type=SCORES_FRAME),
    },
    deps=[TRUTH],
    group_name=GROUP,
    kinds={"python", "table"},
    metadata={"dagster/table_name": "models.churn_evaluation"},
    description="Compares the scores of the held-out months with the churn that happened, with the true"
    " hazards from which it was drawn, and with the part of those hazards that the source reveals: log-loss"
    " skill, AUC and calibration.",
    check_specs=[
        dg.AssetCheckSpec(
            BEATS_BASE_RATE,
            asset=[GROUP, "churn_evaluation"],
            description="On the held-out months, the model's log-loss is below that of the base rate.",
        ),
        dg.AssetCheckSpec(
            WELL_CALIBRATED,
            asset=[GROUP, "churn_evaluation"],
            description="The mean prediction is within a factor of 1.5 of the mean true hazard.",
        ),
    ],
)
def churn_evaluation(
    model: churn.ChurnModel,
    scores: pd.DataFrame,
    warehouse: WarehouseResource,
    truth: TruthFiles,
    bookkeeping: dg.ResourceParam[Bookkeeping],
    work: dg.ResourceParam[WorkTimer],
) -> dg.MaterializeResult:
    with work.measure(GROUP) as measured, raise_failures():
        hazards = truth.open().read("account_months").to_pandas()
        found = evaluate(scores, hazards, model.base_rate)
        name = "churn_evaluation"
        into = warehouse.open()
        metrics = pd.DataFrame(found.metrics.items(), columns=METRICS.names)
        # A metric that is not defined is NaN in pandas, and becomes NULL.
        written = pa.Table.from_pandas(metrics, schema=METRICS, preserve_index=False)
        _write(into, name, written)
        _write(into, "churn_calibration", _table(found.calibration))
        made = bookkeeping.record([EVALUATION], bookkeeping.given())
        (digest,) = into.digest_tables(GROUP, [name]).values()
        work.done(GROUP, rows=written.num_rows)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(made[EVALUATION]),
        metadata={
            **_plot(found.calibration),
            **{metric: round(value, 6) for metric, value in found.metrics.items()},
            "calibration": dg.MetadataValue.md(_markdown(found.calibration)),
            "dagster/row_count": written.num_rows,
            "digest": f"{digest.total:x}",
            "seconds": measured.seconds,
        },
        check_results=_checks(model, found.metrics),
    )


def _versioned(thing: T) -> dg.Output[T]:
    """Return a frame or a model as an output whose data version is made from its content."""
    return dg.Output(thing, data_version=dg.DataVersion(joblib.hash(thing)))


def _table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)


def _write(warehouse: Warehouse, name: str, rows: pa.Table) -> None:
    warehouse.replace_table(GROUP, name, rows)


def _checks(model: churn.ChurnModel, metrics: dict[str, float]) -> list[dg.AssetCheckResult]:
    if model.pipeline is None or not metrics:
        return [
            dg.AssetCheckResult(
                check_name=name,
                passed=True,
                severity=dg.AssetCheckSeverity.WARN,
                description="The history is too short for a model, so there is nothing to judge yet.",
            )
            for name in (BEATS_BASE_RATE, WELL_CALIBRATED)
        ]
    ratio = metrics["mean_predicted"] / metrics["mean_true_hazard"]
    return [
        dg.AssetCheckResult(
            check_name=BEATS_BASE_RATE,
            passed=metrics["log_loss_model"] < metrics["log_loss_base"],
            description=f"Skill {metrics['skill']:.2f}, where 0 is the base rate and 1 the true hazards;"
            f" {metrics['skill_of_observable']:.2f} where 1 is the part of the hazards that the source"
            " determines.",
            metadata={
                "skill": metrics["skill"],
                "skill_of_observable": metrics["skill_of_observable"],
            },
        ),
        dg.AssetCheckResult(
            check_name=WELL_CALIBRATED,
            passed=1 / _WIDEST_RATIO < ratio < _WIDEST_RATIO,
            description=f"Mean prediction {metrics['mean_predicted']:.4f}, mean true hazard"
            f" {metrics['mean_true_hazard']:.4f}.",
            metadata={"ratio": ratio},
        ),
    ]


def _plot(calibration: pd.DataFrame) -> dict[str, dg.MarkdownMetadataValue]:
    """Return the image of the calibration; none if no month was held out."""
    if calibration.empty:
        return {}
    predicted, *shares = (
        calibration[name].tolist() for name in ("predicted", "observed", "true_hazard")
    )
    named = dict(zip(("churned", "true hazard"), shares, strict=True))
    return {"calibration_plot": calibration_plot(predicted, named)}


def _markdown(calibration: pd.DataFrame) -> str:
    lines = ["| tenth | predicted | observed | true hazard | accounts |", "|--|--|--|--|--|"]
    lines += [
        f"| {row.bin} | {row.predicted:.4f} | {row.observed:.4f} | {row.true_hazard:.4f}"
        f" | {row.accounts} |"
        for row in calibration.itertuples()
    ]
    return "\n".join(lines)
