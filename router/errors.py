"""Everything that can go wrong, as one tree; the type says whose fault it is, and so decides failover.

    RouterError
    ├── ClientError                 the request is at fault: rendered as it is, never held against a provider
    │   ├── InvalidRequest          400  broken JSON, wrong type, duplicate key, unknown format …
    │   ├── Unauthorized            401  no key, or not one of ours
    │   ├── Forbidden               403  foreign Host or Origin, model not allowed, role too low
    │   ├── NotFound                404  unknown route, model or voice
    │   ├── MethodNotAllowed        405
    │   ├── Conflict                409  the name of a voice, or its recording, is taken
    │   ├── TooSlow                 408  the request did not arrive in time
    │   ├── Gone                    410  what was there is there no more
    │   ├── PayloadTooLarge         413
    │   ├── Unprocessable           422  ElevenLabs: a field is missing, or of another kind than it must be
    │   ├── UpgradeRequired         426  a WebSocket, and nothing else
    │   ├── RateLimited             429  this client asks too often
    │   ├── HeadTooLarge            431
    │   └── LoopDetected            508  the request has passed this router before
    ├── ClientGone                  the client hung up: nobody's fault, nothing to render
    ├── NotYet                      503  a broadcast without a sound so far: asked again, it may have one
    ├── TooLongToSpeak              503  a chat's answer, beyond what is spoken of one
    ├── NothingCanServe             503  every candidate was tried or is unavailable; one reason each
    │   └── AllBusy                 429  every candidate said that it has too much to do
    └── UpstreamFault               a provider's fault: the next candidate may be tried
        ├── NotSent                 dial, DNS, TLS: not a byte went out, so trying another repeats nothing
        │   ├── DialRefused         the host answered that nobody listens: the host is alive, the server is not
        │   ├── TlsRefused          no certificate that we trust: the machine is there
        │   └── DialTimeout         silence: an unplugged machine looks like this
        ├── Overloaded              our own bound on this provider: nothing was sent either
        ├── ConnectionLost          reset or closed in the middle
        │   └── HostLost            the machine is gone: its in-flight probes met silence twice
        ├── Silent                  no byte within the deadline (`first_byte_s`, `stall_s`): slow is not dead
        │   └── Overdue             a segment took too long, or fell silent in its middle
        ├── InDoubt                 given up on suspicion, while another spoke: says nothing of the provider
        ├── Malformed               not HTTP, not JSON, not audio
        │   └── Implausible         audio whose length can hardly be that of the text
        └── Rejected                an HTTP status that blames the provider (401, 402, 403, 404, 429, 5xx)
            ├── VoiceMissing        a tts-node without a copy of the voice: it gets one, and is asked again
            └── Untranslated        it does not take what the router made of a request: says nothing of its health

Each client dialect renders these in one place (`router/api/`). Foreign exceptions are mapped to this tree at
one edge each (`router/transport/`, `router/providers/`).
"""

from collections.abc import Sequence
from dataclasses import dataclass


class RouterError(Exception):
    """Base of every error that this package raises on purpose.

    `status` is the HTTP status it renders with, `reason` the value of `X-Router-Error`, `type` and `code`
    the fields of OpenAI's error object.
    """

    status = 500
    reason = "internal"
    type = "server_error"
    code: str | None = "internal_error"
    param: str | None = None
    retry_after_s: float | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ClientError(RouterError):
    """The request is at fault."""

    status = 400
    reason = "invalid_request"
    type = "invalid_request_error"
    code = None

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code or self.code


class InvalidRequest(ClientError):
    """400: the body or a field in it cannot be used; `param` names the field."""


class Unauthorized(ClientError):
    """401: no key, or none of ours."""

    status = 401
    reason = "unauthorized"
    type = "authentication_error"
    code = "invalid_api_key"

    def __init__(self, message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.is_missing = is_missing  # no key at all; some dialects tell that from a wrong one


class Forbidden(ClientError):
    """403: this client may not do this."""

    status = 403
    reason = "forbidden"
    type = "permission_error"
    code = "forbidden"


class NotFound(ClientError):
    """404: no such route, model or voice."""

    status = 404
    reason = "not_found"
    code = "not_found"


class MethodNotAllowed(ClientError):
    """405: the route exists, the method does not; `allow` is the `Allow` header (RFC 9110 §15.5.6)."""

    status = 405
    reason = "method_not_allowed"
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class Conflict(ClientError):
    """409: what is there already stands against it."""

    status = 409
    reason = "conflict"
    code = "conflict"


class Gone(ClientError):
    """410: what was there is there no more, and will not come back."""

    status = 410
    reason = "gone"
    code = "gone"


class PayloadTooLarge(ClientError):
    """413: the body is over `server.max_body_mb`, or an upload over `transcription.max_upload_mb`."""

    status = 413
    reason = "payload_too_large"
    code = "payload_too_large"


class Unprocessable(ClientError):
    """422: a field is missing, or of another kind than it must be, in dialects that tell this from other faults.
    `where` is its place, such as ("body", "text"), `kind` pydantic's word for the fault."""

    status = 422
    reason = "unprocessable"

    def __init__(self, message: str, *, where: Sequence[str], kind: str) -> None:
        super().__init__(message, param=where[-1], code=kind)
        self.where = tuple(where)
        self.kind = kind


class UpgradeRequired(ClientError):
    """426: this path is a WebSocket; `upgrade` is the `Upgrade` header (RFC 9110 §15.5.22)."""

    status = 426
    reason = "upgrade_required"
    code = "upgrade_required"
    upgrade = "websocket"


class TooSlow(ClientError):
    """408: head or body did not arrive within the deadline."""

    status = 408
    reason = "too_slow"
    code = "request_timeout"


class RateLimited(ClientError):
    """429: over the client's own limit; `retry_after_s` says when it may come again."""

    status = 429
    reason = "rate_limited"
    type = "rate_limit_error"
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class HeadTooLarge(ClientError):
    """431: too many headers, or too long ones (RFC 6585 §5)."""

    status = 431
    reason = "head_too_large"
    code = "head_too_large"


class LoopDetected(ClientError):
    """508: `Via` says that this request has passed this router before (RFC 9110 §7.6.3)."""

    status = 508
    reason = "loop_detected"
    code = "loop_detected"


class ClientGone(RouterError):
    """The client closed its connection; there is nobody left to answer."""

    status = 499
    reason = "client_gone"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one provider did not serve a request, for a person to read."""

    provider: str
    why: str


class NothingCanServe(RouterError):
    """503: no candidate is left. Its message has one line per provider saying why. `is_final`: trying again could
    repeat what somebody charges for."""

    is_final = False

    status = 503
    reason = "no_provider"
    type = "server_error"
    code = "no_provider_available"

    def __init__(self, what: str, refusals: Sequence[Refusal], *, retry_after_s: float = 1.0) -> None:
        lines = [f"No provider can serve {what} right now."]
        lines += [f"- {refusal.provider}: {refusal.why}" for refusal in refusals]
        super().__init__("\n".join(lines))
        self.refusals = tuple(refusals)
        self.retry_after_s = retry_after_s


class AllBusy(NothingCanServe):
    """429: every candidate answered 429."""

    status = 429
    reason = "providers_busy"
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class NotYet(RouterError):
    """503: what was asked for is still being made."""

    status = 503
    reason = "not_yet"
    code = "not_yet"
    retry_after_s = 1.0


class TooLongToSpeak(RouterError):
    """503: a language model's answer is longer than what is spoken of one. Its text is there."""

    status = 503
    reason = "too_long_to_speak"
    code = "too_long_to_speak"


class UpstreamFault(RouterError):
    """A provider's fault. `outcome` is its word in `router_upstream_attempts_total`."""

    status = 502
    reason = "upstream_fault"
    code = "upstream_error"
    outcome = "provider_error"


class NotSent(UpstreamFault):
    """Nothing was sent: DNS, TLS or dialling failed. Trying another provider can repeat nothing."""

    outcome = "provider_unreachable"


class DialRefused(NotSent):
    """The machine answered that nobody listens on this port."""

    outcome = "provider_refused"


class DialTimeout(NotSent):
    """Not a sound within the connect timeout: the machine is off, asleep or unplugged."""

    outcome = "provider_dial_timeout"


class TlsRefused(NotSent):
    """The machine answered, but not in a way that TLS can trust."""

    outcome = "provider_tls"


class ConnectionLost(UpstreamFault):
    """The connection ended before the answer did. `had_bytes`: some of the answer had arrived."""

    outcome = "provider_connection_lost"

    def __init__(self, message: str, *, had_bytes: bool = False) -> None:
        super().__init__(message)
        self.had_bytes = had_bytes


class HostLost(ConnectionLost):
    """The machine fell silent while it was working for us."""

    outcome = "provider_host_lost"


class Overloaded(UpstreamFault):
    """No place was free within the bounds on waiting. Nothing was sent."""

    status = 503
    outcome = "provider_full"


class Silent(UpstreamFault):
    """No byte within the deadline. Soft: language models send nothing while they load or think."""

    outcome = "provider_timeout"


class Overdue(Silent):
    """A segment took longer than the provider's measured rates explain, and another spoke it meanwhile; or it fell
    silent in the middle of its body (0.6 s on the LAN); or a trial that nobody waited for did not end in time."""

    outcome = "provider_overdue"


class InDoubt(UpstreamFault):
    """Given up for a faster one before anything was known for sure: says nothing of the provider."""

    outcome = "provider_in_doubt"


class Malformed(UpstreamFault):
    """What came back is not what the protocol, the format or the text allows."""

    outcome = "provider_malformed"


class Implausible(Malformed):
    """A segment whose length can hardly be that of its text. Odd texts have odd lengths, so it says little of the
    provider: when another says the same, it is believed."""

    outcome = "provider_implausible"


class Rejected(UpstreamFault):
    """The provider answered with a status that is its own fault, not the client's."""

    outcome = "provider_rejected"

    def __init__(self, message: str, *, upstream_status: int, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.upstream_status = upstream_status
        self.retry_after_s = retry_after_s


class VoiceMissing(Rejected):
    """404 `voice_missing`: the node has no copy of this voice."""

    outcome = "provider_voice_missing"

    def __init__(self, message: str) -> None:
        super().__init__(message, upstream_status=404)


class Untranslated(Rejected):
    """A provider of another dialect does not take what the router made of the client's words (400, 413, 422). Not
    the client's fault, who never saw them, and no sign that the provider is ill: another may understand."""

    outcome = "provider_untranslated"
