"""What goes wrong with the marts, told to the user."""

from saas_platform.errors import PlatformError


class MartsError(PlatformError):
    """A model failed to build, or a test on one did not hold."""
