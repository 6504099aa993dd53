"""The voice library's routes: upload (OpenAI's `POST /v1/audio/voices`), list, hear, delete."""

import asyncio
import re
import time
from typing import Any, Final, Protocol

from litestar import Request, Response, delete, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, SkipValidation

from router.api.call import BODY_DEADLINE_S
from router.api.documented import lists
from router.api.documented.contents import shown, takes_form
from router.api.documented.errors import errors
from router.config import Settings
from router.domain import LibraryVoice, Modality
from router.errors import Conflict, InvalidRequest, NotFound, PayloadTooLarge, TooSlow
from router.roster import Roster
from router.speech.copies import Copies
from router.speech.library import content_id
from router.speech.voices import OPENAI_VOICES, ListedVoice, VoiceBook

MAX_RECORDING_BYTES: Final = 10 * 1024 * 1024  # OpenAI's bound on audio_sample
_MAX_BODY_BYTES: Final = MAX_RECORDING_BYTES + 65_536
_MAX_NAME_CHARS: Final = 64
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
_NOBODY_COPIES: Final = (
    "no engine here copies voices; run `tts-node setup` and `tts-node download chatterbox-turbo` on a node"
)
_GENDERS: Final = ("female", "male", "neutral")
_FORM: Final = {
    "name": Schema(type=OpenAPIType.STRING, min_length=1, max_length=_MAX_NAME_CHARS, examples=["Grandmother"]),
    "audio_sample": Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream"),
    "consent": Schema(type=OpenAPIType.STRING, description="OpenAI's; nothing is done with it."),
    "language": Schema(type=OpenAPIType.STRING, examples=["de"]),
    "gender": Schema(type=OpenAPIType.STRING, enum=list(_GENDERS)),
}


class VoicesView(Protocol):
    """What these routes need of the house."""

    @property
    def settings(self) -> Settings: ...
    @property
    def roster(self) -> Roster: ...
    @property
    def voices(self) -> VoiceBook: ...
    @property
    def copies(self) -> Copies | None: ...


VoicesHouse = NamedDependency[SkipValidation[VoicesView]]


@get(["/v1/audio/voices", "/audio/voices"], responses={200: shown(lists.VoiceList)}, sync_to_thread=False)
def list_voices(view: VoicesHouse) -> dict[str, object]:
    """Every voice that a client may ask for; the library's first."""
    listed = view.voices.listed(_speech_providers(view.roster))
    return {"voices": [_row(entry, view) for entry in listed]}


@post(
    ["/v1/audio/voices", "/audio/voices"],
    status_code=200,
    request_max_body_size=_MAX_BODY_BYTES,
    operation_class=takes_form(_FORM, required=["name", "audio_sample"]),
    responses=errors(404, 409, 413, 429, 503, 507) | {200: shown(lists.LibraryVoiceRow)},
)
async def upload_voice(view: VoicesHouse, request: Request[Any, Any, Any]) -> dict[str, object]:
    """A new voice from a recording: multipart `name`, `audio_sample` (up to 10 MiB), `consent`, `language` and
    `gender`. A tts-node checks it; what is wrong with it is a 400 that says what to do."""
    copies = _copies(view)
    with copies.taking_in():
        row = _library_row(await copies.add(*await _upload(view, request)))
    if not copies.cloning:
        row["warnings"] = [*row["warnings"], _NOBODY_COPIES]
    return row


async def _upload(view: VoicesView, request: Request[Any, Any, Any]) -> tuple[LibraryVoice, bytes]:
    """What the multipart body asks for, and the recording. Raises ClientError."""
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            form = await request.form()
    except TimeoutError as exc:
        raise TooSlow(f"The body did not arrive within {BODY_DEADLINE_S:g} s.") from exc
    except ValueError as exc:  # a field that is no UTF-8: Litestar would call it a fault of its own
        raise InvalidRequest("The body is not valid multipart.", code="invalid_multipart") from exc
    recording = await _recording(form.get("audio_sample"))
    voice_id, content_hash = content_id(recording)
    voice = LibraryVoice(
        id=voice_id,
        hash=content_hash,
        name=_name(form.get("name"), view, voice_id),
        created_at=int(time.time()),
        language=_language(form.get("language")),
        gender=_gender(form.get("gender")),
    )
    return voice, recording


@get(
    ["/v1/audio/voices/{voice:str}", "/audio/voices/{voice:str}"],
    responses={200: shown(lists.VoiceRow)},
    sync_to_thread=False,
)
def show_voice(view: VoicesHouse, voice: FromPath[str]) -> dict[str, object]:
    """One voice, by id or name."""
    wanted = voice.strip().lower()
    for entry in view.voices.listed(_speech_providers(view.roster)):
        if wanted in {entry.voice.id.lower(), entry.voice.name.lower()}:
            return _row(entry, view)
    raise NotFound(f"No voice is called {voice[:100]!r}.", param="voice", code="voice_not_found")


@get(
    ["/v1/audio/voices/{voice:str}/preview", "/audio/voices/{voice:str}/preview"],
    media_type="audio/wav",
    responses=errors(404, 507),
)
async def preview_voice(view: VoicesHouse, voice: FromPath[str]) -> Response[bytes]:
    """A few seconds of a library voice's recording, as WAV."""
    library = _copies(view).library
    found = library.get(voice)
    headers = {"X-TTS-Voice-Hash": found.hash, "X-Content-Type-Options": "nosniff"}
    return Response(await library.preview(found), media_type="audio/wav", headers=headers)


@delete(
    ["/v1/audio/voices/{voice:str}", "/audio/voices/{voice:str}"],
    status_code=200,
    responses=errors(404, 507) | {200: shown(lists.VoiceDeleted)},
)
async def delete_voice(view: VoicesHouse, voice: FromPath[str]) -> dict[str, object]:
    """Out of the library, and soon off the nodes."""
    copies = _copies(view)
    found = copies.library.get(voice)
    await copies.remove(found)
    return {"object": "audio.voice.deleted", "id": found.id, "deleted": True}


handlers: Final = [list_voices, upload_voice, show_voice, preview_voice, delete_voice]


def _row(entry: ListedVoice, view: VoicesView) -> dict[str, object]:
    row: dict[str, object] = {
        "id": entry.voice.id,
        "name": entry.voice.name,
        "language": entry.voice.language,
        "gender": entry.voice.gender,
        "providers": entry.providers,
    }
    if entry.library is None:
        return row
    # A node without its copy speaks all the same: it gets one when it is asked.
    cloning = view.copies.cloning if view.copies else []
    nodes = {name: "copied" if name in entry.providers else "on demand" for name in {*cloning, *entry.providers}}
    return row | _library_row(entry.library) | {"nodes": nodes}


def _library_row(voice: LibraryVoice) -> dict[str, Any]:
    return {
        "object": "audio.voice",
        "id": voice.id,
        "name": voice.name,
        "created_at": voice.created_at,
        "language": voice.language,
        "gender": voice.gender,
        "hash": voice.hash,
        "builtin": False,
        "warnings": voice.warnings,
    }


def _copies(view: VoicesView) -> Copies:
    if view.copies is None:
        raise NotFound("This router keeps no voices.", code="unknown_route")
    return view.copies


def _speech_providers(roster: Roster) -> list[str]:
    return [name for name, card in roster.cards.items() if Modality.SPEECH in card.modalities]


async def _recording(value: object) -> bytes:
    if not isinstance(value, UploadFile):
        raise InvalidRequest(
            "'audio_sample' is missing: send the recording as a file.", param="audio_sample", code="missing_field"
        )
    recording = await value.read()
    if not recording:
        raise InvalidRequest("'audio_sample' is empty.", param="audio_sample", code="empty_file")
    if len(recording) > MAX_RECORDING_BYTES:
        raise PayloadTooLarge("'audio_sample' is longer than 10 MiB.", param="audio_sample")
    return recording


def _name(value: object, view: VoicesView, voice_id: str) -> str:
    name = value.strip() if isinstance(value, str) else ""
    if not 0 < len(name) <= _MAX_NAME_CHARS or not name.isprintable() or set(name) & set('/\\"'):
        raise InvalidRequest(
            f"'name' must be 1 to {_MAX_NAME_CHARS} printable characters without slashes and quotes.",
            param="name",
            code="invalid_name",
        )
    taken = {"default", *OPENAI_VOICES, *(each.lower() for each in view.settings.voices)}
    for entry in view.voices.listed(_speech_providers(view.roster)):
        if entry.library is None and entry.voice.id != voice_id:
            taken |= {entry.voice.id.lower(), entry.voice.name.lower()}
    if name.lower() in taken:
        raise Conflict(f"{name!r} is a voice already. Choose another name.", param="name", code="name_taken")
    return name


def _language(value: object) -> str | None:
    if not value:
        return None
    if isinstance(value, str) and _LANGUAGE.fullmatch(value):
        return value
    raise InvalidRequest(
        "'language' is no language tag such as de or pt-BR.", param="language", code="invalid_language"
    )


def _gender(value: object) -> str | None:
    if not value:
        return None
    if isinstance(value, str) and value.lower() in _GENDERS:
        return value.lower()
    raise InvalidRequest(f"'gender' is none of {', '.join(_GENDERS)}.", param="gender", code="invalid_gender")
