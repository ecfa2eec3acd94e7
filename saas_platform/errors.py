"""The root of every error that a user can mend."""


class PlatformError(Exception):
    """One sentence that names the thing and the remedy; shown as it is, without a stack trace."""
