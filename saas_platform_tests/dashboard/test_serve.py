"""Tests the page's server: it serves only this machine, stops at Ctrl-C, and explains its errors."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from saas_platform.dashboard import DashboardError
from saas_platform.dashboard.serve import serve
from saas_platform.errors import PlatformError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<h1>built</h1>")
    return tmp_path


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


@pytest.fixture
def server(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    code = (
        "from pathlib import Path; from saas_platform.dashboard.serve import serve;"
        f"serve(Path({str(folder)!r}), {port}, open_browser=False)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        # A test run in the background of a script ignores Ctrl-C, and so would the process it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout
    assert (
        process.stdout.readline() == f"Dashboard: http://127.0.0.1:{port}/ (press Ctrl-C to stop)\n"
    )
    yield process
    process.kill()
    process.wait()


def ask(port: int, host: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/", headers={"Host": host})
    answer = connection.getresponse()
    status, text = answer.status, answer.read().decode()
    connection.close()
    return status, text


def test_it_serves_this_machine_until_ctrl_c(server: subprocess.Popen[str], port: int) -> None:
    assert ask(port, f"127.0.0.1:{port}") == (200, "<h1>built</h1>")
    assert ask(port, f"localhost:{port}")[0] == 200
    status, text = ask(port, f"evil.example:{port}")
    assert status == 403
    assert "built" not in text
    server.send_signal(signal.SIGINT)
    assert server.wait(timeout=10) == 0


def test_a_page_that_is_not_built(tmp_path: Path, port: int) -> None:
    with pytest.raises(DashboardError, match="run `saas-platform run`") as caught:
        serve(tmp_path, port, open_browser=False)
    assert isinstance(caught.value, PlatformError)


def test_a_port_that_is_taken(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DashboardError, match=f"Port {port} is in use.*--port"):
            serve(folder, port, open_browser=False)
