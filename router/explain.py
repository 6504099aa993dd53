"""A dry run of routing: every candidate for a model and a voice, in order, with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass

from router.catalogue import Catalogue
from router.domain import Modality
from router.errors import ClientError, NotFound
from router.roster import Roster
from router.speech.voices import VoiceBook


@dataclass(frozen=True, slots=True)
class Explained:
    """One candidate, as it would be treated now."""

    provider: str
    model: str
    tier: int
    is_eligible: bool
    reason: str
    substitutes: str | None

    def as_json(self) -> Mapping[str, object]:
        return {
            "provider": self.provider,
            "model": self.model,
            "tier": self.tier,
            "eligible": self.is_eligible,
            "reason": self.reason,
            "substitutes": self.substitutes,
        }


def explain(
    catalogue: Catalogue, roster: Roster, voices: VoiceBook, model: str | None, voice: str | None
) -> list[Explained]:
    """What would happen to a request for `model` (and `voice`, which makes it speech). Raises NotFound,
    InvalidRequest."""
    modality = _modality(catalogue, model, voice)
    routes = catalogue.resolve(modality, model)
    if voice is not None:
        voices.check_known(voice, [route.provider for route in routes])
    explained = []
    for candidate in roster.order(routes):
        route = candidate.route
        has_voice = modality is Modality.CHAT or voices.has(voice, route.provider)
        explained.append(
            Explained(
                route.provider,
                route.model,
                route.tier,
                candidate.is_eligible and has_voice,
                candidate.reason if has_voice else f"has no voice {voice!r}",
                route.substitutes,
            )
        )
    return explained


def _modality(catalogue: Catalogue, model: str | None, voice: str | None) -> Modality:
    if voice is not None or model is None:
        return Modality.SPEECH
    try:
        catalogue.resolve(Modality.CHAT, model)
    except NotFound as unknown_chat:
        try:
            catalogue.resolve(Modality.SPEECH, model)
        except ClientError:
            raise unknown_chat from None
        return Modality.SPEECH
    return Modality.CHAT
