"""A PostgreSQL server that runs during a benchmark, and its CPU time and memory.

Contains: the server's start and end, and its measurement. Out of scope: its tables.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.2
#: PostgreSQL refuses root; Debian's package has this user.
_USER = "postgres"


@dataclass(frozen=True)
class Server:
    """A server that accepts every local connection without a password."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Return the CPU seconds of the server and its ended sessions, as Linux counts them for a parent."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        # utime, stime, cutime and cstime are fields 14 to 17; the first field here is the state, field 3.
        return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Return the current MB of the server and its sessions, with shared memory counted once."""
        total = 0
        for pid in (self.pid, *_children(self.pid)):
            # A session may end before its file is read.
            with suppress(OSError):
                found = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += sum(
                    int(line.split()[1]) for line in found.splitlines() if line.startswith("Pss:")
                )
        return total / 1024

    @contextmanager
    def watched(self) -> Iterator[list[float]]:
        """Sample the server's memory while the block runs; the list's only item is the peak in MB."""
        peak = [self.megabytes()]
        done = threading.Event()

        def look() -> None:
            while not done.wait(_LOOK_SECONDS):
                peak[0] = max(peak[0], self.megabytes())

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield peak
        finally:
            done.set()
            thread.join()


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]


def programs() -> Path | None:
    """Return the folder of initdb and postgres, or None if initdb is not on the PATH."""
    found = shutil.which("initdb")
    return None if found is None else Path(found).resolve().parent


@contextmanager
def server(folder: Path, binaries: Path) -> Iterator[Server]:
    """Start a new server with its data in the folder, and stop it at the end."""
    user = _USER if os.geteuid() == 0 else None
    data = folder / "postgres"
    data.mkdir()
    if user:
        shutil.chown(data, user)
        _let_in(data, user)
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-locale"],
        user=user,
        cwd=data,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise SystemExit(f"initdb: {made.stderr}")
    port = _free_port()
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "shared_buffers": "256MB",
        "max_wal_size": "4GB",
        # Its workers would run at unpredictable times.
        "autovacuum": "off",
        "fsync": "off",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    process = subprocess.Popen(
        [binaries / "postgres", "-D", data, *options],
        user=user,
        cwd=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(process, port)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _let_in(folder: Path, user: str) -> None:
    """Let the user pass through our temporary folder, which only we may enter otherwise."""
    parent = folder.parent
    if parent.stat().st_uid == os.geteuid():
        parent.chmod(parent.stat().st_mode | 0o011)
    if subprocess.run(["test", "-w", folder], user=user).returncode:
        raise SystemExit(
            f"The user {user} can't write to {folder}. Choose another folder with --folder."
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(1)  # it answers shortly before it accepts sessions
                return
        time.sleep(0.1)
    raise SystemExit(f"PostgreSQL did not start within {_WAIT_SECONDS:.0f} seconds, or it ended.")
