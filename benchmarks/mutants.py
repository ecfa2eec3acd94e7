"""Change one line of the code at a time, and see whether the fast tests notice it.

    python -m benchmarks.mutants                 # all mutants, one after the other
    python -m benchmarks.mutants counts nrr      # those whose names have one of the words

Each mutant is a mistake that somebody could make: a rule left out, a bound off by one, two things taken for one. It is
put into a copy of the repository, where the fast tests nearest to it run until one fails. A mutant that no test kills
is named, and the exit code is 1.

Contains: running them. Out of scope: the mutants themselves (mutants_list.py).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.mutants_list import MUTANTS, Mutant

_ROOT = Path(__file__).parents[1]
_COPIED = ("saas_platform", "saas_platform_tests", "benchmarks", "deploy", "docs", "pyproject.toml")
#: How many seconds a run of tests may take, before it counts as killed: the mutant may loop for ever.
_MOST_SECONDS = 600


def main() -> int:
    """Run the mutants that are asked for. Return 1 if one survives."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants", description="Run the fast tests on mutants."
    )
    parser.add_argument("words", nargs="*", help="words of the names of mutants (default: all)")
    words = parser.parse_args().words
    chosen = [each for each in MUTANTS if not words or any(word in each.name for word in words)]
    output = Console()
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in _COPIED:
            source = _ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        for mutant in chosen:
            began = time.perf_counter()
            killer = killed_by(mutant, copy)
            seconds = time.perf_counter() - began
            output.print(
                f"{mutant.name}: {killer or 'SURVIVED'} ({seconds:.0f} s)", highlight=False
            )
            if killer is None:
                survivors.append(mutant.name)
    output.print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants are killed.")
    if survivors:
        output.print(f"No fast test notices: {', '.join(survivors)}.")
    return 1 if survivors else 0


def killed_by(mutant: Mutant, copy: Path) -> str | None:
    """Return the first test that fails on the mutant; None if all pass. The copy is as before afterwards."""
    path = copy / mutant.file
    text = path.read_text()
    path.write_text(mutant.applied(text))
    words = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "-x", "-q"]
    try:
        done = subprocess.run(
            [
                *words,
                "--no-header",
                "--show-capture=no",
                "--tb=no",
                "-m",
                "not slow",
                *mutant.tests,
            ],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it never ends"
    finally:
        path.write_text(text)
    if done.returncode == 0:
        return None
    if done.returncode != 1:
        raise SystemExit(f"The tests of {mutant.name} did not run:\n{done.stdout[-2000:]}")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0].split(" ")[1].rpartition("/")[2] if failed else "a test"


if __name__ == "__main__":
    raise SystemExit(main())
