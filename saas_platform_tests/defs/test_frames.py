"""The types of frames: rows as declared pass, and anything else is one Failure that shows no row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from saas_platform.defs.frames import check_frame, frame_type, table_frame_type
from saas_platform.defs.io import ArtefactFiles, FrameFiles
from saas_platform.defs.models import FEATURES_FRAME, SCORES_FRAME
from saas_platform.schema import TABLES, arrow_schema
from saas_platform.trained_models.churn import ChurnModel
from saas_platform_tests.rows import row

USERS = TABLES["users"]
#: Stands for personal data. A Failure is shown in the UI and kept in logs, so it must not contain this.
SECRET = "ann.secret@example.org"
NUMBER = 987_654_321


def rows_of(table: sa.Table, *, count: int = 3, **values: Any) -> pa.Table:
    return pa.Table.from_pylist(
        [row(table, n, **values) for n in range(1, count + 1)], schema=arrow_schema(table)
    )


def put(rows: pa.Table, column: str, values: Any) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(column), column, pa.array(values))


def failure(table: sa.Table, rows: pa.Table) -> str:
    with pytest.raises(dg.Failure) as raised:
        check_frame(table, rows)
    return str(raised.value.description)


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_rows_of_the_schema_pass(table: sa.Table) -> None:
    check_frame(table, rows_of(table))
    check_frame(table, rows_of(table, count=0))


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_nullable_columns_pass_with_and_without_values(table: sa.Table) -> None:
    given: dict[type, Any] = {int: 5, str: "some", datetime: datetime(2024, 5, 1)}
    values = {
        column.name: column.info["values"][0]
        if "values" in column.info
        else given[column.type.python_type]
        for column in table.columns
        if column.nullable
    }
    half = [row(table, 1, **values), row(table, 2)]
    check_frame(table, pa.Table.from_pylist(half, schema=arrow_schema(table)))
    check_frame(table, rows_of(table, **values))


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_every_column_must_be_there(table: sa.Table) -> None:
    rows = rows_of(table)
    for name in rows.column_names:
        message = failure(table, rows.drop_columns([name]))
        assert f"frame of {table.name} " in message
        assert name in message


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_no_other_column_may_be_there(table: sa.Table) -> None:
    rows = rows_of(table)
    message = failure(table, rows.append_column("shoe_size", pa.array([NUMBER] * 3)))
    assert f"frame of {table.name} " in message
    assert "shoe_size" in message
    assert str(NUMBER) not in message
    # The database sets the row version, so it is never passed on.
    assert "row_version" in failure(
        table, rows.append_column("row_version", pa.array([NUMBER] * 3))
    )


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_no_required_column_may_be_null(table: sa.Table) -> None:
    rows = rows_of(table)
    for column in table.columns:
        if column.nullable or column.info.get("row_version"):
            continue
        present = rows[column.name].to_pylist()
        field = rows.schema.field(column.name)
        message = failure(table, put(rows, column.name, pa.array([None, *present[1:]], field.type)))
        assert f"frame of {table.name} " in message
        assert f'"{column.name}"' in message


@pytest.mark.parametrize(
    "column",
    [c for t in TABLES.values() for c in t.columns if "values" in c.info],
    ids=lambda column: f"{column.table.name}.{column.name}",
)
def test_a_code_outside_its_list_is_reported_with_the_list(column: sa.Column) -> None:
    message = failure(column.table, put(rows_of(column.table), column.name, [SECRET] * 3))
    assert f"frame of {column.table.name} " in message
    assert f'"{column.name}"' in message
    assert all(value in message for value in column.info["values"])
    assert SECRET not in message


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_a_key_must_be_unique(table: sa.Table) -> None:
    (key,) = table.primary_key.columns
    message = failure(table, put(rows_of(table), key.name, [NUMBER, 2, NUMBER]))
    assert f"frame of {table.name} " in message
    assert f'"{key.name}"' in message
    assert "unique" in message
    assert str(NUMBER) not in message


_WRONG: list[tuple[str, str, list[Any]]] = [
    ("users", "user_id", [SECRET, "2", "3"]),
    ("users", "account_id", [NUMBER + 0.5, 2.0, 3.0]),
    ("users", "full_name", [NUMBER, 2, 3]),
    ("users", "created_at", [SECRET, "2", "3"]),
    ("users", "created_at", [NUMBER, 2, 3]),
    ("users", "deactivated_at", [SECRET, None, None]),
    ("features", "is_key", [NUMBER, 0, 1]),
    ("features", "is_key", [SECRET, "no", "yes"]),
    ("invoices", "total_cents", [NUMBER + 0.5, 1.0, 2.0]),
    ("invoices", "total_cents", [SECRET, "1", "2"]),
]


@pytest.mark.parametrize(("table", "column", "values"), _WRONG)
def test_a_wrong_type_is_reported(table: str, column: str, values: list[Any]) -> None:
    message = failure(TABLES[table], put(rows_of(TABLES[table]), column, values))
    assert f"frame of {table} " in message
    assert f'"{column}"' in message
    assert SECRET not in message
    assert str(NUMBER) not in message


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: put(rows, "role", ["boss", "member", "member"]),
        lambda rows: put(rows, "user_id", [1, 1, 3]),
        lambda rows: put(rows, "user_id", [1, None, 3]),
        lambda rows: put(rows, "role", [None, "member", "member"]),
        lambda rows: put(rows, "created_at", pa.array([None] * 3, pa.timestamp("us"))),
        lambda rows: put(rows, "email", [None, SECRET, SECRET]),
        lambda rows: rows.drop_columns(["role"]),
        lambda rows: rows.append_column("more", rows["email"]),
        lambda rows: rows.append_column("row_version", rows["email"]),
    ],
    ids=["code", "twice", "no key", "no code", "no time", "no text", "missing", "extra", "version"],
)
def test_a_failure_shows_no_row_and_is_one_line(spoil: Callable[[pa.Table], pa.Table]) -> None:
    message = failure(USERS, spoil(rows_of(USERS, email=SECRET, full_name="Ann Secret")))
    assert "users" in message
    assert "secret" not in message.lower()
    assert "\n" not in message


def test_one_type_for_a_table() -> None:
    assert table_frame_type(USERS) is table_frame_type(USERS)
    assert table_frame_type(USERS).display_name == "users_frame"
    assert "row_version" not in (table_frame_type(USERS).description or "")


def test_a_frame_has_its_columns_and_no_other() -> None:
    import dagster_pandas as dp

    kind = frame_type("pairs", "Pairs.", [dp.PandasColumn.integer_column("a", non_nullable=True)])
    assert kind.type_check(None, pd.DataFrame({"a": [1]})).success  # type: ignore[arg-type]
    for wrong in (pd.DataFrame({"a": [1], "b": [1]}), pd.DataFrame({"b": [1]}), [1]):
        assert not kind.type_check(None, wrong).success  # type: ignore[arg-type]


def scores(**values: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": pd.Series([1, 2], dtype="int64"),
            "month": pd.to_datetime(["2024-01-01", "2024-02-01"]),
            "probability": [0.0, 1.0],
            "is_holdout": [False, True],
            "churned_next_month": pd.Series([True, pd.NA], dtype="boolean"),
            **values,
        }
    )


@pytest.mark.parametrize(
    ("values", "passes"),
    [
        ({}, True),
        ({"probability": [0.5, 1.1]}, False),
        ({"probability": [-0.1, 0.5]}, False),
        ({"probability": [np.nan, 0.5]}, False),
        ({"account_id": [1.5, 2.5]}, False),
        ({"is_holdout": ["no", "yes"]}, False),
        ({"month": ["2024-01", "2024-02"]}, False),
        ({"extra": [1, 2]}, False),
    ],
)
def test_scores_are_probabilities(values: dict[str, Any], passes: bool) -> None:
    assert SCORES_FRAME.type_check(None, scores(**values)).success is passes  # type: ignore[arg-type]


#: The products that the IO managers recorded as complete.
RECORDED: list[str] = []


@pytest.fixture
def frames(tmp_path: Path) -> FrameFiles:
    return manager_of(FrameFiles, tmp_path / "staging")


class Recorded:
    """Stands for the bookkeeping, and remembers what was recorded."""

    def given(self) -> dict[str, str]:
        return {}

    def record(self, made: list[str], _: dict[str, str]) -> None:
        RECORDED.extend(made)


def manager_of(kind: Any, folder: Path) -> Any:
    """Return an IO manager as a run would have it."""
    bookkeeping = dg.ResourceDefinition.hardcoded_resource(Recorded())
    made = kind(url=folder.as_uri(), bookkeeping=bookkeeping)
    with dg.build_resources({"manager": made}) as resources:
        return resources.manager


def round_trip(manager: dg.IOManager, key: list[str], thing: Any) -> tuple[Any, dict[str, Any]]:
    """Return what the IO manager loads after storing the object, and the metadata that the UI shows."""
    out = dg.build_output_context(asset_key=dg.AssetKey(key))
    manager.handle_output(out, thing)
    metadata = {name: getattr(v, "value", v) for name, v in out.consume_logged_metadata().items()}
    return manager.load_input(dg.build_input_context(asset_key=dg.AssetKey(key))), metadata


def test_a_frame_comes_out_as_it_went_in(frames: FrameFiles, tmp_path: Path) -> None:
    found, metadata = round_trip(frames, ["models", "churn_scores"], scores())
    assert RECORDED[-1] == "models/churn_scores"
    pd.testing.assert_frame_equal(found, scores())
    assert SCORES_FRAME.type_check(None, found).success  # type: ignore[arg-type]
    path = tmp_path / "staging" / "models" / "churn_scores.parquet"
    assert metadata["dagster/row_count"] == 2
    assert metadata["bytes"] == path.stat().st_size
    assert metadata["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_empty_frame_keeps_its_types(frames: FrameFiles) -> None:
    found, metadata = round_trip(frames, ["models", "churn_scores"], scores().iloc[:0])
    assert found.dtypes.to_dict() == scores().dtypes.to_dict()
    assert metadata["dagster/row_count"] == 0


def test_a_frame_written_again_is_replaced(frames: FrameFiles) -> None:
    round_trip(frames, ["models", "churn_scores"], scores())
    found, _ = round_trip(frames, ["models", "churn_scores"], scores().iloc[:1])
    assert len(found) == 1


def test_a_model_comes_out_as_it_went_in(tmp_path: Path) -> None:
    manager = manager_of(ArtefactFiles, tmp_path / "artefacts")
    model = ChurnModel(None, 0.04, pd.Timestamp("2025-07-01"), 1000, 40)
    found, metadata = round_trip(manager, ["models", "churn_model"], model)
    assert found == model
    path = tmp_path / "artefacts" / "models" / "churn_model.joblib"
    assert metadata["bytes"] == path.stat().st_size


def test_types_are_documented() -> None:
    for kind in (FEATURES_FRAME, SCORES_FRAME, *map(table_frame_type, TABLES.values())):
        assert kind.description
