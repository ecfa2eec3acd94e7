"""The base class of every error that a user can fix."""


class PlatformError(Exception):
    """An error whose text names what is wrong and how to fix it.

    The text is one sentence. The user sees it as it is, without a stack trace.
    """
