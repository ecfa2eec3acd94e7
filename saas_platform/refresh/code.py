"""Fingerprint the code that decides the result of a dbt model or of a Python module.

Whatever else lies in the same folders (tests, analyses, documentation, dbt's own output) changes no fingerprint.
Out of scope: comparing fingerprints (staleness of products, products.py).
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from saas_platform.dbt_runner.project import PROJECT_DIR

_PACKAGE = Path(__file__).parents[1]
_VARIABLE = re.compile(r"\bvar\(\s*['\"](\w+)['\"]")
#: The dbt variable that a run sets to the time of the clock. Its value is an input and no code.
_CLOCK = "as_of"
#: The settings of a dbt model that decide the rows of its relation. `partitions` is not among them, because it
#: follows from the clock and from the months to rebuild.
_DECIDING = ("materialized", "incremental_strategy", "on_schema_change", "contract", "alias")
#: The settings of a dbt test that decide whether it fails.
_DECIDING_TEST = ("enabled", "severity", "error_if", "warn_if", "fail_calc", "where", "limit")


@dataclass(frozen=True)
class ModelCode:
    """What decides the result of a dbt model, besides the rows that it reads.

    Attributes:
        digest: the fingerprint of its SQL, its macros, its settings, its columns and its variables.
        reads_clock: whether its SQL reads the clock.
    """

    digest: str
    reads_clock: bool


@dataclass(frozen=True)
class TestsCode:
    """The tests that read a dbt model. They decide nothing that it contains, but whether its build ends well.

    Attributes:
        digest: the fingerprint of their SQL, their macros and their settings.
        read: the ids of all models and sources that they read.
    """

    digest: str = ""
    read: frozenset[str] = frozenset()


def model_code(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> ModelCode:
    """Return the code of a model in dbt's manifest."""
    macros = {
        name: manifest["macros"][name]["macro_sql"] for name in sorted(_macros(manifest, node))
    }
    used = {
        name for text in (node["raw_code"], *macros.values()) for name in _VARIABLE.findall(text)
    }
    defaults = _variables()
    facts = {
        "sql": node["checksum"]["checksum"],
        "macros": macros,
        "config": {name: node["config"].get(name) for name in _DECIDING},
        "columns": {
            name: [column.get("data_type"), column.get("constraints")]
            for name, column in node["columns"].items()
        },
        "vars": {name: defaults.get(name) for name in sorted(used - {_CLOCK})},
    }
    return ModelCode(_digest(facts), reads_clock=_CLOCK in used)


def tests_code(manifest: Mapping[str, Any]) -> dict[str, TestsCode]:
    """Return the tests of each model of dbt's manifest that has any, by the model's id."""
    tests: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for id_, node in manifest["nodes"].items():
        if node["resource_type"] == "test":
            macros = _macros(manifest, node)
            decides = [
                node["raw_code"],
                (node.get("test_metadata") or {}).get("kwargs"),
                [node["config"].get(name) for name in _DECIDING_TEST],
                {name: manifest["macros"][name]["macro_sql"] for name in sorted(macros)},
            ]
            for read in node["depends_on"]["nodes"]:
                tests[read][id_] = decides
    reads = {
        id_: manifest["nodes"][id_]["depends_on"]["nodes"] for of in tests.values() for id_ in of
    }
    return {
        model: TestsCode(_digest(found), frozenset(read for id_ in found for read in reads[id_]))
        for model, found in tests.items()
    }


def _macros(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> set[str]:
    """Return the project's own macros that a node uses, directly or through other macros."""
    found: set[str] = set()
    wanted = list(node["depends_on"]["macros"])
    while wanted:
        name = wanted.pop()
        macro = manifest["macros"].get(name)
        if (
            name not in found
            and macro is not None
            and macro["package_name"] == node["package_name"]
        ):
            found.add(name)
            wanted += macro["depends_on"]["macros"]
    return found


def _variables() -> dict[str, Any]:
    """Return the variables of the dbt project with their values."""
    return _variables_in((PROJECT_DIR / "dbt_project.yml").read_text())


@cache
def _variables_in(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)["vars"]
    return found


def python_code(*modules: str) -> str:
    """Return the fingerprint of modules of this package, with all modules of it that they import.

    A package that is named counts with every file in its folder: its modules, templates and scripts.
    """
    files: dict[str, str] = {}
    wanted = list(modules)
    while wanted:
        module = wanted.pop()
        for path in _files(module):
            name = str(path.relative_to(_PACKAGE))
            if name not in files:
                # The process that evaluates the sensors lives for days, and must see that a file has changed.
                code = path.read_bytes()
                files[name] = hashlib.sha256(code).hexdigest()
                if path.suffix == ".py":
                    wanted += _imported(code)
    return _digest(files)


def _files(module: str) -> list[Path]:
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    if path.is_dir():
        return [
            each
            for each in sorted(path.rglob("*"))
            if each.is_file() and "__pycache__" not in each.parts
        ]
    return [path.with_suffix(".py")]


@cache
def _imported(code: bytes) -> tuple[str, ...]:
    """Return the modules of this package that a Python file imports when it runs."""
    return tuple(_imports(ast.parse(code)))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in _running(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == _PACKAGE.name:
                yield from _modules(parts)


def _modules(parts: list[str]) -> Iterator[str]:
    """Yield the module that an imported name is, or is in, if it is a file; a package only by its `__init__`."""
    for length in (len(parts), len(parts) - 1):
        path = _PACKAGE.joinpath(*parts[1:length])
        if path.with_suffix(".py").is_file():
            yield ".".join(parts[:length])
            return
        if length > 1 and (path / "__init__.py").is_file():
            yield ".".join([*parts[:length], "__init__"])
            return


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree, without what only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _running(node)


def _digest(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
