"""The products: everything that is built above raw, each with its code and what it is built from.

A product is a mart, a file or a table of the churn model, the simulator's truth, or the page. Out of scope: whether a
product is stale (staleness.py), and building it (defs/).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from saas_platform.dbt_runner.manifest import manifest
from saas_platform.platform import Platform
from saas_platform.refresh.code import ModelCode, TestsCode, model_code, python_code, tests_code
from saas_platform.warehouse.interface import MARTS, MODELS, RAW

#: Inputs that are neither products nor raw tables: the time of the clock, and the settings of the company.
CLOCK, COMPANY = "clock", "company"
TRUTH = "synthetic/truth"
FEATURES, MODEL, SCORES, EVALUATION = (
    f"{MODELS}/churn_{part}" for part in ("features", "model", "scores", "evaluation")
)
PAGE = "dashboards/page"


@dataclass(frozen=True)
class Product:
    """Something that is built above raw.

    Attributes:
        name: its group and its name, such as `marts/mrr_monthly`.
        code: the fingerprint of the code that decides what it contains.
        inputs: the names of the products and raw tables that it is built from, and CLOCK and COMPANY.
        relations: the names of its tables and views in the schema of its group.
        frames: the names of its Parquet files.
        artefact: the name of its fitted model; None if it has none.
        tests: the fingerprint of the dbt tests that read it. They decide nothing that it contains.
        tested_with: the names of the products and raw tables that the same tests read.
    """

    name: str
    code: str
    inputs: frozenset[str]
    relations: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    artefact: str | None = None
    tests: str = ""
    tested_with: frozenset[str] = frozenset()

    @property
    def group(self) -> str:
        return self.name.partition("/")[0]


def products(platform: Platform) -> dict[str, Product]:
    """Return every product of the platform by its name, each after what it is built from."""
    if not platform.is_company:
        return {}
    path = manifest(platform.home.dbt, platform.marts_target, platform.as_of)
    marts = {each.name: each for each in _marts(path)}
    synthetic = platform.settings.synthetic
    shown = frozenset(name for name in marts if is_shown(name))
    judged = frozenset([EVALUATION]) if synthetic else frozenset()
    training = python_code("saas_platform.trained_models.churn")
    found = [
        *marts.values(),
        Product(
            FEATURES,
            python_code("saas_platform.trained_models.features"),
            frozenset([f"{MARTS}/account_month_features"]),
            frames=(FEATURES,),
        ),
        Product(MODEL, training, frozenset([FEATURES]), artefact=MODEL),
        Product(
            SCORES, training, frozenset([FEATURES, MODEL]), ("churn_scores",), frames=(SCORES,)
        ),
        Product(PAGE, python_code("saas_platform.dashboard"), shown | judged | {CLOCK}),
    ]
    if synthetic:
        found += [
            Product(TRUTH, "", frozenset([COMPANY, CLOCK])),
            Product(
                EVALUATION,
                python_code("saas_platform.trained_models.evaluation"),
                frozenset([MODEL, SCORES, TRUTH]),
                ("churn_evaluation", "churn_calibration"),
            ),
        ]
    by_name = {each.name: each for each in found}
    order = TopologicalSorter({each.name: sorted(each.inputs) for each in found}).static_order()
    return {name: by_name[name] for name in order if name in by_name}


def above(names: Collection[str], inputs: Mapping[str, Collection[str]]) -> set[str]:
    """Return these products and all that are built from them.

    Args:
        names: the names of the products.
        inputs: what each product is built from, each product after its inputs.
    """
    found = {*names}
    for name, read in inputs.items():
        if not found.isdisjoint(read):
            found.add(name)
    return found


def is_shown(mart: str) -> bool:
    """Return whether a mart is meant for readers, not only for the marts built from it."""
    return not mart.rpartition("/")[2].startswith(("stg_", "int_"))


@cache
def _marts(manifest_path: Path) -> tuple[Product, ...]:
    """Return a product for each dbt model. The name of the manifest's file changes with the project."""
    found: dict[str, Any] = json.loads(manifest_path.read_text())
    tests = tests_code(found)
    return tuple(
        _mart(node, model_code(found, node), tests.get(id_, TestsCode()))
        for id_, node in found["nodes"].items()
        if node["resource_type"] == "model"
    )


def _mart(node: Mapping[str, Any], code: ModelCode, tests: TestsCode) -> Product:
    clock = [CLOCK] if code.reads_clock else []
    return Product(
        f"{MARTS}/{node['name']}",
        code.digest,
        frozenset([*map(_input, node["depends_on"]["nodes"]), *clock]),
        relations=(node["name"],),
        tests=tests.digest,
        tested_with=frozenset(map(_input, tests.read)),
    )


def _input(unique_id: str) -> str:
    """Return the name of what dbt calls `model.saas_marts.mrr_monthly` or `source.saas_marts.raw.accounts`."""
    kind, *_, name = unique_id.split(".")
    return f"{RAW if kind == 'source' else MARTS}/{name}"
