"""The BigQuery emulator, run as a server in the environment that `make emulator` creates.

Contains: its start and its end, and its known gaps. Out of scope: tests.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from saas_platform.warehouse.interface import Warehouse

HOME = Path(sys.prefix) / "emulator"
_PATCHED = Path(__file__).with_name("patched.py")
_SECONDS = 60.0

#: What bqemulator 1.4.0 does differently from BigQuery. A test skips itself, or its last part, for a gap.
GAPS = {
    "days": "bqemulator rejects table$YYYYMMDD as the destination of a load",
    "decimals": "bqemulator forgets the scale of NUMERIC, and makes no table with BIGNUMERIC",
    "columns": "bqemulator adds a column to the schema alone, not to the table",
    "truncate": "bqemulator keeps the columns of a table under WRITE_TRUNCATE",
}


def skip_gap(warehouse: Warehouse, gap: str) -> None:
    """Skip the rest of the test if the warehouse is emulated."""
    target = getattr(warehouse, "target", None)
    if target is not None and target.emulator is not None:
        pytest.skip(f"gap of the emulator: {GAPS[gap]}")


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """Run an emulator and yield its address. Its data is lost at the end. Skips if none is installed."""
    if not (HOME / ".installed").exists():
        wanted = "the BigQuery emulator is not installed: `make emulator`"
        # CI installs the emulator, so there its absence is a failure.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(wanted)
    port = _free_port()
    with (folder / "emulator.log").open("wb") as log:
        server = subprocess.Popen(
            [
                HOME / "bin" / "python",
                _PATCHED,
                "start",
                "--rest-port",
                str(port),
                "--grpc-port",
                "0",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "HOME": str(HOME / "home"), "BQEMU_UPLOAD_STAGING_DIR": str(folder)},
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, server, folder / "emulator.log")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            requests.get(f"{address}/bigquery/v2/projects/p/datasets", timeout=5)
            return
        except requests.exceptions.ConnectionError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The BigQuery emulator did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)
