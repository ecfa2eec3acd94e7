"""The base class of every error that a user can fix."""


class PlatformError(Exception):
    """An error whose text names what is wrong and how to fix it.

    The text is one sentence. The user sees it as it is, without a stack trace. An error with several arguments has
    one sentence for each fault, such as those of a file.
    """

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        return " ".join(self.sentences)
