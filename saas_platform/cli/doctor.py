"""The checks of `doctor`: versions, home, disk, source, declared tables, marts, warehouse and proofs.

Contains: one diagnosis for each check, with the remedy for what is wrong. Out of scope: printing them
(printing.py), and the rules that are checked, which each layer has itself.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Collection, Generator, Iterator
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

#: With less free space than this, a run of the default company may fill the disk.
_FREE_BYTES = 1 << 30
#: The packages of each group are released together. Those of a group that are installed must have the same version.
_DAGSTER = ("dagster", "dagster-webserver")
_DAGSTER_LIBRARIES = ("dagster-dbt", "dagster-gcp", "dagster-pandas", "dagster-postgres")


@dataclass(frozen=True)
class Diagnosis:
    """One line of the doctor; `remedy` is empty if there is nothing to do.

    A notice, of something that works but that the user may want to change, is `ok` and has a remedy.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def examine(platform: Platform, *, past: bool = True) -> Iterator[Diagnosis]:
    """Yield every diagnosis, in the order in which a run would meet them.

    Args:
        platform: the platform to examine.
        past: also report what earlier proofs found.
    """
    yield _python()
    yield _versions()
    yield _attempt("home", lambda: _home(platform))
    yield _disk(platform)
    source = _attempt("source", lambda: _source(platform))
    yield source
    # A source that can't be read is one diagnosis: its tables would only repeat it.
    stopped: Collection[str] = ()
    if source.ok and not platform.settings.synthetic:
        stopped = yield from _tables(platform)
    if _is_company(platform):
        yield _attempt("marts", lambda: _marts(platform))
    warehouse = _attempt("warehouse", lambda: _warehouse(platform))
    yield warehouse
    if warehouse.ok and past:
        yield from _differing(platform, stopped)
    if warehouse.ok and source.ok and not platform.settings.synthetic:
        yield from _left_behind(platform)


def _attempt(name: str, attempt: Callable[[], str]) -> Diagnosis:
    try:
        return Diagnosis(name, True, attempt())
    except PlatformError as error:
        return _wrong(name, error)


def _wrong(name: str, error: PlatformError | str) -> Diagnosis:
    return Diagnosis(name, False, *split_remedy(str(error)))


def _notice(name: str, sentence: str) -> Diagnosis:
    return Diagnosis(name, True, *split_remedy(sentence))


#: Parts of a message whose colons are not its own: code and remarks.
_ASIDE = re.compile(r"`[^`]*`|\((?:[^()]|\([^()]*\))*\)")
#: The words with which the remedies of our messages begin.
_REMEDY = re.compile(
    r"(?:`|(?:add|allow|apply|ask|change|check|choose|close|correct|create|declare|delete|drop|edit|enable|end"
    r"|exempt|fill|find|free|give|grant|have|if|install|leave|let|log|look|make|materialise|move|name|nest|open"
    r"|put|raise|rebuild|remove|rename|repair|rerun|restore|run|save|say|see|set|start|stop|switch|take|try"
    r"|update|upgrade|use|wait|where|write)\b)"
)
_LINE = re.compile(r", line \d+$")


def split_remedy(message: str) -> tuple[str, str]:
    """Split a message into what is wrong and the remedy, at the first colon that a remedy follows.

    Without such a colon the split is at the first one, unless that only ends the place in a file.

    >>> split_remedy("tables.yaml, line 9: table a, column b: 'int' is not a type: choose integer")
    ("tables.yaml, line 9: table a, column b: 'int' is not a type", 'choose integer')
    >>> split_remedy("a.b is new (see: a): write `b: {type: text}` in tables.yaml")
    ('a.b is new (see: a)', 'write `b: {type: text}` in tables.yaml')
    """
    own = _ASIDE.sub(lambda aside: " " * len(aside[0]), message)
    colons = [found.start() for found in re.finditer(": ", own)]
    at = next((colon for colon in colons if _REMEDY.match(message, colon + 2)), None)
    if at is None and colons and not _LINE.search(message, 0, colons[0]):
        at = colons[0]
    return (message, "") if at is None else (message[:at], message[at + 2 :])


def _python() -> Diagnosis:
    version = ".".join(map(str, sys.version_info[:3]))
    return Diagnosis("python", True, version)


def _versions() -> Diagnosis:
    for names in (_DAGSTER, _DAGSTER_LIBRARIES):
        found = {
            each.name: each.version for name in names for each in metadata.distributions(name=name)
        }
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} {version}" for name, version in found.items())
            return Diagnosis(
                "packages",
                False,
                f"{listed} are not of the same release",
                "install with `pip install -c constraints.txt -e .`",
            )
    return Diagnosis("packages", True, f"dagster {metadata.version('dagster')}")


def _home(platform: Platform) -> str:
    platform.home.create()
    return f"{platform.home.root} is writable"


def _disk(platform: Platform) -> Diagnosis:
    root = platform.home.root
    while not root.exists():
        root = root.parent
    free = shutil.disk_usage(root).free
    if free < _FREE_BYTES:
        return Diagnosis(
            "disk",
            False,
            f"{free / 1e9:.1f} GB free at {root}",
            "free some space, or set SAAS_HOME to a folder on a larger disk",
        )
    return Diagnosis("disk", True, f"{free / 1e9:.0f} GB free")


def _source(platform: Platform) -> str:
    source = platform.source
    if platform.settings.synthetic and isinstance(source, WritableSource):
        if not source.exists():
            return f"{source.engine}, {source.ping()}; empty until `saas-platform run` fills it"
        check_company(source.company(), platform.company_name)
    with source.snapshot() as snapshot:
        return f"{source.engine}, {source.ping()}; identity {snapshot.identity}"


def _is_company(platform: Platform) -> bool:
    try:
        return platform.is_company
    except (TablesError, SettingsError):  # `_tables` reports it
        return False


def _tables(platform: Platform) -> Generator[Diagnosis, None, Collection[str]]:
    """Yield one diagnosis for all tables, or one for each that would stop its sync; then the notices.

    Returns:
        The names of the tables that would stop.
    """
    try:
        asked = (platform.source, platform.warehouse, platform.tables.values())
        faults, changed = check_tables(*asked), drift_warnings(*asked)
        more = () if faults else (*not_named(platform), *versions_kept_by_hand(platform))
    except PlatformError as error:
        yield from (_wrong("tables", sentence) for sentence in error.sentences)
        return ()
    for fault in faults.values():
        yield _wrong("tables", fault)
    if not faults:
        yield Diagnosis("tables", True, _declared(platform))
    yield from (_notice("tables", sentence) for sentence in (*changed, *more))
    return faults


def _differing(platform: Platform, stopped: Collection[str]) -> Iterator[Diagnosis]:
    """Yield the tables that differ from their source by the log of proofs.

    A table at which a sync stopped is among them. A repair would stop at the tables of `stopped` too, for each of which
    another diagnosis has the remedy.
    """
    try:
        found = open_findings(platform.warehouse, platform.tables.values())
    except (TablesError, SettingsError):  # `_tables` reports it
        return
    except PlatformError as error:
        yield _wrong("proofs", error)
        return
    for table, finding in found.items():
        repair = f"run `saas-platform repair {argument(table)}`, which copies what differs or reports why it can't"
        detail, remedy = split_remedy(finding.message.rstrip("."))
        yield Diagnosis("proofs", False, detail, "" if table in stopped else remedy or repair)


def _left_behind(platform: Platform) -> Iterator[Diagnosis]:
    """Yield a notice for each mirror whose table was removed from `tables.yaml`."""
    try:
        found = left_behind(platform)
    except (TablesError, SettingsError):  # `_tables` reports it
        return
    yield from (_notice("tables", sentence) for sentence in found)


def _declared(platform: Platform) -> str:
    if platform.is_company:
        return "the tables of the company"
    tables = platform.tables.values()
    without_key = [table.name for table in tables if not table.primary_key.columns]
    declared = f"{len(tables)} declared in {platform.home.tables}"
    return (
        f"{declared}; these have no key, so they are reloaded as a whole when they change:"
        f" {', '.join(without_key)}"
        if without_key
        else declared
    )


def _warehouse(platform: Platform) -> str:
    return f"{platform.warehouse.engine}, {platform.warehouse.ping()}"


def _marts(platform: Platform) -> str:
    target = platform.marts_target
    target.require_adapter()
    return f"dbt-{target.name} {metadata.version(f'dbt-{target.name}')}"
