"""The tools that benchmarks/sync.py compares: ours, the version before, and the peers that are installed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.measure import ROOT, run_case

ALONE, PROVEN = "ours, without proof", "ours, proven"
BEFORE = {ALONE: "before, without proof", PROVEN: "before, proven"}
CONNECTORX = "dlt, connectorx"


@dataclass(frozen=True)
class Tool:
    """A tool: the case of its full load, the case of its changes, and the schema of its mirror."""

    title: str
    load: str
    changes: str
    schema: str
    peer: bool = True
    #: The checkout whose code runs.
    root: Path = ROOT


OURS = (
    Tool(
        ALONE,
        "benchmarks.sync_ours:load_alone",
        "benchmarks.sync_ours:changes_alone",
        "raw",
        peer=False,
    ),
    Tool(PROVEN, "benchmarks.sync_ours:proven", "benchmarks.sync_ours:proven", "raw", peer=False),
)


def earlier(checkout: Path) -> list[Tool]:
    """Return the tools of the version before: the same cases, with the code of its own checkout."""
    return [replace(tool, title=BEFORE[tool.title], root=checkout) for tool in OURS]


PEERS = {
    "dlt_connectorx": (CONNECTORX, "mirror"),
    "dlt_pyarrow": ("dlt, pyarrow", "mirror"),
    "sling": ("Sling", "main"),
    "pandas": ("pandas read_sql", "main"),
}


#: The limits that no tool can beat, by title: the case, what it reads, and whether it writes.
LIMITS = {
    "reading the file": ("read_file", "source", False),
    "every value decoded by SQLite": ("scan", "source", False),
    "rows as Arrow, through the driver": ("fetch", "source", False),
    "ready Arrow data into DuckDB": ("ingest", "ready", True),
    "hash of ready Arrow data": ("digest", "ready", False),
    "driver's Arrow data into DuckDB, untyped": ("plain", "source", True),
}


def present_peers(peers_python: str) -> tuple[list[Tool], list[str]]:
    """Return the peers that the interpreter has, and a sentence for each that it lacks."""
    found = run_case("benchmarks.sync_peers:available", python=peers_python).rows
    present, absent = [], []
    for peer, (title, schema) in PEERS.items():
        if found[peer]:
            case = f"benchmarks.sync_peers:{peer}"
            present.append(Tool(title, case, case, schema))
        else:
            absent.append(f"{title} is left out: {peers_python} lacks its packages.")
    return present, absent
