"""Translate dbt's nodes into assets and checks with the names, groups, links and descriptions of the platform.

Out of scope: building the models (marts.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from saas_platform.dbt_runner.project import PROJECT_DIR
from saas_platform.warehouse.interface import MARTS, RAW, Warehouse


class Translator(DagsterDbtTranslator):
    """Gives dbt's nodes the names of the platform: `marts/<model>` and `raw/<table>`, and a group for each folder.

    The warehouse names the types of the columns, and is not opened.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__()
        self._warehouse = warehouse

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        name = dbt_resource_props["name"]
        return dg.AssetKey(
            [RAW if dbt_resource_props["resource_type"] == "source" else MARTS, name]
        )

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        # The first part is the project, the second its folder: staging, intermediate, marts or reports.
        return str(dbt_resource_props["fqn"][1])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        # Without this, the page of a mart opens with its SQL, to which it has a link anyway.
        return str(dbt_resource_props["description"])

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        path = PROJECT_DIR / dbt_resource_props["original_file_path"]
        link = dg.LocalFileCodeReference(file_path=str(path), label=path.name)
        return {
            **super().get_metadata(dbt_resource_props),
            # As raw and models have it: without the name of the database, which is that of a file in DuckDB.
            "dagster/table_name": f"{MARTS}.{dbt_resource_props['name']}",
            "dagster/column_schema": dg.TableSchema(
                [self._column(each) for each in dbt_resource_props["columns"].values()]
            ),
            "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[link]),
        }

    def _column(self, column: Mapping[str, Any]) -> dg.TableColumn:
        constraints = [each["type"] for each in column["constraints"]]
        return dg.TableColumn(
            name=column["name"],
            type=self._warehouse.name_of_type(column["data_type"]),
            description=column["description"],
            constraints=dg.TableColumnConstraints(nullable="not_null" not in constraints),
        )

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        return dg.AssetCheckSpec(
            spec.name,
            asset=spec.asset_key,
            description=words_of_test(manifest["nodes"][unique_id]),
            additional_deps=spec.additional_deps,
            blocking=spec.blocking,
            metadata=spec.metadata,
        )


def with_short_names(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return dbt's manifest with the names of tests as Dagster shows them, next to the name of the dbt model.

    In the dbt project they end with that name, so that dbt's own messages say where a test failed, as in
    `tier_is_known_in_dim_plan`. Dagster's list of checks has room for some 27 characters.
    """

    def named(node: Mapping[str, Any]) -> dict[str, Any]:
        model = (node.get("attached_node") or "").rpartition(".")[2]
        name = node["name"].removesuffix(f"_in_{model}").removesuffix(f"_for_{model}")
        return {**node, "name": name} if model else {**node}

    return {**manifest, "nodes": {id_: named(node) for id_, node in manifest["nodes"].items()}}


def words_of_test(node: Mapping[str, Any]) -> str:
    """Return what a dbt test proves: a sentence on its columns, or the comment at the head of its SQL."""
    made: Mapping[str, Any] = node.get("test_metadata") or {}
    values = made.get("kwargs", {})
    match made.get("name"):
        case "accepted_values":
            return (
                f"Each {values['column_name']} is one of: {', '.join(map(str, values['values']))}."
            )
        case "relationships":
            parent = str(values["to"]).removeprefix("ref('").removesuffix("')")
            return f"Each {values['column_name']} is the {values['field']} of a row of {parent}."
        case "unique_combination":
            return f"No two rows have the same {' and '.join(values['columns'])}."
    lines = (line.strip() for line in node["raw_code"].splitlines())
    return " ".join(line.removeprefix("--").strip() for line in lines if line.startswith("--"))
