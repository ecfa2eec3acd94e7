"""The error that the user sees if the page can't be built or served."""

from __future__ import annotations

from saas_platform.errors import PlatformError


class DashboardError(PlatformError):
    """The page can't be built or served."""
