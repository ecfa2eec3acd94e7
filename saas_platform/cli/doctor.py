"""What `doctor` looks at: settings, home, drivers, connections, versions; each with its remedy."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

from saas_platform.cli.discover import left_behind, not_named, versions_kept_by_hand
from saas_platform.errors import PlatformError
from saas_platform.platform import Platform
from saas_platform.schema.declared import TablesError
from saas_platform.schema.describing import argument
from saas_platform.settings import SettingsError
from saas_platform.source.interface import WritableSource
from saas_platform.source.rules import check_company
from saas_platform.sync import check_tables, drift_warnings, open_findings

#: Below this a run of the default company may fill the disk.
_FREE_BYTES = 1 << 30
#: They are released together, and must be installed together.
_DAGSTER = ("dagster", "dagster-webserver")
_DAGSTER_LIBRARIES = ("dagster-dbt", "dagster-gcp", "dagster-pandas")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor; `remedy` is empty where nothing is to be done.

    What is not wrong, and may be wanted otherwise, is `ok` with a remedy.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def examine(platform: Platform, *, past: bool = True) -> Iterator[Finding]:
    """Every finding, in the order in which a run would meet them; `past`: also what earlier proofs found."""
    yield _python()
    yield _versions()
    yield _attempt("home", lambda: _home(platform))
    yield _disk(platform)
    source = _attempt("source", lambda: _source(platform))
    yield source
    # The same trouble is not told twice.
    if source.ok and not platform.settings.synthetic:
        yield from _tables(platform)
    if _is_company(platform):
        yield _attempt("marts", lambda: _marts(platform))
    warehouse = _attempt("warehouse", lambda: _warehouse(platform))
    yield warehouse
    if warehouse.ok and past:
        yield from _differing(platform)
    if warehouse.ok and source.ok and not platform.settings.synthetic:
        yield from _left_behind(platform)


def _attempt(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except PlatformError as error:
        return _wrong(name, error)


def _wrong(name: str, error: PlatformError | str) -> Finding:
    problem, _, remedy = str(error).partition(": ")
    return Finding(name, False, problem, remedy)


def _notice(name: str, sentence: str) -> Finding:
    detail, _, remedy = sentence.partition(": ")
    return Finding(name, True, detail, remedy)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", True, version)


def _versions() -> Finding:
    for names in (_DAGSTER, _DAGSTER_LIBRARIES):
        found = {name: metadata.version(name) for name in names}
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} {version}" for name, version in found.items())
            return Finding(
                "packages",
                False,
                f"{listed} do not belong together",
                "install with `pip install -c constraints.txt -e .`",
            )
    return Finding("packages", True, f"dagster {metadata.version('dagster')}")


def _home(platform: Platform) -> str:
    platform.home.create()
    return f"{platform.home.root} can be written"


def _disk(platform: Platform) -> Finding:
    root = platform.home.root
    while not root.exists():
        root = root.parent
    free = shutil.disk_usage(root).free
    if free < _FREE_BYTES:
        return Finding(
            "disk",
            False,
            f"{free / 1e9:.1f} GB free at {root}",
            "free some space, or set SAAS_HOME to a folder on a larger disk",
        )
    return Finding("disk", True, f"{free / 1e9:.0f} GB free")


def _source(platform: Platform) -> str:
    source = platform.source
    if platform.settings.synthetic and isinstance(source, WritableSource):
        if not source.exists():
            return f"{source.engine}, {source.ping()}; empty: `saas-platform run` will fill it"
        check_company(source.company(), platform.company_name)
    with source.snapshot() as snapshot:
        return f"{source.engine}, {source.ping()}; identity {snapshot.identity}"


def _is_company(platform: Platform) -> bool:
    try:
        return platform.is_company
    except (TablesError, SettingsError):  # told by `_tables`
        return False


def _tables(platform: Platform) -> Iterator[Finding]:
    """One line for the tables, or for each that its sync would stop at; then what the file does not name."""
    try:
        asked = (platform.source, platform.warehouse, platform.tables.values())
        faults, changed = check_tables(*asked), drift_warnings(*asked)
        more = () if faults else (*not_named(platform), *versions_kept_by_hand(platform))
    except PlatformError as error:
        yield _wrong("tables", error)
        return
    for fault in faults.values():
        yield _wrong("tables", fault)
    if not faults:
        yield Finding("tables", True, _declared(platform))
    yield from (_notice("tables", sentence) for sentence in (*changed, *more))


def _differing(platform: Platform) -> Iterator[Finding]:
    """The tables that stand unequal to their source by the log of proofs, among them those that a sync stopped at."""
    try:
        found = open_findings(platform.warehouse, platform.tables.values())
    except (TablesError, SettingsError):  # told by `_tables`
        return
    except PlatformError as error:
        yield _wrong("proofs", error)
        return
    for table, finding in found.items():
        detail, _, remedy = finding.says.rstrip(".").partition(": ")
        again = f"`saas-platform repair {argument(table)}` copies again what differs, or says why it can't"
        yield Finding("proofs", False, detail, remedy or again)


def _left_behind(platform: Platform) -> Iterator[Finding]:
    try:
        found = left_behind(platform)
    except (TablesError, SettingsError):  # told by `_tables`
        return
    yield from (_notice("tables", sentence) for sentence in found)


def _declared(platform: Platform) -> str:
    if platform.is_company:
        return "those of the company"
    tables = platform.tables.values()
    without_key = [table.name for table in tables if not table.primary_key.columns]
    told = f"{len(tables)} declared in {platform.home.tables}"
    return (
        f"{told}; replaced whole, for want of a key: {', '.join(without_key)}"
        if without_key
        else told
    )


def _warehouse(platform: Platform) -> str:
    return f"{platform.warehouse.engine}, {platform.warehouse.ping()}"


def _marts(platform: Platform) -> str:
    target = platform.marts_target
    target.require_adapter()
    return f"dbt-{target.name} {metadata.version(f'dbt-{target.name}')}"
