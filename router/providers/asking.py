"""One question of ours to an upstream that speaks, and what its answer means, whichever dialect it is in."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from router.answers import error_code, error_message, error_param, rejection, retry_after_s
from router.domain import ProviderCard, Utterance
from router.errors import InvalidRequest, Rejected, Untranslated, VoiceMissing
from router.ports import Header, ResponseHead
from router.providers.origin import Origin, request_headers
from router.transport import Inbox

MAX_SPEECH_BYTES: Final = 64 * 1024 * 1024  # 22 minutes of 24 kHz PCM
MAX_FAULT_BYTES: Final = 1024 * 1024  # of an answer that says what went wrong
CALLERS_STATUSES: Final = frozenset({400, 413, 422})  # the client's fault, whoever finds it
Read = Callable[[ResponseHead, Inbox], Awaitable[bytes]]
"""Takes the body of an answer. Raises UpstreamFault."""


class Complaint(NamedTuple):
    """What an upstream says of why it did not serve. `param`: the field that it names."""

    message: str = ""
    param: str | None = None
    code: str | None = None
    is_unpaid: bool = False  # the account has nothing left to pay with, whatever the status is


class Question(NamedTuple):
    """A speech request in an upstream's words, for POST. `understand`: reads its errors; None for OpenAI's."""

    path: str
    body: Mapping[str, object]
    headers: Sequence[Header] = ()
    read: Read | None = None
    understand: Callable[[bytes], Complaint] | None = None


async def ask(
    origin: Origin, card: ProviderCard, question: Question, request_id: str
) -> tuple[ResponseHead, bytes]:
    """The whole answer, or what `question.read` makes of it.

    Raises UpstreamFault. A body that the upstream refuses is the client's own (InvalidRequest) where the client's
    words were passed on; where they were translated it is ours (Untranslated), and another provider may do better.
    """
    headers = [*request_headers(request_id), *question.headers]
    body = msgspec.json.encode(question.body)
    inbox = Inbox()
    try:
        inbox.attach(await origin.post(question.path, headers, body, inbox, is_once=card.is_billed))
        head = await inbox.read_head(card.first_byte_s)
        if head.status == 200:
            if question.read is not None:
                return head, await question.read(head, inbox)
            return head, await inbox.read_all(card.stall_s, MAX_SPEECH_BYTES)
        answer = await inbox.read_all(card.stall_s, MAX_FAULT_BYTES)
    finally:
        inbox.close()
    if question.understand is not None:
        raise _translated(head, question.understand(answer), origin)
    if head.status in CALLERS_STATUSES:
        said = origin.redact(error_message(answer)) or f"status {head.status}"
        error = InvalidRequest(f"{card.id}: {said}", param=error_param(answer), code="rejected_by_provider")
        error.status = head.status
        raise error
    if head.status == 404 and error_code(answer) == "voice_missing":
        raise VoiceMissing(f"answered with status 404: {origin.redact(error_message(answer))}")
    raise rejection(head, answer, origin.redact)


def _translated(head: ResponseHead, complaint: Complaint, origin: Origin) -> Rejected:
    """The fault for what a foreign dialect answers. What it says of a key is not repeated."""
    status, code = head.status, " ".join(origin.redact(complaint.code or "").split())[:60]
    told = f"status {status}, {code}" if code else f"status {status}"
    if complaint.is_unpaid or status == 402:  # no wait that it names will help
        return Rejected(f"is out of credits ({told})", upstream_status=status)
    if status in {401, 403}:
        message = f"refuses our key or plan ({told})"
    else:
        said = " ".join(origin.redact(complaint.message).split())[:200]
        message = f"answered with status {status}" + (f": {said}" if said else "")
    if status in CALLERS_STATUSES:
        return Untranslated(message, upstream_status=status)
    return Rejected(message, upstream_status=status, retry_after_s=retry_after_s(head.get(b"retry-after")))


def utterance_of(head: ResponseHead, pcm: bytes) -> Utterance:
    """PCM and what the headers tell of it."""
    engine, voice, voice_hash = (head.get(b"x-tts-" + name) for name in (b"engine", b"voice", b"voice-hash"))
    return Utterance(
        pcm,
        generation_s=seconds(head.get(b"x-generation-time")),
        engine=engine.decode("latin-1") if engine else None,
        voice=voice.decode("latin-1") if voice else None,
        voice_hash=voice_hash.decode("latin-1") if voice_hash else None,
    )


def seconds(value: bytes | None) -> float | None:
    """A header's decimal seconds; None when there are none, or none that can be."""
    try:
        seconds = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None
