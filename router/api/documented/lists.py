"""What lists and figures look like, for the OpenAPI document. The routes build plain objects; the tests hold those
to this."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType


class Health(msgspec.Struct):
    """The process lives."""

    status: Annotated[str, Meta(examples=["healthy"])]
    version: str


class Readiness(msgspec.Struct):
    """What can be served now."""

    status: Annotated[str, Meta(examples=["ready"])]
    chat: bool
    speech: bool
    transcription: bool


class ModelRow(msgspec.Struct):
    """A model; `state` is that of the best provider that has it."""

    id: str
    object: Annotated[str, Meta(examples=["model"])]
    created: int
    owned_by: str
    modality: Annotated[str, Meta(examples=["chat"])]
    state: Annotated[str, Meta(examples=["up"])]
    providers: list[str]


class ModelList(msgspec.Struct):
    """OpenAI's list."""

    object: Annotated[str, Meta(examples=["list"])]
    data: list[ModelRow]


class SpeechModelRow(msgspec.Struct):
    """A model that speaks."""

    id: str
    name: str


class SpeechModelList(msgspec.Struct):
    """The models that speak."""

    models: list[SpeechModelRow]


class LibraryVoiceRow(msgspec.Struct):
    """A voice of the library; `hash` is the SHA-256 of its recording."""

    object: Annotated[str, Meta(examples=["audio.voice"])]
    id: str
    name: str
    created_at: int
    language: str | None
    gender: str | None
    hash: str
    builtin: bool
    warnings: list[str]


class VoiceRow(msgspec.Struct):
    """A voice that a client may ask for. The last seven are of the library's; `nodes`: where its copies are."""

    id: str
    name: str
    language: str | None
    gender: str | None
    providers: list[str]
    object: str | UnsetType = UNSET
    created_at: int | UnsetType = UNSET
    hash: str | UnsetType = UNSET
    builtin: bool | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    nodes: dict[str, str] | UnsetType = UNSET


class VoiceList(msgspec.Struct):
    """The library's voices first."""

    voices: list[VoiceRow]


class VoiceDeleted(msgspec.Struct):
    """A voice that is gone."""

    object: Annotated[str, Meta(examples=["audio.voice.deleted"])]
    id: str
    deleted: bool


class ProviderRow(msgspec.Struct):
    """A provider and its state."""

    id: str
    kind: str
    host: str
    host_state: str
    state: str
    detail: str
    tier: int
    serves: list[str]
    in_flight: int
    models: list[str]
    discovered: bool


class ProviderList(msgspec.Struct):
    """Every provider."""

    providers: list[ProviderRow]


class ProviderState(msgspec.Struct):
    """The state that a provider is in now."""

    id: str
    state: str


class CandidateRow(msgspec.Struct):
    """A candidate for a model, and why it would be asked, or not."""

    provider: str
    model: str
    tier: int
    eligible: bool
    reason: str
    substitutes: list[str]
    substitution: str | None


class Explanation(msgspec.Struct):
    """A dry run."""

    model: str | None
    voice: str | None
    candidates: list[CandidateRow]


class Reloaded(msgspec.Struct):
    """The settings that take a restart to change."""

    status: Annotated[str, Meta(examples=["reloaded"])]
    takes_a_restart: list[str]


class Purged(msgspec.Struct):
    """How many were forgotten."""

    status: Annotated[str, Meta(examples=["purged"])]
    entries: int
