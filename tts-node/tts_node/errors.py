"""Whose fault, what to tell the client, and how the metrics count it: one tree.

NodeError
├── CallerError                  the request is at fault; the same request fails again
│   ├── BadRequest               400, names the field
│   ├── Unauthorized             401
│   ├── Forbidden                403, a page or a host name that may not speak to this node
│   ├── NotFound                 404, a route, model or voice
│   ├── MethodNotAllowed         405
│   ├── BodyTimeout              408, the body did not arrive
│   ├── Conflict                 409, a voice of that name, or that recording, is there already
│   └── TooLarge                 413
├── Busy                         429, the queue is full, or 503 after a wait beyond the deadline
├── Unavailable                  503, cold on purpose: yielded, draining, too many listeners
├── StorageFailed                507, the library is full, or its disk is
└── EngineError                  503, retryable: the node lives and the next request may work
    ├── EngineCrashed            the child process died
    ├── EngineHung               the child process was silent beyond the watchdog
    ├── EngineFailed             the engine raised for this utterance, and lives
    ├── EngineOutOfMemory        the device is full or broken; the child was ended
    └── EngineLoadFailed         the model could not be loaded, or is not tried again yet
ClientGone                       not an answer: nobody is left to read one
"""

from typing import ClassVar

from tts_node.domain import Outcome


class NodeError(Exception):
    """Something the client is told, in OpenAI's shape."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    outcome: ClassVar[Outcome] = Outcome.NODE_ERROR

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s


class CallerError(NodeError):
    """The request is at fault."""

    status = 400
    type = "invalid_request_error"
    outcome = Outcome.CALLER_BAD_REQUEST


class BadRequest(CallerError):
    """Not understood, or outside what is allowed."""


class Unauthorized(CallerError):
    """No key, or not the key."""

    status = 401
    type = "authentication_error"
    outcome = Outcome.CALLER_DENIED


class Forbidden(CallerError):
    """DNS rebinding or a foreign page."""

    status = 403
    type = "permission_error"
    outcome = Outcome.CALLER_DENIED


class NotFound(CallerError):
    """No such route, model or voice."""

    status = 404
    outcome = Outcome.CALLER_NOT_FOUND


class MethodNotAllowed(CallerError):
    """The route exists, the method does not."""

    status = 405


class BodyTimeout(CallerError):
    """The client stopped sending its request."""

    status = 408


class Conflict(CallerError):
    """What is there already stands against it."""

    status = 409


class TooLarge(CallerError):
    """The body is longer than the node reads."""

    status = 413


class Busy(NodeError):
    """The queue is full."""

    status = 429
    type = "rate_limit_error"
    outcome = Outcome.NODE_BUSY


class WaitedTooLong(Busy):
    """The queue did not move, or no memory became free, before the deadline."""

    status = 503


class Unavailable(NodeError):
    """The node does not serve now, by decision."""

    status = 503
    outcome = Outcome.NODE_UNAVAILABLE


class StorageFailed(NodeError):
    """A voice cannot be kept."""

    status = 507


class EngineError(NodeError):
    """The engine is at fault; retryable."""

    status = 503
    type = "engine_error"
    outcome = Outcome.ENGINE_FAILED

    def __init__(self, message: str, *, code: str | None = None, retry_after_s: int = 1) -> None:
        super().__init__(message, code=code, retry_after_s=retry_after_s)


class EngineCrashed(EngineError):
    """The child process died."""

    outcome = Outcome.ENGINE_CRASHED


class EngineHung(EngineError):
    """The child process was silent for too long and was ended."""

    outcome = Outcome.ENGINE_HUNG


class EngineFailed(EngineError):
    """The engine raised for this utterance and lives on."""


class EngineOutOfMemory(EngineError):
    """The device had no memory left, or broke; a fresh child comes with the next request."""

    outcome = Outcome.ENGINE_OUT_OF_MEMORY


class EngineLoadFailed(EngineError):
    """The model could not be loaded, or failed to so lately that it is not tried again yet."""


class ClientGone(Exception):
    """The client closed its connection."""
