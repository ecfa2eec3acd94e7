"""The error that the user sees if the marts can't be built."""

from saas_platform.errors import PlatformError


class MartsError(PlatformError):
    """A dbt model failed to build, a test on one failed, or dbt could not run."""
