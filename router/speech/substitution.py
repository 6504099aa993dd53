"""Who may speak in place of whom. Pure.

| policy | another engine | another voice |
|---|---|---|
| none | no | no |
| same_voice | when it has the same voice | no |
| mapped | when it has the same voice or one that `voices` maps for it | no |
| any | yes | yes, the provider's own default |

Whoever has the right voice comes before whoever has the right engine: a familiar voice matters more.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from router.domain import Route, Substitution

SUBSTITUTE_VOICE_TIER: Final = 20_000  # behind every substituted engine


class VoiceMatch(StrEnum):
    """How a provider knows a voice."""

    SAME = "same"  # by its own name
    MAPPED = "mapped"  # by the name that `voices` maps for it
    MISSING = "missing"


def permitted(policy: Substitution, matches: Iterable[tuple[Route, VoiceMatch]]) -> list[Route]:
    """The routes that may speak, with what each substitutes."""
    routes = []
    for route, match in matches:
        if not _may_speak(policy, match, is_other_engine=bool(route.substitutes)):
            continue
        if match is VoiceMatch.MISSING:
            substitutes = (*route.substitutes, "voice")
            routes.append(
                msgspec.structs.replace(route, tier=route.tier + SUBSTITUTE_VOICE_TIER, substitutes=substitutes)
            )
        else:
            routes.append(route)
    return routes


def _may_speak(policy: Substitution, match: VoiceMatch, *, is_other_engine: bool) -> bool:
    if policy is Substitution.ANY:
        return True
    if match is VoiceMatch.MISSING:
        return False
    if not is_other_engine:
        return True
    if policy is Substitution.SAME_VOICE:
        return match is VoiceMatch.SAME
    return policy is Substitution.MAPPED
