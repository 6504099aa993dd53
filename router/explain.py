"""A dry run of routing: every candidate for a model and a voice, in order, with its reason."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from router.catalogue import SUBSTITUTE_MODEL_TIER, Catalogue
from router.domain import Modality, Route, Substitution
from router.errors import ClientError, NotFound
from router.roster import Roster
from router.selection import Candidate, Need
from router.speech.substitution import SUBSTITUTE_VOICE_TIER, VoiceMatch, permitted
from router.speech.voices import VoiceBook


@dataclass(frozen=True, slots=True)
class Explained:
    """One candidate, as it would be treated now. `tier` is the configured one; `substitution` says in words what
    would differ from what was asked for, None when nothing would."""

    provider: str
    model: str
    tier: int
    is_eligible: bool
    reason: str
    substitutes: tuple[str, ...]
    substitution: str | None = None

    def as_json(self) -> Mapping[str, object]:
        return {
            "provider": self.provider,
            "model": self.model,
            "tier": self.tier,
            "eligible": self.is_eligible,
            "reason": self.reason,
            "substitutes": self.substitutes,
            "substitution": self.substitution,
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
    known: dict[str, VoiceMatch] = {}
    if modality is Modality.SPEECH and voice is not None:
        voices.check_known(voice, [route.provider for route in routes])
        matches = [(route, voices.match(voice, route.provider, route.model)) for route in routes]
        allowed = permitted(voices.policy(voice) or policy, matches)
        known = {route.provider: match for route, match in matches}
        names = {route.provider for route in allowed}
        refused = [_refused(route, match) for route, match in matches if route.provider not in names]
        routes = allowed
    candidates = roster.order(routes, Need(catalogue.max_wait_s(modality, model)))
    return [_candidate(each, known.get(each.route.provider)) for each in candidates] + refused


def _candidate(candidate: Candidate, match: VoiceMatch | None) -> Explained:
    route = _as_configured(candidate.route)
    reason = msgspec.structs.replace(candidate, route=route).reason
    return _explained(route, candidate.is_eligible, reason, match)


def _refused(route: Route, match: VoiceMatch) -> Explained:
    reason = f"the substitution policy does not let it speak (voice {match})"
    return _explained(_as_configured(route), False, reason, match)


def _explained(route: Route, is_eligible: bool, reason: str, match: VoiceMatch | None) -> Explained:
    return Explained(
        route.provider, route.model, route.tier, is_eligible, reason, route.substitutes, _in_words(route, match)
    )


def _as_configured(route: Route) -> Route:
    """The route with the tier that the configuration gives it: substitutes are put behind all others by adding to
    theirs, which means nothing to a person."""
    behind = SUBSTITUTE_MODEL_TIER if "model" in route.substitutes else 0
    behind += SUBSTITUTE_VOICE_TIER if "voice" in route.substitutes else 0
    return msgspec.structs.replace(route, tier=route.tier - behind)


def _in_words(route: Route, match: VoiceMatch | None) -> str | None:
    """What a substitute would change. A mapped voice alone is none: the configuration says that it is the one."""
    if not route.substitutes:
        return None
    words = ["another engine"] if "model" in route.substitutes else []
    if "voice" in route.substitutes:
        words.append("its own default voice")
    elif match is not None:
        words.append("the voice mapped for it" if match is VoiceMatch.MAPPED else "the same voice")
    return " with ".join(words)


def _modality(catalogue: Catalogue, model: str | None, voice: str | None) -> Modality:
    if voice is not None or model is None:
        return Modality.SPEECH
    try:
        catalogue.resolve(Modality.CHAT, model)
    except NotFound as unknown_chat:
        for modality in (Modality.SPEECH, Modality.TRANSCRIPTION):
            with contextlib.suppress(ClientError):
                catalogue.resolve(modality, model)
                return modality
        raise unknown_chat from None
    return Modality.CHAT
