"""Test the architecture: which module may import which, and which may name the simulator's truth."""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from pathlib import Path

import pytest

import saas_platform

ROOT = Path(saas_platform.__file__).parent
#: The tiers of the architecture, from the bottom up, with the packages and modules at the top of saas_platform.
#: Each may import itself and those in the tiers below it. A new file in a package needs no entry here.
TIERS: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            {"clock", "errors"},
            {"storage", "validation"},
            {"dbt_runner", "schema", "trained_models"},
            {"company", "source", "terminal", "warehouse"},
            {"contracts", "dashboard", "settings", "sync"},
            {"platform"},
            {"refresh"},
            {"defs"},
            {"cli", "definitions"},
            {"__main__"},
        ),
    )
)
#: Packages that a package must not import although they are in a lower tier: dashboard and contracts see only the warehouse.
UNKNOWN: dict[str, set[str]] = {
    "contracts": {"company", "source"},
    "dashboard": {"company", "dbt_runner", "source", "trained_models"},
    "sync": {"company", "dbt_runner", "trained_models"},
}

#: The engines of each side: the folder and the name of each.
ENGINES = {
    "source": {"mssql": "SQL Server", "sqlite": "SQLite"},
    "warehouse": {"bigquery": "BigQuery", "duckdb": "DuckDB"},
}

#: The words that name the truth, and the files that may use them.
TRUTH = re.compile(r"true_hazard|voluntary_hazard|platform\.truth|/truth|\bplanted\b")
KNOW_THE_TRUTH = {
    "contracts/score.py",
    "defs/models.py",
    "defs/dirt_score.py",
    "defs/resources.py",
    "defs/synthetic.py",
    "refresh/products.py",
    "refresh/states.py",
    "trained_models/evaluation.py",
    "platform.py",
}


@dataclass(frozen=True)
class Import:
    """One import: its target, its line, and whether it is lazy (it runs when a function is called, or never)."""

    target: str
    line: int
    lazy: bool

    @property
    def top(self) -> str:
        """Return `sync` for `saas_platform.sync.proof`, and the first name for any other target."""
        parts = self.target.split(".")
        return parts[1] if parts[0] == "saas_platform" and len(parts) > 1 else parts[0]

    @property
    def ours(self) -> bool:
        return self.target.startswith("saas_platform.")


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def queries() -> list[Path]:
    return sorted(ROOT.rglob("*.sql"))


def scripts() -> list[Path]:
    """Our own scripts of the page. The charting library is left out."""
    found = (ROOT / "dashboard" / "static").rglob("*.js")
    return sorted(path for path in found if path.name != "echarts.min.js")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def unit_of(path: Path) -> str:
    """Return the top package or module that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    return tuple(_imports(tree_of(path), lazy=False))


def _imports(node: ast.AST, *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, lazy)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: imports are written in full"
            for alias in child.names:
                yield Import(f"{child.module}.{alias.name}", child.lineno, lazy)
        else:
            late = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            # Imports for annotations only are never run.
            unread = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from _imports(child, lazy=lazy or late or unread)


def tier_of(unit: str) -> int:
    return next(number for number, tier in enumerate(TIERS) if unit in tier)


UNITS = sorted(frozenset().union(*TIERS))


def test_every_unit_has_its_tier() -> None:
    assert sorted({unit_of(path) for path in modules()} - {"__init__"}) == UNITS
    assert sum(map(len, TIERS)) == len(UNITS)


@pytest.mark.parametrize("unit", UNITS)
def test_imports_run_down(unit: str) -> None:
    """Imports inside a function count too."""
    below = set().union(*TIERS[: tier_of(unit)]) - UNKNOWN.get(unit, set())
    wrong = [
        f"{name_of(path)}:{each.line} imports {each.target}"
        for path in modules()
        if unit_of(path) == unit
        for each in imports_of(path)
        if each.ours and each.top not in {unit, "__version__", *below}
    ]
    assert wrong == []


def test_the_top_stays_small() -> None:
    assert len(list(ROOT.glob("*.py"))) <= 8


def test_a_dbt_project_holds_nothing_but_dbt() -> None:
    assert list((ROOT / "marts").rglob("*.py")) == []


def test_queries_and_scripts_are_found() -> None:
    """Without this test, the rules for them would hold for no file at all."""
    assert len(queries()) > 80
    assert len(scripts()) > 10


@pytest.mark.parametrize("path", [*modules(), *queries(), *scripts()], ids=name_of)
def test_no_file_grows_past_400_lines(path: Path) -> None:
    """The oracle is one subject, explained from end to end, and may stay in one file."""
    if name_of(path) != "company/oracle.py":
        assert len(path.read_text().splitlines()) <= 400


def test_each_engine_has_a_folder_of_its_own() -> None:
    """No module next to the folders is named after an engine."""
    for side, engines in ENGINES.items():
        for engine in engines:
            assert (ROOT / side / engine / "__init__.py").exists()
        stray = [
            path.name for path in (ROOT / side).glob("*.py") for e in engines if e in path.name
        ]
        assert stray == []


@pytest.mark.parametrize(
    ("side", "engine", "other"),
    [(side, *pair) for side, engines in ENGINES.items() for pair in permutations(engines, 2)],
)
def test_a_concern_has_the_same_file_name_in_each_engine(
    side: str, engine: str, other: str
) -> None:
    """A module that another engine lacks gives the reason in its docstring, and only such a module does."""
    there = {path.name for path in (ROOT / side / other).glob("*.py")}
    reason = f"No counterpart in {ENGINES[side][other]}: "
    for path in (ROOT / side / engine).glob("*.py"):
        docstring = " ".join((ast.get_docstring(tree_of(path)) or "").split())
        assert (reason in docstring) == (path.name not in there), f"{name_of(path)}: {reason}"


def test_no_two_packages_import_each_other() -> None:
    """This counts every import, lazy ones included."""
    graph: dict[str, set[str]] = {}
    for path in modules():
        unit = unit_of(path)
        graph.setdefault(unit, set()).update(
            each.top for each in imports_of(path) if each.ours and each.top != unit
        )
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_dagster_layer_knows_dagster() -> None:
    wrong = [
        f"{name_of(path)}:{each.line} imports {each.target}"
        for path in modules()
        if unit_of(path) not in ("defs", "definitions")
        for each in imports_of(path)
        if each.top.startswith("dagster")
    ]
    assert wrong == []


def test_only_the_command_line_imports_the_dagster_layer_and_late() -> None:
    """Dagster takes seconds to import, and `verify` and `doctor` do not need it."""
    wrong = [
        f"{name_of(path)}:{each.line} imports {each.target}"
        for path in modules()
        if unit_of(path) not in ("defs", "definitions")
        for each in imports_of(path)
        if each.ours
        and each.top in ("defs", "definitions")
        and not (each.lazy and unit_of(path) == "cli")
    ]
    assert wrong == []


def test_engines_are_known_in_one_place() -> None:
    """platform.py decides which engine a URL means. All other modules see only the interfaces."""
    engines = re.compile(r"saas_platform\.(source\.(sqlite|mssql)|warehouse\.(duckdb|bigquery))")
    wrong = [
        f"{name_of(path)}:{each.line} imports {each.target}"
        for path in modules()
        if unit_of(path) not in ("source", "warehouse", "platform")
        for each in imports_of(path)
        if engines.match(each.target)
    ]
    assert wrong == []


def test_the_models_are_pure() -> None:
    """They take frames and return frames, so a notebook can install everything that they need."""
    known = {"__future__", "dataclasses", "typing", "collections", "math"}
    found = {
        each.top
        for path in modules()
        if unit_of(path) == "trained_models"
        for each in imports_of(path)
        if not each.target.startswith("saas_platform.trained_models")
    }
    assert found - known <= {"numpy", "pandas", "pyarrow", "sklearn"}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_every_module_says_what_it_holds(path: Path) -> None:
    if path.read_text().strip():
        assert ast.get_docstring(tree_of(path)), f"{name_of(path)} has no docstring"


def test_only_modules_that_make_or_use_the_truth_name_it() -> None:
    files = [*modules(), *ROOT.rglob("*.sql"), *ROOT.rglob("*.yml"), *ROOT.rglob("*.j2")]
    wrong = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in files
        if unit_of(path) not in ("company", "dashboard") and name_of(path) not in KNOW_THE_TRUTH
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if TRUTH.search(line)
    ]
    assert wrong == []


def test_no_mart_names_it() -> None:
    files = [path for kind in ("*.sql", "*.yml") for path in (ROOT / "marts").rglob(kind)]
    assert len(files) > 40
    assert [path.name for path in files if TRUTH.search(path.read_text())] == []


def test_no_other_module_accesses_it() -> None:
    """This finds `platform.truth` and `company.truth(...)`, whatever the variables are called."""
    found = {
        name_of(path)
        for path in modules()
        if unit_of(path) != "company"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr == "truth"
    }
    # states.py reads no more of it than the digests of its files. The resource is asked for by those assets alone
    # that test_definitions.py lists.
    assert found == {"defs/resources.py", "defs/synthetic.py", "refresh/states.py"}


def test_the_marts_do_not_know_the_word() -> None:
    for path in (ROOT / "marts").rglob("*"):
        if path.suffix in (".sql", ".yml", ".py"):
            assert not re.search(r"\btruth\b|hazard", path.read_text()), name_of(path)


def test_features_and_training_do_not_know_the_word() -> None:
    assert "hazards" in (ROOT / "trained_models" / "evaluation.py").read_text()
    code = ast.unparse(_without_docstrings(tree_of(ROOT / "trained_models" / "churn.py")))
    assert not re.search(r"truth|hazard|evaluat", code)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Return a copy without docstrings, because that of `train` mentions the truth."""
    copied = ast.parse(ast.unparse(tree))
    for node in ast.walk(copied):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return copied


def test_the_page_shows_the_truth_only_as_it_was_evaluated() -> None:
    """It shows only the mean hazard of each tenth, from the evaluation's own table."""
    naming = 0
    for path in modules():
        if unit_of(path) != "dashboard":
            continue
        for node in ast.walk(tree_of(path)):
            text = ast.unparse(node) if isinstance(node, ast.JoinedStr | ast.Constant) else ""
            if not TRUTH.search(text):
                continue
            naming += 1
            assert set(TRUTH.findall(text)) == {"true_hazard"}, text
            if "SELECT" in text:
                assert re.findall(r"(?:FROM|JOIN)\s+([\w.{}]+)", text.replace("\\n", " ")) == [
                    "models.churn_calibration"
                ]
    assert naming > 0
    words = {word for path in scripts() for word in TRUTH.findall(path.read_text("utf-8"))}
    assert words == {"true_hazard"}


def _public_functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Functions and methods that other modules may call."""
    tree = tree_of(path)
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for node in (each for body in bodies for each in body):
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        # The parameters of an asset are its resources.
        if not any("asset" in ast.unparse(each) for each in node.decorator_list):
            yield node


#: The docstring of a command is its help text, and its options describe themselves.
_COMMANDS = {"cli/app.py", "company/__main__.py"}


def _sections(docstring: str) -> dict[str, str]:
    """Return the text of each section of a docstring in Google's style."""
    parts = re.split(r"^(Args|Returns|Yields|Raises):\n", docstring, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_many_parameters_are_described(path: Path) -> None:
    """A function with more than four parameters says what each of them is, and what it returns.

    Whatever a docstring describes as a parameter is one.
    """
    wrong = []
    for function in _public_functions(path):
        arguments = function.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        names = [each.arg for each in named if each.arg not in ("self", "cls")]
        docstring = ast.get_docstring(function) or ""
        sections = _sections(docstring)
        described = re.findall(r"^ {4}(\w+): ", sections.get("Args", ""), re.MULTILINE)
        place = f"{name_of(path)}:{function.lineno} {function.name}"
        wrong += [f"{place} has no parameter {name}" for name in described if name not in names]
        if len(names) <= 4 or name_of(path) in _COMMANDS:
            continue
        wrong += [f"{place} does not describe {name}" for name in names if name not in described]
        returns = ast.unparse(function.returns) if function.returns else "None"
        said = (
            docstring.startswith(("Return ", "Yield ")) or {"Returns", "Yields"} & sections.keys()
        )
        if returns != "None" and not said:
            wrong.append(f"{place} does not say what it returns")
    assert wrong == []
