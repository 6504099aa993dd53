"""The voices that a tts-node keeps copies of: sent to it by content hash, judged, prepared and forgotten there."""

import secrets
from typing import Final
from urllib.parse import quote

import msgspec

from router.answers import error_code, error_message, error_param, rejection
from router.domain import LibraryVoice
from router.errors import InvalidRequest
from router.ports import Header, ResponseHead
from router.providers.origin import Origin, decoded

_PUT_DEADLINE_S: Final = 60.0  # the node reads and normalises the recording meanwhile
_PREPARE_DEADLINE_S: Final = 400.0  # its turn must come, and the model may have to load; nobody waits for it
_QUICK_DEADLINE_S: Final = 10.0


class _Row(msgspec.Struct):
    warnings: tuple[str, ...] = ()


class _Prepared(msgspec.Struct):
    prepared: bool = False


class NodeVoices:
    """Implements `ports.VoiceKeeper`."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    async def put_voice(self, voice: LibraryVoice, recording: bytes, *, is_checked: bool) -> tuple[str, ...]:
        """See `ports.VoiceKeeper`."""
        fields = {
            "name": voice.name,
            "language": voice.language or "",
            "gender": voice.gender or "",
            "created_at": str(voice.created_at),
        }
        header, body = multipart(fields, recording)
        path = f"/v1/audio/voices/{voice.id}" + ("?check=true" if is_checked else "")
        answer = await self._ask("PUT", path, [header], body, _PUT_DEADLINE_S)
        return decoded(answer, _Row, "its answer to a voice").warnings

    async def prepare_voice(self, voice_id: str, model: str, *, may_load: bool) -> bool:
        """See `ports.VoiceKeeper`."""
        path = f"/v1/audio/voices/{voice_id}/prepare?model={quote(model)}&load={str(may_load).lower()}"
        answer = await self._ask("POST", path, [], b"", _PREPARE_DEADLINE_S)
        return decoded(answer, _Prepared, "its answer to a preparation").prepared

    async def preview_voice(self, voice_id: str) -> bytes:
        """See `ports.VoiceKeeper`."""
        return await self._ask("GET", f"/v1/audio/voices/{voice_id}/preview", [], b"", _QUICK_DEADLINE_S)

    async def delete_voice(self, voice_id: str) -> None:
        """See `ports.VoiceKeeper`."""
        path = f"/v1/audio/voices/{voice_id}"
        head, answer = await self._origin.ask("DELETE", path, [], b"", deadline_s=_QUICK_DEADLINE_S)
        if head.status not in {200, 404}:
            raise rejection(head, answer, self._origin.redact)

    async def _ask(self, method: str, path: str, headers: list[Header], body: bytes, deadline_s: float) -> bytes:
        head, answer = await self._origin.ask(method, path, headers, body, deadline_s=deadline_s)
        if head.status in {200, 201}:
            return answer
        raise self._fault(head, answer)

    def _fault(self, head: ResponseHead, answer: bytes) -> Exception:
        if head.status not in {400, 413, 422}:
            return rejection(head, answer, self._origin.redact)
        said = self._origin.redact(error_message(answer)) or f"status {head.status}"
        error = InvalidRequest(said, param=error_param(answer), code=error_code(answer) or "rejected_by_provider")
        error.status = head.status
        return error


def multipart(fields: dict[str, str], recording: bytes) -> tuple[Header, bytes]:
    """A body of RFC 7578 with its Content-Type: the fields, then the recording as `audio_sample`."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    last = f'--{boundary}\r\nContent-Disposition: form-data; name="audio_sample"; filename="sample"\r\n\r\n'
    body = "".join([*parts, last]).encode() + recording + f"\r\n--{boundary}--\r\n".encode()
    return (b"Content-Type", f"multipart/form-data; boundary={boundary}".encode()), body
