"""Serve the built page to browsers on this machine only.

Out of scope: building the page.
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


class _RequestHandler(SimpleHTTPRequestHandler):
    """Serves the files of the folder to requests whose Host header names this machine."""

    def send_head(self) -> Any:
        """Send the headers, or an error if the Host header names another machine."""
        # Otherwise a foreign site whose name resolves to 127.0.0.1 could read the page (DNS rebinding).
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in (_ADDRESS, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "The page is for this machine only")
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """End the headers, with one that makes browsers check for a newer page."""
        # The page is rebuilt often under the same name.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing. Otherwise every request of a browser would print a line on the terminal."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error, unless a browser merely closed its connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(folder: Path, port: int, *, open_browser: bool) -> None:
    """Serve the page until Ctrl-C. Raises DashboardError if there is no page or the port can't be used."""
    if not (folder / PAGE_NAME).is_file():
        raise DashboardError(
            f"There is no dashboard in {folder} yet: run `saas-platform run`, which builds it."
        )
    try:
        server = _Server((_ADDRESS, port), partial(_RequestHandler, directory=str(folder)))
    except OSError as error:
        raise DashboardError(_port_error(port, error)) from None
    with server:
        address = f"http://{_ADDRESS}:{server.server_port}/"
        typer.echo(f"Dashboard: {address} (press Ctrl-C to stop)")
        if open_browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("Stopped.")


def _port_error(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use by another program: choose another port with --port."
    return f"Port {port} can't be used ({error.strerror}): choose another port with --port."
