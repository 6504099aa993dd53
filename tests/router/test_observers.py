"""Several observers as one, and the one that writes the log."""

import logging

import pytest
from fakes import RecordingObserver, chat_card

from router.domain import Modality, ProviderCard
from router.health import HostState, ProviderState
from router.observers import LogObserver, Mutable, Observers
from router.ports import Record

FOUND = ProviderCard("ollama", "openai", "h", frozenset({Modality.CHAT}), is_discovered=True)


def test_everybody_is_told_everything() -> None:
    """In turn."""
    members = [RecordingObserver(), RecordingObserver()]
    observers = Observers(members)
    record = Record("id", "chat", 0.0)
    observers.request_started(record)
    observers.request_finished(record)
    observers.attempt_finished("p", "ok")
    observers.failed_over("chat", "p", "q", "r")
    observers.provider_changed(chat_card("p"), ProviderState.UP, "d")
    observers.host_changed("h", HostState.SUSPECT)
    observers.modality_changed(Modality.CHAT, is_available=True)
    observers.states_forgotten()
    observers.loop_lagged(0.5)
    observers.charged("p", 0.5, 7)
    assert [[("p", 0.5, 7)]] * len(members) == [member.charges for member in members]
    assert [1] * len(members) == [member.forgettings for member in members]
    for member in members:
        assert ([record], [record], [("p", "ok")], [("chat", "p", "q", "r")]) == (
            member.started,
            member.finished,
            member.attempts,
            member.failovers,
        )
        assert ([("p", ProviderState.UP, "d")], [("h", HostState.SUSPECT)], [(Modality.CHAT, True)], [0.5]) == (
            member.providers,
            member.hosts,
            member.modalities,
            member.lags,
        )


def _fields(entry: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(entry, "fields")  # noqa: B009  no attribute that the type knows
    return fields


@pytest.mark.parametrize(("cost", "told"), [(0.0, None), (0.00123456789, 0.00123457)])
def test_what_a_request_cost_is_in_its_line(
    cost: float, told: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    """When it cost something."""
    record = Record("id", "speech", 1.0, finished=1.5)
    record.cost = cost
    with caplog.at_level(logging.INFO, "router.access"):
        LogObserver().request_finished(record)
    assert told == _fields(caplog.records[0]).get("cost")


def test_a_request_is_one_line_with_its_figures(caplog: pytest.LogCaptureFixture) -> None:
    """Who, what, by whom, how long; never what was said."""
    record = Record("id", "speech", 1.0, "desk", "m" * 200, "p", finished=1.5, first_byte=1.25)
    record.attempts, record.status = 2, 200
    record.audio_s, record.generation_s, record.reasons = 2.0, 0.5, ["provider_timeout"]
    with caplog.at_level(logging.INFO, "router.access"):
        LogObserver().request_finished(record)
    assert [
        {
            "id": "id",
            "endpoint": "speech",
            "outcome": "ok",
            "status": 200,
            "client": "desk",
            "model": "m" * 100,
            "provider": "p",
            "attempts": 2,
            "ms": 500.0,
            "first_byte_ms": 250.0,
            "audio_s": 2.0,
            "generation_s": 0.5,
            "faults": ["provider_timeout"],
        }
    ] == [_fields(entry) for entry in caplog.records]


@pytest.mark.parametrize(
    ("endpoint", "outcome", "level"),
    [("other", "ok", "DEBUG"), ("other", "caller_not_found", "INFO"), ("chat", "ok", "INFO")],
)
def test_scrapes_are_quiet(endpoint: str, outcome: str, level: str, caplog: pytest.LogCaptureFixture) -> None:
    """A probe a second would drown everything else."""
    with caplog.at_level(logging.DEBUG, "router.access"):
        LogObserver().request_finished(Record("id", endpoint, 0.0, outcome=outcome))
    assert [level] == [entry.levelname for entry in caplog.records]


@pytest.mark.parametrize(
    ("changes", "levels"),
    [
        ([(chat_card("p"), ProviderState.UNKNOWN)], ["DEBUG"]),
        ([(chat_card("p"), ProviderState.DOWN)], ["INFO"]),
        ([(FOUND, ProviderState.DOWN)], ["DEBUG"]),
        ([(FOUND, ProviderState.UP), (FOUND, ProviderState.DOWN)], ["INFO", "INFO"]),
    ],
    ids=["unknown", "configured", "nobody there", "found and lost"],
)
def test_changes_of_health_that_are_news(
    changes: list[tuple[ProviderCard, ProviderState]], levels: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody expects a server on every usual port."""
    observer = LogObserver()
    with caplog.at_level(logging.DEBUG, "router.health"):
        for card, state in changes:
            observer.provider_changed(card, state, "d")
    assert levels == [entry.levelname for entry in caplog.records]


@pytest.mark.parametrize(("lag_s", "lines"), [(0.1, 0), (0.3, 1)])
def test_only_a_long_lag_is_worth_a_line(lag_s: float, lines: int, caplog: pytest.LogCaptureFixture) -> None:
    """The histogram has the others."""
    LogObserver().loop_lagged(lag_s)
    assert lines == len(caplog.records)


def test_failovers_and_failed_attempts_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The first as a warning, the second for who looks closely; a good attempt not at all."""
    observer = LogObserver()
    with caplog.at_level(logging.DEBUG, "router.access"):
        observer.failed_over("chat", "p", "q", "r")
        observer.attempt_finished("p", "provider_timeout")
        observer.attempt_finished("p", "ok")
    assert ["WARNING", "DEBUG"] == [entry.levelname for entry in caplog.records]


def test_once_muted_nothing_is_told_of_states_but_requests_still_are() -> None:
    """A wing that retires finishes its requests; what it sees of its providers is no longer the house's state."""
    member = RecordingObserver()
    observer, record = Mutable(member), Record("id", "chat", 0.0)
    told = []
    for _ in range(2):
        observer.provider_changed(chat_card("p"), ProviderState.UP, "d")
        observer.host_changed("h", HostState.SUSPECT)
        observer.modality_changed(Modality.CHAT, is_available=True)
        observer.request_finished(record)
        observer.attempt_finished("p", "ok")
        states = [len(member.providers), len(member.hosts), len(member.modalities)]
        told.append((states, len(member.finished), len(member.attempts)))
        observer.mute()
    assert [([1, 1, 1], 1, 1), ([1, 1, 1], 2, 2)] == told


def test_what_was_said_is_in_the_line_only_when_the_record_has_it(caplog: pytest.LogCaptureFixture) -> None:
    """`server.log_text` decides whether it has."""
    with caplog.at_level(logging.INFO, "router.access"):
        for text in ("", "Hello there."):
            LogObserver().request_finished(Record("id", "speech", 0.0, text=text))
    assert [None, "Hello there."] == [_fields(entry).get("text") for entry in caplog.records]
