"""The routes of the voice library: upload, list, hear, change, delete, and copies from and for other libraries."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tts_node.api.http import json_response, read_body
from tts_node.domain import BYTES_PER_SAMPLE, SAMPLE_RATE
from tts_node.errors import BadRequest, Conflict, NotFound
from tts_node.node import Model, Node
from tts_node.voices.casting import cast
from tts_node.voices.clip_upload import Uploads
from tts_node.voices.details import Details
from tts_node.voices.library import Library
from tts_node.voices.recording import wav_of
from tts_node.voices.shelf import ID, LibraryVoice

_JSON_BYTES = 65_536
_PREVIEW_S = 10
_WAV_HEADER_BYTES = 44
_NOBODY_COPIES = (
    "no engine here copies voices; run `tts-node setup` and `tts-node download chatterbox-turbo` on a node"
)
_CHANGEABLE = {"name", "language", "gender", "aliases"}


class VoiceRoutes:
    """Over one library."""

    def __init__(self, node: Node, library: Library, body_timeout_s: float) -> None:
        self._node = node
        self._library = library
        self._uploads = Uploads(body_timeout_s)
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """All of them, with and without /v1; the fixed names before the ids."""
        return [
            route
            for prefix in ("/v1/audio/voices", "/audio/voices")
            for route in (
                Route(prefix, self.listed, methods=["GET"]),
                Route(prefix, self.upload, methods=["POST"]),
                Route(f"{prefix}/default", self.show_default, methods=["GET"]),
                Route(f"{prefix}/default", self.choose_default, methods=["PUT"]),
                Route(f"{prefix}/{{id}}", self.show, methods=["GET"]),
                Route(f"{prefix}/{{id}}", self.change, methods=["PATCH", "POST"]),
                Route(f"{prefix}/{{id}}", self.replicate, methods=["PUT"]),
                Route(f"{prefix}/{{id}}", self.delete, methods=["DELETE"]),
                Route(f"{prefix}/{{id}}/preview", self.preview, methods=["GET"]),
                Route(f"{prefix}/{{id}}/clip", self.original, methods=["GET"]),
                Route(f"{prefix}/{{id}}/prepare", self.prepare, methods=["POST"]),
            )
        ]

    async def listed(self, _request: Request) -> Response:
        """The library's voices first, then the engines' own."""
        own = [voice for model in self._node.models.values() for voice in model.catalogue.voices]
        return json_response({"voices": [*(self._row(voice) for voice in self._library.voices), *own]})

    async def upload(self, request: Request) -> Response:
        """OpenAI's `POST /v1/audio/voices`."""
        async with self._uploads.held(request.scope, request.receive) as upload:
            row = self._row(await self._library.add(upload))
        if not any(model.descriptor.cloning for model in self._node.models.values()):
            row["warnings"] = [*row["warnings"], _NOBODY_COPIES]
        return json_response(row)

    async def show(self, request: Request) -> Response:
        """One voice, the engines' own too."""
        wanted = request.path_params["id"]
        if voice := self._library.find(wanted) or self._library.find_alias(wanted):
            return json_response(self._row(voice))
        for model in self._node.models.values():
            if model.catalogue.has(wanted):
                return json_response(model.catalogue.voice(wanted))
        return json_response(self._row(self._library.get(wanted)))

    async def change(self, request: Request) -> Response:
        """Name, language, gender, aliases: what is given is changed, null clears."""
        voice = self._meant(request)
        wish = await self._json(request)
        if unknown := set(wish) - _CHANGEABLE:
            name = min(unknown)[:64]
            raise BadRequest(
                f"{name!a} cannot be changed; {', '.join(sorted(_CHANGEABLE))} can.", code="unknown_field"
            )
        details = Details.of(
            wish.get("name", voice.name),
            wish.get("language", voice.language),
            wish.get("gender", voice.gender),
            wish.get("aliases", voice.aliases) or (),
        )
        return json_response(self._row(await self._library.change(voice, details)))

    async def replicate(self, request: Request) -> Response:
        """A copy of another library's voice: 201 when it is new here, 200 when not. `?check=true`: it is judged
        as an upload is."""
        voice_id = request.path_params["id"]
        if not ID.fullmatch(voice_id):
            raise BadRequest(f"{voice_id!a:.80} is no id of a voice.", param="id", code="invalid_id")
        async with self._uploads.held(request.scope, request.receive) as upload:
            voice, is_new = await self._library.replicate(
                voice_id, upload, is_judged=request.query_params.get("check") == "true"
            )
        return json_response(self._row(voice), 201 if is_new else 200)

    async def delete(self, request: Request) -> Response:
        """From the library; what is being spoken with it may still fail."""
        voice = self._meant(request)
        await self._library.remove(voice)
        return json_response({"object": "audio.voice.deleted", "id": voice.id, "deleted": True})

    async def preview(self, request: Request) -> Response:
        """The first seconds of what engines listen to, as WAV."""
        voice = self._found(request)
        clip = await self._library.read_clip(voice)
        size = _PREVIEW_S * SAMPLE_RATE * BYTES_PER_SAMPLE
        return _file(wav_of(clip[_WAV_HEADER_BYTES : _WAV_HEADER_BYTES + size]), "audio/wav", voice)

    async def original(self, request: Request) -> Response:
        """The bytes as they were uploaded: what another library takes with PUT."""
        voice = self._found(request)
        return _file(await self._library.read_original(voice), "application/octet-stream", voice)

    async def prepare(self, request: Request) -> Response:
        """Gets `?model=` (else the default one) ready to speak with this voice, at the priority of a batch job.

        `prepared` is false while the model is cold, unless `?load=true` lets it come up for this.
        """
        self._node.check_serving()
        model = self._node.model(request.query_params.get("model"))
        part = cast(self._found(request).id, None, model.descriptor, model.catalogue, self._library)
        assert part.clip
        is_prepared = await model.slot.prepare(part.clip, load=request.query_params.get("load") == "true")
        return json_response({"prepared": is_prepared, "model": model.descriptor.id, "hash": part.clip.hash})

    async def show_default(self, _request: Request) -> Response:
        """Who speaks when no voice is asked for; null: the engine's own default."""
        default = self._library.default
        return json_response({"voice": default.id if default else None})

    async def choose_default(self, request: Request) -> Response:
        """`{"voice": id, name or null}`."""
        wish = await self._json(request)
        if "voice" not in wish:
            raise BadRequest(
                "'voice' is missing: a voice's id or name, or null.", param="voice", code="missing_field"
            )
        wanted = wish["voice"]
        if wanted is not None and not isinstance(wanted, str):
            raise BadRequest("'voice' is a voice's id or name, or null.", param="voice", code="invalid_type")
        await self._library.set_default(self._library.get(wanted) if wanted else None)
        return await self.show_default(request)

    # in here

    def _found(self, request: Request) -> LibraryVoice:
        wanted = request.path_params["id"]
        try:
            return self._library.get(wanted)
        except NotFound:
            if any(model.catalogue.has(wanted) for model in self._node.models.values()):
                raise Conflict(
                    f"{wanted!a:.80} is a voice that an engine has of its own: it has no recording, and cannot be "
                    "changed or deleted.",
                    param="id",
                    code="voice_builtin",
                ) from None
            raise

    def _meant(self, request: Request) -> LibraryVoice:
        """Who is to be changed or deleted: by id or name, for an alias may mean another's own voice."""
        voice, wanted = self._found(request), request.path_params["id"]
        if self._library.find(wanted) is None:
            raise Conflict(
                f"{wanted!a:.80} is an alias of {voice.name!r} ({voice.id}): use that id or name.",
                param="id",
                code="voice_alias",
            )
        return voice

    async def _json(self, request: Request) -> dict[str, Any]:  # JSON edge
        body = await read_body(request.scope, request.receive, _JSON_BYTES, self._body_timeout_s)
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise BadRequest("The body must be a JSON object.", code="invalid_json") from exc

    def _row(self, voice: LibraryVoice) -> dict[str, Any]:  # JSON edge
        default = self._library.default
        return {
            "object": "audio.voice",
            "id": voice.id,
            "name": voice.name,
            "created_at": voice.created_at,
            "language": voice.language,
            "gender": voice.gender,
            "engine": None,
            "engines": [model.descriptor.id for model in self._node.models.values() if _can_use(model, voice)],
            "builtin": False,
            "hash": voice.hash,
            "duration_s": voice.duration_s,
            "aliases": voice.aliases,
            "default": default is not None and default.id == voice.id,
            "warnings": voice.warnings,
        }


def _can_use(model: Model, voice: LibraryVoice) -> bool:
    cloning = model.descriptor.cloning
    return cloning is not None and voice.duration_s >= cloning.min_s


def _file(data: bytes, media_type: str, voice: LibraryVoice) -> Response:
    headers = {
        "X-TTS-Voice": voice.id,
        "X-TTS-Voice-Hash": voice.hash,
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": "attachment" if media_type == "application/octet-stream" else "inline",
    }
    return Response(data, 200, headers, media_type)
