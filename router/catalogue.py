"""What a model name means: the routes behind it. Pure given what the providers have reported.

A name is looked up in this order: a configured model; `provider/model`, split at the first slash and only when
the prefix is a provider (`hf.co/x/y` exists); what live providers report. A model that several providers
report is one model with several routes. Another chat model is never substituted. For speech the other engines
follow, marked as substitutes; `speech/substitution.py` decides which of them may speak. A provider that bills is
never among them, and where others report an engine too, only they are meant by its name: what costs money is for
who configured it, or asks for it.

For transcription OpenAI's names and none mean the default. Where nobody configured one, each provider that
transcribes and charges nothing serves it with the model that it seems to have for that: a server that also chats
or speaks lists all its models alike, so their names have to tell.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Final, Protocol

from msgspec.structs import replace

from router.config.settings import ModelSettings, SpeechSettings, TranscriptionSettings
from router.domain import Modality, Model, ProviderCard, Route
from router.errors import InvalidRequest, NotFound
from router.spellings import Spellings, tagged, untagged

OPENAI_SPEECH_MODELS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
OPENAI_TRANSCRIPTION_MODELS: Final = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")
# Names of models that write down what is said, such as Systran/faster-whisper-small or nvidia/parakeet-tdt.
_TRANSCRIBES: Final = re.compile(
    r"whisper|transcri|parakeet|canary|sensevoice|paraformer|moonshine|voxtral|(?<![a-z])(asr|stt)(?![a-z])",
    re.IGNORECASE,
)
_YOUR_OWN: Final = "whisper-1"  # what a server that lists nothing takes for the model it has
DEFAULT_MAX_WAIT_S: Final = 2.0
SUBSTITUTE_MODEL_TIER: Final = 10_000  # behind every configured tier
_NAMED: Final = 20  # of the names there are, where none looks like the one that was asked for


class Reports(Protocol):
    """What providers have said of themselves."""

    @property
    def revision(self) -> int:
        """Another number when anything they said of their models has changed."""

    def models_of(self, provider: str) -> Mapping[str, Model]: ...


def _everything(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of the model list: a name, what it serves, and the providers behind it."""

    id: str
    modality: Modality
    providers: tuple[str, ...]


class Catalogue:
    """Resolves names. Holds settings and cards; reads what providers report, anew when that has changed."""

    def __init__(
        self,
        cards: Mapping[str, ProviderCard],
        models: Mapping[str, ModelSettings],
        speech: SpeechSettings,
        reports: Reports,
        transcription: TranscriptionSettings | None = None,
    ) -> None:
        self._cards = cards
        self._speech = speech
        self._default_transcription = (transcription or TranscriptionSettings()).default_model
        self._reports = reports
        self._known_chats: dict[str, Sequence[Route]] = {}  # what names meant, while nobody reports anything new
        self._known_at = -1
        self._listed: Sequence[Listed] = ()  # likewise
        self._spellings: dict[Modality, Spellings] = {}
        self._listed_at = -1
        self._max_waits = {name: model.max_wait_s for name, model in models.items()}
        # A provider that is switched off takes its routes with it; the name stays known.
        self._configured = {
            name: (model.serves, tuple(self._configured_routes(name, model))) for name, model in models.items()
        }

    def resolve(
        self, modality: Modality, name: str | None, may_see: Callable[[str], bool] = _everything
    ) -> Sequence[Route]:
        """The routes that serve `name`, unordered. Raises NotFound with close matches, InvalidRequest without
        a chat model's name; both name only what the asker `may_see`."""
        if modality is Modality.SPEECH:
            return self._resolve_speech(name, may_see)
        if modality is Modality.TRANSCRIPTION:
            return self._resolve_transcription(name, may_see)
        if self._known_at != self._reports.revision:
            self._known_chats.clear()
            self._known_at = self._reports.revision
        routes = self._known_chats.get(name or "")
        if routes is None:
            routes = self._resolve_chat(name, may_see)
            if name and name.partition("/")[0] not in self._cards:  # of `provider/anything` there is no end
                self._known_chats[name] = routes
        return routes

    def _resolve_chat(self, name: str | None, may_see: Callable[[str], bool]) -> Sequence[Route]:
        modality = Modality.CHAT
        if not name:
            raise InvalidRequest(
                f'Which model? Say "model" in the body. Known: {self._known_in_words(modality, may_see)}.',
                param="model",
                code="model_required",
            )
        routes = self._exact(modality, name)
        if not routes and not self._is_configured(modality, name):
            raise self._unknown(modality, name, may_see)
        return routes

    def speech_name(self, name: str | None) -> str:
        """What a speech model's name means: none, and OpenAI's, mean the default."""
        return self._speech.default_model if not name or name in OPENAI_SPEECH_MODELS else name

    def transcription_name(self, name: str | None) -> str:
        """What a transcription model's name means: none, and OpenAI's, mean the default."""
        return self._default_transcription if not name or name in OPENAI_TRANSCRIPTION_MODELS else name

    def max_wait_s(self, modality: Modality, name: str | None) -> float:
        """How long a tier's first output of `name` may be predicted to take before the next tier serves."""
        if modality is Modality.CHAT:
            return self._max_waits.get(name or "") or DEFAULT_MAX_WAIT_S
        if modality is Modality.TRANSCRIPTION:
            return self._max_waits.get(self.transcription_name(name)) or DEFAULT_MAX_WAIT_S
        return self._max_waits.get(self.speech_name(name)) or self._speech.max_wait_s

    def hears(self, routes: Sequence[Route]) -> bool:
        """Whether every model behind them takes recordings in itself."""
        return _all_match(routes, lambda route: self._cards[route.provider].hears)

    def speaks(self, routes: Sequence[Route]) -> bool:
        """Whether every model behind them answers aloud itself."""
        return _all_match(routes, lambda route: self._cards[route.provider].speaks)

    def listed(self) -> Sequence[Listed]:
        """Every name a client may use, configured ones first. The same list while nobody reports anything new."""
        revision = self._reports.revision
        if self._listed_at != revision:
            self._listed = self._all_listed()
            self._spellings.clear()
            self._listed_at = revision
        return self._listed

    def _all_listed(self) -> Sequence[Listed]:
        entries = {
            name: Listed(name, modality, tuple(route.provider for route in routes))
            for name, (modality, routes) in self._configured.items()
            if routes
        }
        reported: dict[str, list[ProviderCard]] = {}
        for card in self._cards.values():
            for model in self._reports.models_of(card.id):
                reported.setdefault(model, []).append(card)
        for name, cards in _each_once(reported).items():
            if name not in entries:
                modality = _modality_of(cards[0], name)
                entries[name] = Listed(name, modality, tuple(card.id for card in cards))
        return list(entries.values())

    def _configured_routes(self, name: str, model: ModelSettings) -> Iterable[Route]:
        for route in model.routes:
            card = self._cards.get(route.provider)
            if card is not None:
                tier = card.tier if route.tier is None else route.tier
                yield Route(route.provider, route.model or name, tier)

    def _exact(self, modality: Modality, name: str) -> list[Route]:
        if self._is_configured(modality, name):
            return [self._as_reported(route) for route in self._configured[name][1]]
        prefix, slash, rest = name.partition("/")
        card = self._cards.get(prefix)
        if slash and rest and card is not None and modality in card.modalities:
            return [self._as_reported(Route(prefix, rest, card.tier))]
        return list(self._reported(modality, name))

    def _as_reported(self, route: Route) -> Route:
        """With the model's name as its provider spells it: only so is its state known."""
        known = self._reports.models_of(route.provider)
        if route.model in known:
            return route
        other = next((name for name in _spellings(route.model) if name in known), None)
        return route if other is None else replace(route, model=other)

    def _is_configured(self, modality: Modality, name: str) -> bool:
        return name in self._configured and self._configured[name][0] is modality

    def _reported(self, modality: Modality, name: str) -> Iterable[Route]:
        routes = list(self._reported_by_all(modality, name))
        free = [route for route in routes if not self._cards[route.provider].is_billed]
        return free if free and modality is Modality.SPEECH else routes

    def _reported_by_all(self, modality: Modality, name: str) -> Iterable[Route]:
        for card in self._cards.values():
            if modality not in card.modalities:
                continue
            models = self._reports.models_of(card.id)
            for spelling in _spellings(name):
                if spelling in models:
                    yield Route(card.id, spelling, card.tier)
                    break

    def _resolve_speech(self, name: str | None, may_see: Callable[[str], bool]) -> list[Route]:
        wanted = self.speech_name(name)
        routes = self._exact(Modality.SPEECH, wanted)
        is_default = wanted == self._speech.default_model
        if not routes and not is_default and not self._is_configured(Modality.SPEECH, wanted):
            raise self._unknown(Modality.SPEECH, wanted, may_see)
        taken = {route.provider for route in routes}
        substitutes = () if is_default and not routes else ("model",)
        return routes + [r for r in self._any_speech(substitutes) if r.provider not in taken]

    def _any_speech(self, substitutes: tuple[str, ...]) -> Iterable[Route]:
        """One route to each speech provider that charges nothing, with the first engine it reports."""
        for card in self._cards.values():
            if Modality.SPEECH in card.modalities and not card.is_billed:
                engine = next(iter(self._reports.models_of(card.id)), "")
                tier = card.tier + SUBSTITUTE_MODEL_TIER if substitutes else card.tier
                yield Route(card.id, engine, tier, substitutes)

    def _resolve_transcription(self, name: str | None, may_see: Callable[[str], bool]) -> list[Route]:
        modality, wanted = Modality.TRANSCRIPTION, self.transcription_name(name)
        if not any(modality in card.modalities for card in self._cards.values()):
            raise _nobody_transcribes()
        routes = self._exact(modality, wanted)
        if routes or self._is_configured(modality, wanted):
            return routes
        if wanted == self._default_transcription:
            routes = list(self._any_transcription(name))
            if not routes and name and may_see(name):  # OpenAI's name, of OpenAI
                routes = self._exact(modality, name)
        if not routes:
            raise self._unknown(modality, name or wanted, may_see)
        return routes

    def _any_transcription(self, name: str | None) -> Iterable[Route]:
        """One route to each provider that transcribes and charges nothing."""
        for card in self._cards.values():
            if Modality.TRANSCRIPTION not in card.modalities or card.is_billed:
                continue
            models = list(self._reports.models_of(card.id))
            likely = [model for model in models if _TRANSCRIBES.search(model)]
            model = name if name in models else next(iter([*likely, *models]), _YOUR_OWN)
            yield Route(card.id, model or _YOUR_OWN, card.tier)

    def _known(self, modality: Modality) -> Spellings:
        listed = self.listed()
        if modality not in self._spellings:
            self._spellings[modality] = Spellings([each.id for each in listed if each.modality is modality])
        return self._spellings[modality]

    def _known_in_words(self, modality: Modality, may_see: Callable[[str], bool]) -> str:
        return ", ".join(islice(filter(may_see, self._known(modality).names), _NAMED)) or "none yet"

    def _unknown(self, modality: Modality, name: str, may_see: Callable[[str], bool]) -> NotFound:
        close = self._known(modality).close_to(name, may_see)
        hint = (
            f"Did you mean {' or '.join(close)}?"
            if close
            else f"Known: {self._known_in_words(modality, may_see)}."
        )
        return NotFound(f"No model is called {name[:200]!r}. {hint}", param="model", code="model_not_found")


def _nobody_transcribes() -> NotFound:
    return NotFound(
        "No provider transcribes here. Add one to the configuration: a speech-to-text server with an OpenAI API, "
        "as `kind: openai` with `serves: [transcription]`.",
        param="model",
        code="transcription_unavailable",
    )


def _spellings(name: str) -> Iterable[str]:
    """Ollama lists `llama3` as `llama3:latest`, and its clients ask for that, wherever the model is."""
    return dict.fromkeys((name, tagged(name), untagged(name)))


def _each_once(reported: Mapping[str, list[ProviderCard]]) -> Mapping[str, list[ProviderCard]]:
    """The models by name: `m:latest` is `m`, where another server calls it so."""
    merged = dict(reported)
    for name, cards in reported.items():
        bare = untagged(name)
        if bare != name and bare in merged:
            merged[bare] = list(dict.fromkeys([*merged[bare], *cards]))
            del merged[name]
    return merged


def _all_match(routes: Sequence[Route], patterns: Callable[[Route], Sequence[str]]) -> bool:
    return bool(routes) and all(any(fnmatchcase(r.model, each) for each in patterns(r)) for r in routes)


def _modality_of(card: ProviderCard, model: str) -> Modality:
    """What a model that `card` reports is for. Servers of several things do not say it."""
    if len(card.modalities) == 1:
        return next(iter(card.modalities))
    if Modality.TRANSCRIPTION in card.modalities and _TRANSCRIBES.search(model):
        return Modality.TRANSCRIPTION
    return Modality.CHAT if Modality.CHAT in card.modalities else Modality.SPEECH
