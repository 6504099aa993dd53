"""The tree of errors: every leaf has a status, a reason and a family."""

import pytest

from router import errors
from router.errors import (
    ClientError,
    ClientGone,
    NothingCanServe,
    NotSent,
    Refusal,
    RouterError,
    UpstreamFault,
)

CLASSES = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, RouterError)]


@pytest.mark.parametrize(
    ("name", "family", "status"),
    [
        ("InvalidRequest", ClientError, 400),
        ("Unauthorized", ClientError, 401),
        ("Forbidden", ClientError, 403),
        ("NotFound", ClientError, 404),
        ("MethodNotAllowed", ClientError, 405),
        ("PayloadTooLarge", ClientError, 413),
        ("LoopDetected", ClientError, 508),
        ("ClientGone", RouterError, 499),
        ("NothingCanServe", RouterError, 503),
        ("AllBusy", NothingCanServe, 429),
        ("DialRefused", NotSent, 502),
        ("DialTimeout", NotSent, 502),
        ("ConnectionLost", UpstreamFault, 502),
        ("Silent", UpstreamFault, 502),
        ("Malformed", UpstreamFault, 502),
        ("Rejected", UpstreamFault, 502),
    ],
)
def test_every_leaf(name: str, family: type[RouterError], status: int) -> None:
    """The type decides failover, so the family is part of the contract."""
    kind = getattr(errors, name)
    assert (True, status) == (issubclass(kind, family), kind.status)


def test_the_drawing_at_the_top_names_every_class() -> None:
    """A tree that is not all of it misleads."""
    assert errors.__doc__ is not None
    assert [] == [c.__name__ for c in CLASSES if c.__name__ not in errors.__doc__]


def test_every_reason_is_its_own() -> None:
    """`X-Router-Error` tells them apart; faults of providers share theirs."""
    reasons = [c.reason for c in CLASSES if not issubclass(c, UpstreamFault) and c is not ClientError]
    assert sorted(set(reasons)) == sorted(reasons)


def test_attempts_have_an_outcome_each() -> None:
    """For `router_upstream_attempts_total`."""
    outcomes = [c.outcome for c in CLASSES if issubclass(c, UpstreamFault)]
    assert (len(set(outcomes)), True) == (len(outcomes), all(word.startswith("provider_") for word in outcomes))


def test_one_line_per_refusal() -> None:
    """In order."""
    error = NothingCanServe("speech", [Refusal("a", "why"), Refusal("b", "because")], retry_after_s=3)
    assert ("No provider can serve speech right now.\n- a: why\n- b: because", 3) == (
        str(error),
        error.retry_after_s,
    )


def test_a_client_that_left_is_nobodys_fault() -> None:
    """Neither the client's error nor a provider's."""
    assert (False, False) == (issubclass(ClientGone, ClientError), issubclass(ClientGone, UpstreamFault))
