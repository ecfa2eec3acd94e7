"""The columns that the UI shows of a table or a frame are those that a run wrote, with their types."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.parquet as pq

from saas_platform.defs.build import build_definitions
from saas_platform.platform import Platform
from saas_platform.schema import TABLES


def shown(layers: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return the types of the columns, by name of the asset, as the definitions state them."""
    return {
        spec.key.to_user_string(): {column.name: column.type for column in schema.columns}
        for spec in build_definitions(Platform.load()).resolve_all_asset_specs()
        for schema in [spec.metadata.get("dagster/column_schema")]
        if spec.key.path[0] in layers and isinstance(schema, dg.TableSchema)
    }


def test_tables_of_the_warehouse(home: Path) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT schema_name || '/' || table_name, column_name, data_type FROM duckdb_columns()"
            " WHERE schema_name IN ('raw', 'marts', 'models') AND column_name <> '_sync_id'"
            " ORDER BY column_index"
        ).fetchall()
    there: dict[str, dict[str, str]] = {}
    for table, column, type_ in rows:
        there.setdefault(table, {})[column] = type_
    expected = shown(("raw", "marts", "models"))
    del expected["models/churn_features"]  # This one is in Parquet only.
    assert len(expected) > 60
    assert {name: there[name] for name in expected} == expected


def test_frames_in_parquet(home: Path) -> None:
    expected = shown(("synthetic", "models"))
    for name, path in (
        ("models/churn_features", home / "staging/models/churn_features.parquet"),
        ("synthetic/truth", home / "truth/account_months.parquet"),
        *(
            (f"synthetic/{name}", max((home / "staging/synthetic" / name).glob("*.parquet")))
            for name in TABLES
        ),
    ):
        there = {field.name: str(field.type) for field in pq.read_schema(path)}
        assert there == {
            c: t for c, t in expected[name].items() if c in there or c != "row_version"
        }
