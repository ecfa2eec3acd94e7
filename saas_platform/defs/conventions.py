"""Give every asset what a Dagster user looks for: code version, owner, tags, a link to its code, a condition to run.

Out of scope: what an asset does, and its description, columns and kinds, which its own module states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

import dagster as dg
import sqlalchemy as sa

from saas_platform.defs.conditions import when_stale
from saas_platform.defs.names import AssetTables
from saas_platform.platform import Platform
from saas_platform.refresh.products import products
from saas_platform.schema.definition import definition_of

#: The team that answers for a layer, by the first part of the keys of its assets.
OWNERS = {
    "synthetic": "team:platform",
    "source": "team:platform",
    "raw": "team:data-engineering",
    "marts": "team:analytics-engineering",
    "models": "team:data-science",
    "dashboards": "team:analytics",
}
#: The tag of a table that has a column with personal data.
PERSONAL = "personal_data"


def code_versions(platform: Platform, tables: AssetTables) -> dict[str, str]:
    """Return the version of what decides the content of each asset, besides its inputs, by the asset's name.

    They are those by which `run` decides what is stale: the declaration of a table, the settings of the company,
    and the code of what is built above raw.
    """
    company = hashlib.sha256(platform.company_name.encode()).hexdigest()[:16]
    return {
        **{f"{layer}/{name}": company for layer in ("synthetic", "source") for name in tables},
        **{f"raw/{name}": definition_of(table) for name, table in tables.items()},
        **{name: product.code or company for name, product in products(platform).items()},
    }


def by_convention(
    assets: dg.AssetsDefinition,
    versions: Mapping[str, str],
    tables: AssetTables,
    automated: Collection[str],
) -> dg.AssetsDefinition:
    """Return the assets with version, owner, tags and code added, and with a condition those that are `automated`."""

    def described(spec: dg.AssetSpec) -> dg.AssetSpec:
        layer, name = spec.key.path[0], spec.key.path[-1]
        asset = spec.key.to_user_string()
        return spec.replace_attributes(
            code_version=versions[asset],
            owners=[OWNERS[layer]],
            tags={**spec.tags, "layer": layer, **_personal(tables.get(name))},
            automation_condition=when_stale() if asset in automated else None,
        )

    (linked,) = dg.with_source_code_references([assets.map_asset_specs(described)])
    assert isinstance(linked, dg.AssetsDefinition)
    return linked


def _personal(table: sa.Table | None) -> dict[str, str]:
    has = table is not None and any("pii" in column.info for column in table.columns)
    return {PERSONAL: "yes"} if has else {}
