"""How a request can end: the closed vocabulary of `router_requests_total{outcome}` and the access log."""

from enum import StrEnum

from router.errors import (
    ClientError,
    ClientGone,
    Forbidden,
    LoopDetected,
    MethodNotAllowed,
    NotFound,
    NothingCanServe,
    PayloadTooLarge,
    RateLimited,
    RouterError,
    Unauthorized,
    UpstreamFault,
)


class Outcome(StrEnum):
    """`caller_*`: the client's doing. `provider_*`: a provider's. `router_*`: ours."""

    OK = "ok"
    CALLER_BAD_REQUEST = "caller_bad_request"
    CALLER_UNAUTHORIZED = "caller_unauthorized"
    CALLER_FORBIDDEN = "caller_forbidden"
    CALLER_NOT_FOUND = "caller_not_found"
    CALLER_TOO_LARGE = "caller_too_large"
    CALLER_LOOP = "caller_loop"
    CALLER_RATE_LIMITED = "caller_rate_limited"
    CALLER_GONE = "caller_gone"
    PROVIDER_NONE = "provider_none"  # nothing could serve: 503
    PROVIDER_CUT = "provider_cut"  # failed after the first byte had gone to the client
    ROUTER_ERROR = "router_error"


_BY_ERROR: tuple[tuple[type[RouterError], Outcome], ...] = (
    (Unauthorized, Outcome.CALLER_UNAUTHORIZED),
    (Forbidden, Outcome.CALLER_FORBIDDEN),
    (NotFound, Outcome.CALLER_NOT_FOUND),
    (MethodNotAllowed, Outcome.CALLER_NOT_FOUND),
    (RateLimited, Outcome.CALLER_RATE_LIMITED),
    (PayloadTooLarge, Outcome.CALLER_TOO_LARGE),
    (LoopDetected, Outcome.CALLER_LOOP),
    (ClientError, Outcome.CALLER_BAD_REQUEST),
    (ClientGone, Outcome.CALLER_GONE),
    (NothingCanServe, Outcome.PROVIDER_NONE),
    (UpstreamFault, Outcome.PROVIDER_CUT),
)


def outcome_of(error: RouterError) -> Outcome:
    """The word for a request that ended with `error`."""
    for kind, outcome in _BY_ERROR:
        if isinstance(error, kind):
            return outcome
    return Outcome.ROUTER_ERROR


_BY_STATUS: dict[int, Outcome] = {
    401: Outcome.CALLER_UNAUTHORIZED,
    403: Outcome.CALLER_FORBIDDEN,
    404: Outcome.CALLER_NOT_FOUND,
    405: Outcome.CALLER_NOT_FOUND,
    413: Outcome.CALLER_TOO_LARGE,
    500: Outcome.ROUTER_ERROR,
}


def outcome_of_status(status: int) -> Outcome:
    """The word for an answer of the lists and pages. A 503 of /ready is an answer like another."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Outcome.CALLER_BAD_REQUEST if 400 <= status < 500 else Outcome.OK
