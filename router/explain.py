"""A dry run of routing: every candidate for a model and a voice, in order, with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass

from router.catalogue import Catalogue
from router.domain import Modality, Route, Substitution
from router.errors import ClientError, NotFound
from router.roster import Roster
from router.speech.substitution import VoiceMatch, permitted
from router.speech.voices import VoiceBook


@dataclass(frozen=True, slots=True)
class Explained:
    """One candidate, as it would be treated now."""

    provider: str
    model: str
    tier: int
    is_eligible: bool
    reason: str
    substitutes: tuple[str, ...]

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
    catalogue: Catalogue,
    roster: Roster,
    voices: VoiceBook,
    policy: Substitution,
    model: str | None,
    voice: str | None,
) -> list[Explained]:
    """What would happen to a request for `model` (and `voice`, which makes it speech). Raises NotFound,
    InvalidRequest."""
    modality = _modality(catalogue, model, voice)
    routes = catalogue.resolve(modality, model)
    refused: list[Explained] = []
    if modality is Modality.SPEECH and voice is not None:
        voices.check_known(voice, [route.provider for route in routes])
        matches = [(route, voices.match(voice, route.provider, route.model)) for route in routes]
        allowed = permitted(voices.policy(voice) or policy, matches)
        names = {route.provider for route in allowed}
        refused = [_refused(route, match) for route, match in matches if route.provider not in names]
        routes = allowed
    candidates = roster.order(routes, catalogue.max_wait_s(modality, model))
    return [
        Explained(c.route.provider, c.route.model, c.route.tier, c.is_eligible, c.reason, c.route.substitutes)
        for c in candidates
    ] + refused


def _refused(route: Route, match: VoiceMatch) -> Explained:
    reason = f"the substitution policy does not let it speak (voice {match})"
    return Explained(route.provider, route.model, route.tier, False, reason, route.substitutes)


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
