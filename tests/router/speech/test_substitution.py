"""Who may speak in place of whom: the whole table."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.domain import Route, Substitution
from router.speech.substitution import SUBSTITUTE_VOICE_TIER, VoiceMatch, permitted

NONE, SAME_VOICE, MAPPED, ANY = Substitution
SAME, BY_MAP, MISSING = VoiceMatch
WANTED = Route("a", "turbo", 1)
OTHER = Route("b", "espeak", 10_002, ("model",))


@pytest.mark.parametrize(
    ("policy", "wanted", "other"),
    [
        (NONE, {SAME, BY_MAP}, set()),
        (SAME_VOICE, {SAME, BY_MAP}, {SAME}),
        (MAPPED, {SAME, BY_MAP}, {SAME, BY_MAP}),
        (ANY, {SAME, BY_MAP, MISSING}, {SAME, BY_MAP, MISSING}),
    ],
)
def test_who_may_speak(policy: Substitution, wanted: set[VoiceMatch], other: set[VoiceMatch]) -> None:
    """By policy: with which match of the voice the asked engine may speak, and with which another."""
    may = {route: {m for m in VoiceMatch if permitted(policy, [(route, m)])} for route in (WANTED, OTHER)}
    assert {WANTED: wanted, OTHER: other} == may


@pytest.mark.parametrize(
    ("route", "match", "expected"),
    [
        (WANTED, SAME, WANTED),
        (WANTED, BY_MAP, WANTED),
        (WANTED, MISSING, Route("a", "turbo", SUBSTITUTE_VOICE_TIER + 1, ("voice",))),
        (OTHER, SAME, OTHER),
        (OTHER, BY_MAP, OTHER),
        (OTHER, MISSING, Route("b", "espeak", SUBSTITUTE_VOICE_TIER + 10_002, ("model", "voice"))),
    ],
)
def test_what_is_told_of_a_substitution(route: Route, match: VoiceMatch, expected: Route) -> None:
    """A mapped voice is the asked one; a missing one stands in the route and behind every right one."""
    assert [expected] == permitted(ANY, [(route, match)])


def test_the_right_voice_comes_before_the_right_engine() -> None:
    """A familiar voice matters more, whatever the tiers."""
    engine, voice = Route("a", "turbo", 0), Route("b", "espeak", 11_000, ("model",))
    tiers = {route.provider: route.tier for route in permitted(ANY, [(engine, MISSING), (voice, SAME)])}
    assert ["b", "a"] == sorted(tiers, key=lambda name: tiers[name])


@given(st.lists(st.tuples(st.sampled_from([WANTED, OTHER]), st.sampled_from(VoiceMatch))))
def test_a_wider_policy_lets_everybody_speak_that_a_narrower_one_does(
    matches: list[tuple[Route, VoiceMatch]],
) -> None:
    """none ⊆ same_voice ⊆ mapped ⊆ any, in the order in which they came."""
    routes = [permitted(policy, matches) for policy in (NONE, SAME_VOICE, MAPPED, ANY)]
    for narrower, wider in itertools.pairwise(routes):
        left = iter(wider)
        assert all(route in left for route in narrower)
    assert len(matches) == len(routes[-1])
