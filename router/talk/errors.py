"""Why a question has no answer, in words that say what to do."""


class CannotTalk(Exception):
    """Nothing can be asked so, or nobody answers; the message says why and what to do."""


class Refused(CannotTalk):
    """The router answered with an error. `code` is that of OpenAI's error object."""

    def __init__(self, message: str, *, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def is_lasting(self) -> bool:
        """Whether the next question would be refused as well: no key, not allowed, no such model or route."""
        return self.status in {401, 403, 404, 405}


class Broken(CannotTalk):
    """The answer had begun and did not end."""
