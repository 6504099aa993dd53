"""How a request can end."""

import pytest

from router import errors
from router.errors import RouterError, UpstreamFault
from router.outcomes import Outcome, outcome_of, outcome_of_status


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.InvalidRequest("x"), Outcome.CALLER_BAD_REQUEST),
        (errors.Unauthorized("x"), Outcome.CALLER_UNAUTHORIZED),
        (errors.Forbidden("x"), Outcome.CALLER_FORBIDDEN),
        (errors.NotFound("x"), Outcome.CALLER_NOT_FOUND),
        (errors.MethodNotAllowed("x", allow="GET"), Outcome.CALLER_NOT_FOUND),
        (errors.PayloadTooLarge("x"), Outcome.CALLER_TOO_LARGE),
        (errors.LoopDetected("x"), Outcome.CALLER_LOOP),
        (errors.ClientGone("x"), Outcome.CALLER_GONE),
        (errors.NothingCanServe("x", []), Outcome.PROVIDER_NONE),
        (errors.AllBusy("x", []), Outcome.PROVIDER_NONE),
        (errors.Silent("x"), Outcome.PROVIDER_CUT),
        (UpstreamFault("x"), Outcome.PROVIDER_CUT),
        (RouterError("x"), Outcome.ROUTER_ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_outcome_of(error: RouterError, outcome: Outcome) -> None:
    """Every family has its word."""
    assert outcome is outcome_of(error)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.OK),
        (304, Outcome.OK),
        (400, Outcome.CALLER_BAD_REQUEST),
        (401, Outcome.CALLER_UNAUTHORIZED),
        (403, Outcome.CALLER_FORBIDDEN),
        (404, Outcome.CALLER_NOT_FOUND),
        (405, Outcome.CALLER_NOT_FOUND),
        (413, Outcome.CALLER_TOO_LARGE),
        (500, Outcome.ROUTER_ERROR),
        (503, Outcome.OK),
    ],
)
def test_outcome_of_status(status: int, outcome: Outcome) -> None:
    """A 503 of /ready is an answer like another."""
    assert outcome is outcome_of_status(status)


def test_the_vocabulary_tells_whose_doing_it_was() -> None:
    """A closed set with four families."""
    assert {"ok", "caller", "provider", "router"} == {word.partition("_")[0] for word in Outcome}
