"""What to ask so that a provider of the person's own answers, and another could in its place."""

from collections.abc import Sequence
from typing import Final

from router.app import House
from router.domain import Modality, ProviderCard
from router.drill.answer import Kind, Question
from router.drill.load import aloud, chat, speech
from router.drill.process import CannotDrill
from router.drill.texts import SHORT
from router.errors import ClientError
from router.explain import Explained

_MAX_TOKENS: Final = 64
_ALOUD_TOKENS: Final = 256  # a model that thinks first has used up fewer before it says anything
_NO_CHATS: Final = ("embed", "rerank")  # in names of models that list beside those that chat


def part_of(house: House, name: str) -> tuple[ProviderCard, Sequence[Question]]:
    """What the provider is, and what to ask so that it answers. Raises CannotDrill."""
    card = house.roster.cards.get(name)
    if card is None:
        known = ", ".join(house.roster.cards) or "none"
        raise CannotDrill(f"no provider is called {name!r} here, or its address is empty; there are: {known}")
    standing = house.roster.standing(name)
    if not standing.is_available:
        detail = f" ({standing.detail})" if standing.detail else ""
        raise CannotDrill(f"{name} is {standing.state} already{detail}: there is nothing to unplug")
    questions: list[Question] = []
    problems = []
    for modality in sorted(card.modalities - {Modality.TRANSCRIPTION}):  # there is no load of recordings yet
        try:
            questions.append(_question(house, card, modality))
        except CannotDrill as exc:
            problems.append(str(exc))
    if not questions:
        raise CannotDrill("\n".join(problems))
    return card, questions


def aloud_of(house: House, card: ProviderCard, questions: Sequence[Question]) -> tuple[Question, ...]:
    """Chats that the provider would speak, streamed and whole, written by a model that stays while it is away.
    None where it does not speak, or nothing writes."""
    voice = next((question.document["model"] for question in questions if question.kind is Kind.SHORT), None)
    writer = _writer(house, card) if voice else None
    if writer is None:
        return ()
    return tuple(aloud(kind, "", writer, _ALOUD_TOKENS, voice) for kind in (Kind.ALOUD_SSE, Kind.ALOUD_JSON))


def _writer(house: House, card: ProviderCard) -> str | None:
    """A chat model that is up, and not on the provider's machine; the demo where there is no other."""
    listed = [each for each in house.catalogue.listed() if each.modality is Modality.CHAT]
    listed.sort(key=lambda each: any(house.roster.cards[name].is_demo for name in each.providers))
    names = [each.id for each in listed if not any(part in each.id.lower() for part in _NO_CHATS)]
    return next((name for name in names if _is_written_elsewhere(house, card, name)), None)


def _is_written_elsewhere(house: House, card: ProviderCard, name: str) -> bool:
    """Whether it costs nothing, too, and leaves the speaking to others."""
    able = [house.roster.cards[entry.provider] for entry in house.explain(name, None) if entry.is_eligible]
    return bool(able) and not any(each.host == card.host or each.is_billed or each.speaks for each in able)


def _question(house: House, card: ProviderCard, modality: Modality) -> Question:
    """One that this provider would be the first to answer, and somebody else the second. Raises CannotDrill."""
    why = f"{card.id} reports no model that it could be asked for"
    for model in _models(house, card, modality):
        try:
            able = [entry for entry in house.explain(model, None) if entry.is_eligible]
        except ClientError:
            continue
        if not able or able[0].provider != card.id:
            first = able[0].provider if able else "nobody"
            why = f"{model or 'speech'} would go to {first} now, not to {card.id}"
        elif len(able) == 1:
            why = _alone(card.id, model, modality, house.explain(model, None))
        elif modality is Modality.SPEECH:
            return speech(Kind.SHORT, SHORT[0], "", model or house.settings.speech.default_model)
        else:
            return chat(Kind.CHAT_SSE, model or "", max_tokens=_MAX_TOKENS)
    raise CannotDrill(why)


def _models(house: House, card: ProviderCard, modality: Modality) -> list[str | None]:
    """The default for speech, then the configured names that lead to this provider, then what it reports."""
    named = [
        name
        for name, model in house.settings.models.items()
        if model.serves is modality and any(route.provider == card.id for route in model.routes)
    ]
    default: list[str | None] = [None] if modality is Modality.SPEECH else []
    return [*default, *named, *house.roster.models_of(card.id)]


def _alone(name: str, model: str | None, modality: Modality, everyone: Sequence[Explained]) -> str:
    others = "; ".join(f"{entry.provider}: {entry.reason}" for entry in everyone if entry.provider != name)
    hint = f" ({others})" if others else f": no other route of {model or 'speech'} is configured"
    return f"nothing else can take over the {modality} of {name}{hint}"
