"""What ElevenLabs' clients ask for besides speech: voices, models, who they are (REST v1 and v2 as its SDK 2.78.0
reads them; it checks nothing, so every field that it documents as required is there).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import quote

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from router.api.admission import Client
from router.api.dialects import ELEVENLABS
from router.api.documented.errors import errors
from router.api.elevenlabs_pages import Page, page_of
from router.api.elevenlabs_voices import PREMADE
from router.api.voices import VoicesView
from router.catalogue import Catalogue
from router.domain import Modality
from router.errors import NotFound
from router.speech.voices import ListedVoice

# Nothing is counted here: the largest number that every client can hold.
UNLIMITED: Final = 2**31 - 1
SETTINGS: Final[Mapping[str, object]] = {
    "stability": 0.5,
    "similarity_boost": 0.75,
    "style": 0.0,
    "use_speaker_boost": True,
    "speed": 1.0,
}


class ListsView(VoicesView, Protocol):
    """What these routes need of the house."""

    @property
    def catalogue(self) -> Catalogue: ...


ListsHouse = NamedDependency[SkipValidation[ListsView]]
Asked = Request[Any, Any, Any]
_ERRORS: Final = errors(404, 422, dialects=(ELEVENLABS,))


@get("/v1/voices", responses=_ERRORS, tags=["ElevenLabs"], sync_to_thread=False)
def list_voices(view: ListsHouse, request: Asked) -> dict[str, object]:
    """ElevenLabs' list of voices: all of them at once."""
    return {"voices": [_voice(entry, view, request) for entry in _listed(view)]}


@get("/v2/voices", responses=_ERRORS, tags=["ElevenLabs"], sync_to_thread=False)
def search_voices(view: ListsHouse, request: Asked) -> dict[str, object]:
    """The same in pages: `page_size` (1 to 100, else 10), `next_page_token`, `search`, `sort` (name or
    created_at_unix), `sort_direction`, `category`, `voice_type`, `voice_ids`, `gender`, `language` and
    `include_total_count`."""
    page: Page = page_of(request.scope.get("query_string", b""))
    voices = [_voice(entry, view, request) for entry in _listed(view)]
    found, next_token, count = page.cut(voices)
    answer = {"voices": found, "has_more": next_token is not None, "next_page_token": next_token}
    return answer | ({"total_count": count} if page.is_counted else {})


@get("/v1/voices/settings/default", responses=_ERRORS, tags=["ElevenLabs"], sync_to_thread=False)
def default_settings() -> dict[str, object]:
    """How a voice speaks when a request says nothing of it."""
    return dict(SETTINGS)


@get("/v1/voices/{voice:str}", responses=_ERRORS, tags=["ElevenLabs"], sync_to_thread=False)
def show_voice(view: ListsHouse, request: Asked, voice: FromPath[str]) -> dict[str, object]:
    """One voice."""
    return _voice(_find(voice, view), view, request)


@get("/v1/voices/{voice:str}/settings", responses=_ERRORS, tags=["ElevenLabs"], sync_to_thread=False)
def voice_settings(view: ListsHouse, voice: FromPath[str]) -> dict[str, object]:
    """How a voice speaks when a request says nothing of it: no voice here has settings of its own."""
    _find(voice, view)
    return dict(SETTINGS)


@get("/v1/user", responses=_ERRORS, tags=["ElevenLabs"], sync_to_thread=False)
def show_user(request: Asked) -> dict[str, object]:
    """Who asks: the name of the key."""
    return {
        "user_id": _client(request).name,
        "workspace_id": "local",
        "subscription": _subscription(),
        "is_new_user": False,
        "can_use_delayed_payment_methods": False,
        "is_onboarding_completed": True,
        "is_onboarding_checklist_completed": True,
        "created_at": 0,
        "seat_type": "workspace_admin" if _client(request).is_admin else "workspace_member",
        "first_name": _client(request).name,
    }


@get("/v1/user/subscription", responses=_ERRORS, tags=["ElevenLabs"], sync_to_thread=False)
def show_subscription() -> dict[str, object]:
    """What it may use: as much as it likes."""
    return _subscription()


handlers: Final = [
    list_voices,
    search_voices,
    default_settings,
    show_voice,
    voice_settings,
    show_user,
    show_subscription,
]


def models(view: ListsView, client: Client) -> list[dict[str, object]]:
    """`GET /v1/models` as ElevenLabs has it: the models that speak, no object around them."""
    limit = view.settings.speech.max_input_chars
    languages = [{"language_id": tag, "name": tag} for tag in sorted(set(_languages(view)))]
    return [
        {
            "model_id": name,
            "name": name,
            "description": f"Spoken by {', '.join(providers)}.",
            "can_be_finetuned": False,
            "can_do_text_to_speech": True,
            "can_do_voice_conversion": False,
            "can_use_style": True,
            "can_use_speaker_boost": False,
            "serves_pro_voices": False,
            "token_cost_factor": 0.0,
            "requires_alpha_access": False,
            "max_characters_request_free_user": limit,
            "max_characters_request_subscribed_user": limit,
            "maximum_text_length_per_request": limit,
            "languages": languages,
            "model_rates": {"character_cost_multiplier": 0.0},
            "concurrency_group": "standard",
        }
        for name, providers in _models(view, client)
    ]


def _models(view: ListsView, client: Client) -> Iterator[tuple[str, Sequence[str]]]:
    for entry in view.catalogue.listed():
        if entry.modality is Modality.SPEECH and client.may_use(entry.id):
            yield entry.id, entry.providers


def _languages(view: ListsView) -> Iterator[str]:
    for entry in _listed(view):
        if entry.voice.language:
            yield entry.voice.language.partition("-")[0].lower()


def _listed(view: VoicesView) -> list[ListedVoice]:
    cards = view.roster.cards
    return view.voices.listed([name for name, card in cards.items() if Modality.SPEECH in card.modalities])


def _find(wanted: str, view: VoicesView) -> ListedVoice:
    """By id, else by name. One of ElevenLabs' own that only has a stand-in here is no voice of this house."""
    listed = _listed(view)
    by_id = next((entry for entry in listed if entry.voice.id == wanted), None)
    found = by_id or next((entry for entry in listed if entry.voice.name == wanted), None)
    if found is None:
        premade = PREMADE.get(wanted)
        hint = f" Asked for {premade.name}, {premade.stand_in} speaks." if premade is not None else ""
        raise NotFound(
            f"A voice with voice_id {wanted[:200]!r} was not found.{hint}",
            param="voice_id",
            code="voice_not_found",
        )
    return found


def _voice(entry: ListedVoice, view: VoicesView, request: Asked) -> dict[str, object]:
    voice, library = entry.voice, entry.library
    labels = {"language": voice.language, "gender": voice.gender}
    language = (voice.language or "").partition("-")[0].lower()
    model = view.settings.speech.default_model
    return {
        "voice_id": voice.id,
        "name": voice.name,
        "category": "cloned" if library is not None else "premade",
        "labels": {name: value for name, value in labels.items() if value},
        "description": None,
        "preview_url": _preview_url(voice.id, request) if library is not None and view.copies else None,
        "settings": dict(SETTINGS),
        "high_quality_base_model_ids": [model],
        "verified_languages": [{"language": language, "model_id": model}] if language else [],
        "available_for_tiers": [],
        "samples": None,
        "sharing": None,
        "is_owner": library is not None,
        "is_legacy": False,
        "is_mixed": False,
        "created_at_unix": library.created_at if library is not None else None,
    }


def _preview_url(voice: str, request: Asked) -> str:
    """Absolute, by the name that the client knows this router by. On a router with keys it needs one."""
    return f"{str(request.base_url).rstrip('/')}/v1/audio/voices/{quote(voice, safe='')}/preview"


def _subscription() -> dict[str, object]:
    return {
        "tier": "local",
        "status": "active",
        "character_count": 0,
        "character_limit": UNLIMITED,
        "max_character_limit_extension": None,
        "max_credit_limit_extension": "unlimited",
        "can_extend_character_limit": False,
        "allowed_to_extend_character_limit": False,
        "next_character_count_reset_unix": None,
        "voice_slots_used": 0,
        "professional_voice_slots_used": 0,
        "voice_limit": UNLIMITED,
        "max_voice_add_edits": None,
        "voice_add_edit_counter": 0,
        "professional_voice_limit": 0,
        "can_extend_voice_limit": False,
        "can_use_instant_voice_cloning": False,
        "can_use_professional_voice_cloning": False,
        "currency": None,
        "billing_period": None,
        "character_refresh_period": None,
        "current_overage": {"amount": "0", "currency": "usd"},
        "open_invoices": [],
        "has_open_invoices": False,
    }


def _client(request: Asked) -> Client:
    client: Client = request.scope["router.client"]  # type: ignore[typeddict-item]  # put there by the entry
    return client
