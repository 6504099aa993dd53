"""Whether a request that failed at one provider may go to the next. Pure: one rule per line of the table.

What was never sent can always be sent elsewhere. What was sent and not answered may have been done, and on a
provider that bills, done means paid: a timeout there is final, an explicit error is not. A request that is bound
to one provider's memory (`/v1/responses` with `previous_response_id`, `background` or `store`) goes nowhere else.
"""

import msgspec

from router.errors import ConnectionLost, HostLost, NotSent, Overloaded, Rejected, UpstreamFault


class Circumstances(msgspec.Struct, frozen=True, gc=False):
    """What a request is bound by. `is_billed`: the provider that failed charges for what it does."""

    is_billed: bool = False
    is_pinned: bool = False


def may_try_next(fault: UpstreamFault, circumstances: Circumstances) -> bool:
    """Whether the next candidate may get the request, nothing of an answer having reached the client."""
    if isinstance(fault, NotSent | Overloaded):
        return True
    if circumstances.is_pinned:
        return False
    if circumstances.is_billed:
        return isinstance(fault, ConnectionLost | Rejected) and not isinstance(fault, HostLost)
    return True
