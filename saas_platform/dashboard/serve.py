"""A server for the built page, for this machine alone.

Does not hold: building the page.
"""

from __future__ import annotations

import errno
import sys
import webbrowser
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import typer

from saas_platform.dashboard.errors import DashboardError
from saas_platform.dashboard.page import PAGE_NAME

_ADDRESS = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    """The folder's files, to whoever asked for this address."""

    def send_head(self) -> Any:
        # A foreign site whose name is made to resolve to 127.0.0.1 could read the page otherwise.
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in (_ADDRESS, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "Only for this machine")
            return None
        return super().send_head()

    def end_headers(self) -> None:
        # The page is built again and again under one name.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: each request of a browser would be a line on the terminal."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is nothing to tell."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(folder: Path, port: int, *, open_browser: bool) -> None:
    """Serve the page until Ctrl-C. Raises DashboardError where there is none, or the port is taken."""
    if not (folder / PAGE_NAME).is_file():
        raise DashboardError(
            f"There is no dashboard in {folder} yet: run `saas-platform run`, which builds it."
        )
    try:
        server = _Server((_ADDRESS, port), partial(_Handler, directory=str(folder)))
    except OSError as error:
        raise DashboardError(_in_words(port, error)) from None
    with server:
        address = f"http://{_ADDRESS}:{server.server_port}/"
        typer.echo(f"Dashboard: {address} (Ctrl-C ends it)")
        if open_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("Ended.")


def _in_words(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken by another program: choose another one with --port."
    return f"Port {port} can't be used ({error.strerror}): choose another one with --port."
