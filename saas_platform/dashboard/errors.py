"""What can go wrong with the page that a user can mend."""

from __future__ import annotations

from saas_platform.errors import PlatformError


class DashboardError(PlatformError):
    """The page can't be built or served."""
