"""The table of what may be repeated elsewhere."""

import pytest

from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    HostLost,
    Malformed,
    NotSent,
    Overloaded,
    Rejected,
    Silent,
    UpstreamFault,
)
from router.repeat import Circumstances, may_try_next

FREE, BILLED, PINNED = Circumstances(), Circumstances(is_billed=True), Circumstances(is_pinned=True)
NEVER_SENT: list[UpstreamFault] = [NotSent("x"), DialRefused("x"), DialTimeout("x"), Overloaded("x")]
EXPLICIT: list[UpstreamFault] = [ConnectionLost("x"), Rejected("x", upstream_status=500)]
UNCERTAIN: list[UpstreamFault] = [Silent("x"), HostLost("x"), Malformed("x")]


@pytest.mark.parametrize("fault", NEVER_SENT)
@pytest.mark.parametrize("circumstances", [FREE, BILLED, PINNED])
def test_what_was_never_sent_may_go_elsewhere(fault: UpstreamFault, circumstances: Circumstances) -> None:
    """Nothing can be done twice that was not sent once."""
    assert may_try_next(fault, circumstances) is True


@pytest.mark.parametrize("fault", EXPLICIT + UNCERTAIN)
def test_self_hosted_work_may_be_done_again(fault: UpstreamFault) -> None:
    """A generation that nobody heard costs only time."""
    assert may_try_next(fault, FREE) is True


@pytest.mark.parametrize("fault", EXPLICIT)
def test_billed_work_is_repeated_after_an_explicit_error(fault: UpstreamFault) -> None:
    """A reset or an error status says that it was not done."""
    assert may_try_next(fault, BILLED) is True


@pytest.mark.parametrize("fault", UNCERTAIN)
def test_billed_work_is_not_repeated_after_silence(fault: UpstreamFault) -> None:
    """It may have been done, and done means paid."""
    assert may_try_next(fault, BILLED) is False


@pytest.mark.parametrize("fault", EXPLICIT + UNCERTAIN)
def test_pinned_work_goes_nowhere_else(fault: UpstreamFault) -> None:
    """Another provider does not remember the conversation."""
    assert may_try_next(fault, PINNED) is False
