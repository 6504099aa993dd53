"""A multipart body to an `Upload`: OpenAI's fields and ours, every one of them bounded.

`POST /v1/audio/voices` has `name`, `audio_sample` (up to 10 MiB) and `consent`, by OpenAI's contract; `language`,
`gender` and `aliases` are ours, and `created_at` comes with a copy from another library. The body is read whole
(it is small) and parsed in memory by python-multipart through Starlette; nothing touches the disk.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive, Scope

from tts_node.api.http import read_body
from tts_node.errors import BadRequest, Busy, TooLarge
from tts_node.voices.details import Details
from tts_node.voices.library import Upload

MAX_UPLOAD_BYTES = 10 * 1024 * 1024  # OpenAI's bound on audio_sample
_FIELDS_BYTES = 65_536  # for everything else in the body
_MAX_FIELDS = 16
_CHUNK_BYTES = 65_536
_AT_ONCE = 4  # recordings in memory
_NEWEST = 2**40  # seconds


class Uploads:
    """Takes uploads in, a few at a time: a place is held until the recording is kept, or refused."""

    def __init__(self, body_timeout_s: float) -> None:
        self._body_timeout_s = body_timeout_s
        self._held = 0

    @asynccontextmanager
    async def held(self, scope: Scope, receive: Receive) -> AsyncIterator[Upload]:
        """The upload; leave the context when its bytes are no longer needed.

        Raises BadRequest, TooLarge, BodyTimeout, Busy; ClientGone when the client leaves first.
        """
        if self._held >= _AT_ONCE:
            raise Busy(f"{_AT_ONCE} uploads are being taken in already.", code="uploads_full", retry_after_s=2)
        self._held += 1
        try:
            yield await self._read(scope, receive)
        finally:
            self._held -= 1

    async def _read(self, scope: Scope, receive: Receive) -> Upload:
        headers = Headers(scope=scope)
        if not headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise BadRequest(
                "The body must be multipart/form-data with the fields 'name' and 'audio_sample'.",
                code="invalid_multipart",
            )
        body = await read_body(scope, receive, MAX_UPLOAD_BYTES + _FIELDS_BYTES, self._body_timeout_s)
        return await _upload_of(await _parsed(headers, body))


async def _parsed(headers: Headers, body: bytes) -> FormData:
    parser = MultiPartParser(
        headers, _chunks(body), max_files=1, max_fields=_MAX_FIELDS, max_part_size=_FIELDS_BYTES
    )
    parser.spool_max_size = len(body) + 1  # never to disk
    try:
        return await parser.parse()
    except MultiPartException as exc:
        raise BadRequest(f"The body is not valid multipart: {exc.message}", code="invalid_multipart") from exc
    except (KeyError, ValueError, AssertionError, UnicodeError) as exc:  # no boundary; a charset nobody has
        raise BadRequest("The body is not valid multipart.", code="invalid_multipart") from exc


async def _chunks(body: bytes) -> AsyncGenerator[bytes, None]:
    """In small steps, so that /health is answered between them."""
    for start in range(0, len(body), _CHUNK_BYTES):
        yield body[start : start + _CHUNK_BYTES]
        await asyncio.sleep(0)


async def _upload_of(form: FormData) -> Upload:
    sample = form.get("audio_sample")
    if not isinstance(sample, UploadFile):
        raise BadRequest(
            "'audio_sample' is missing: send the recording as a file.", param="audio_sample", code="missing_field"
        )
    data = await sample.read()
    await sample.close()
    if not data:
        raise BadRequest("'audio_sample' is empty.", param="audio_sample", code="empty_file")
    if len(data) > MAX_UPLOAD_BYTES:
        raise TooLarge(
            f"'audio_sample' is longer than {MAX_UPLOAD_BYTES >> 20} MiB.",
            param="audio_sample",
            code="file_too_large",
        )
    details = Details.of(
        form.get("name"), form.get("language"), form.get("gender"), _json_list(form.get("aliases"))
    )
    return Upload(data, details, _time(form.get("created_at")))


def _json_list(value: object) -> object:
    """A form has only text: a JSON list, or names between commas."""
    if not isinstance(value, str) or not value.strip():
        return ()
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None
    return [alias for alias in value.split(",") if alias.strip()]


def _time(value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 14 and int(value) < _NEWEST:
        return int(value)
    raise BadRequest("'created_at' is no Unix time.", param="created_at", code="invalid_time")
