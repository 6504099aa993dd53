"""The tables of health, every row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.health import (
    HOST_TABLE,
    MUTE_AFTER,
    RETURN_AFTER,
    STATE_SAID,
    HostSign,
    HostState,
    ProviderHealth,
    ProviderSign,
    ProviderState,
    next_host,
    next_provider,
)

R, S, U = HostState.REACHABLE, HostState.SUSPECT, HostState.UNREACHABLE
A, N, B, M = HostSign.ANSWERED, HostSign.SILENT, HostSign.BEAT, HostSign.MISSED


@pytest.mark.parametrize(
    ("state", "sign", "after"),
    [
        *[(R, A, R), (R, N, S), (S, A, R), (S, N, U), (U, A, S), (U, N, U)],
        *[(R, B, R), (S, B, R), (U, B, R)],
        *[(R, M, S), (S, M, S), (U, M, U)],
    ],
)
def test_host_table(state: HostState, sign: HostSign, after: HostState) -> None:
    """Two misses open a host's circuit, two answers close it; one beat closes it, and beats that stay away never
    open it."""
    assert after is next_host(state, sign)


def test_the_host_table_is_complete() -> None:
    """No state and sign are left undecided."""
    assert {(state, sign) for state in HostState for sign in HostSign} == set(HOST_TABLE)


@given(st.lists(st.sampled_from(HostSign)))
def test_a_host_remembers_no_more_than_two_signs(signs: list[HostSign]) -> None:
    """After two equal signs the past does not matter."""
    state = HostState.REACHABLE
    for sign in signs:
        state = next_host(state, sign)
    if signs[-2:] == [N, N]:
        assert state is U
    if signs[-2:] == [A, A] or signs[-1:] == [B]:
        assert state is R
    told = [sign for sign in signs if sign is not M]
    assert (state is U) <= (N in told[-2:])


P = ProviderState
G = ProviderSign
NO_WORDS = {G.SLOW, G.MUTE, G.STOPPED, G.FAULT}
WORDS = [
    (G.READY, P.UP),
    (G.COLD, P.COLD),
    (G.LOADING, P.LOADING),
    (G.YIELDED, P.YIELDED),
    (G.DRAINING, P.DRAINING),
]


def _at(state: ProviderState, streak: int = 0, mutes: int = 0) -> ProviderHealth:
    return ProviderHealth(state, 5.0, streak, mutes, "before")


@pytest.mark.parametrize("state", [state for state in P if state is not P.DOWN])
@pytest.mark.parametrize(("sign", "after"), WORDS)
def test_a_providers_own_word_is_believed_at_once(
    state: ProviderState, sign: ProviderSign, after: ProviderState
) -> None:
    """From every state but down; `since` moves only when the state does."""
    health = next_provider(_at(state), sign, "now", 9.0)
    assert ProviderHealth(after, 5.0 if after is state else 9.0, 1, 0, "now") == health


@pytest.mark.parametrize(("sign", "after"), WORDS)
def test_the_way_out_of_down_takes_two_good_signs(sign: ProviderSign, after: ProviderState) -> None:
    """In a row."""
    first = next_provider(_at(P.DOWN), sign, "now", 9.0)
    assert (P.DOWN, 1) == (first.state, first.good_streak)
    assert after is next_provider(first, sign, "now", 10.0).state


@pytest.mark.parametrize(("sign", "after"), WORDS)
def test_a_beat_brings_a_node_back_at_once_to_the_state_that_it_tells(
    sign: ProviderSign, after: ProviderState
) -> None:
    """Its own heartbeat is no accident of timing; it may be back cold, or yielded."""
    assert ProviderHealth(after, 9.0, 1, 0, "now") == next_provider(_at(P.DOWN), sign, "now", 9.0, is_beat=True)


@pytest.mark.parametrize("state", list(P))
@pytest.mark.parametrize("mutes", [0, 1])
def test_a_heart_that_stopped_is_believed_at_once(state: ProviderState, mutes: int) -> None:
    """The silence of the stream was the first sign, that of the touch the second."""
    health = next_provider(_at(state, 2, mutes), G.STOPPED, "silent", 9.0)
    assert ProviderHealth(P.DOWN, 5.0 if state is P.DOWN else 9.0, 0, 0, "silent") == health


@pytest.mark.parametrize("state", list(P))
def test_a_hard_fault_is_believed_at_once(state: ProviderState) -> None:
    """From every state."""
    health = next_provider(_at(state, 2), G.FAULT, "refused", 9.0)
    assert ProviderHealth(P.DOWN, 5.0 if state is P.DOWN else 9.0, 0, 0, "refused") == health


@pytest.mark.parametrize("state", list(P))
def test_slowness_changes_no_state(state: ProviderState) -> None:
    """Slow is not dead; it only breaks the row of good signs."""
    assert ProviderHealth(state, 5.0, 0, 0, "busy") == next_provider(_at(state, 1), G.SLOW, "busy", 9.0)


def test_a_slow_sign_starts_the_count_again() -> None:
    """Two good signs in a row are two in a row."""
    health = _at(P.DOWN)
    for sign in (G.READY, G.SLOW, G.READY):
        health = next_provider(health, sign, "", 9.0)
    assert (P.DOWN, 1) == (health.state, health.good_streak)


@pytest.mark.parametrize("state", list(P))
def test_the_second_mute_sign_in_a_row_is_a_hang(state: ProviderState) -> None:
    """One may be chance; a server that always answers at once has hung after two."""
    first = next_provider(_at(state, 1), G.MUTE, "mute", 9.0)
    assert ProviderHealth(state, 5.0, 0, 1, "mute") == first
    since = 5.0 if state is P.DOWN else 10.0
    assert ProviderHealth(P.DOWN, since, 0, 0, "mute") == next_provider(first, G.MUTE, "mute", 10.0)


@pytest.mark.parametrize(("between", "expected"), [(G.READY, P.UP), (G.COLD, P.COLD), (G.SLOW, P.DOWN)])
def test_a_word_between_two_mute_signs_parts_them(between: ProviderSign, expected: ProviderState) -> None:
    """In a row means without an answer in between; slowness is none."""
    health = _at(P.UP)
    for sign in (G.MUTE, between, G.MUTE):
        health = next_provider(health, sign, "", 9.0)
    assert expected is health.state


def test_what_was_mute_returns_with_two_good_signs() -> None:
    """As from any fault; a mute sign in between begins the row anew."""
    health, states = _at(P.DOWN), []
    for sign in (G.READY, G.MUTE, G.READY, G.READY):
        health = next_provider(health, sign, "", 9.0)
        states.append(health.state)
    assert [P.DOWN, P.DOWN, P.DOWN, P.UP] == states


def test_every_word_leads_somewhere() -> None:
    """SLOW, MUTE, STOPPED and FAULT are no words of the provider's own."""
    assert set(G) - NO_WORDS == set(STATE_SAID)


@given(st.lists(st.tuples(st.sampled_from(ProviderSign), st.floats(0.001, 10), st.booleans())))
def test_invariants_of_the_machine(history: list[tuple[ProviderSign, float, bool]]) -> None:
    """Whatever happens, in whatever order."""
    health, now = ProviderHealth(since=0.0), 0.0
    streak = mutes = 0
    for sign, passed, is_beat in history:
        now += passed
        was, health = health, next_provider(health, sign, str(sign), now, is_beat=is_beat)
        streak = 0 if sign in NO_WORDS else streak + 1
        if sign is not G.SLOW:
            mutes = mutes + 1 if sign is G.MUTE else 0
        has_hung = mutes == MUTE_AFTER
        mutes %= MUTE_AFTER
        assert health.mute_streak == mutes
        assert health.detail == sign
        assert health.good_streak == min(streak, RETURN_AFTER)
        assert (health.since == now) == (health.state is not was.state)
        assert health.state is not P.UNKNOWN or sign in {G.SLOW, G.MUTE}
        is_lost = has_hung or sign in {G.FAULT, G.STOPPED}
        if is_lost:
            assert health.state is P.DOWN
        if was.state is P.DOWN and health.state is not P.DOWN:
            assert is_beat or streak >= RETURN_AFTER
        if health.state is P.DOWN and was.state is not P.DOWN:
            assert is_lost


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (P.UNKNOWN, True),
        (P.UP, True),
        (P.COLD, True),
        (P.LOADING, True),
        (P.YIELDED, False),
        (P.DRAINING, False),
        (P.DOWN, False),
    ],
)
def test_which_states_are_available(state: ProviderState, expected: bool) -> None:
    """A cold provider loads its model on demand."""
    assert expected is state.is_available
