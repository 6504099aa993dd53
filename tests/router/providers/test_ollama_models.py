"""Which models an Ollama has, and which of them are loaded."""

import pytest

from router.providers.ollama_models import (
    LISTED_EVERY_S,
    LOADS_AT_MOST_S,
    Loaded,
    OllamaModels,
    Running,
    Tag,
)

TAGS = [
    Tag("llama3.2:latest", capabilities=["completion", "tools"]),
    Tag("nomic:latest", capabilities=["embedding"]),
    Tag("big:cloud", remote_host="https://ollama.com"),
]


def running(*until: str) -> Running:
    """llama3.2, to be unloaded then; nothing when nothing is said."""
    return Running([Loaded("llama3.2:latest", moment) for moment in until])


def shelf() -> OllamaModels:
    """Looked at once, with nothing loaded."""
    models = OllamaModels()
    models.note_list(TAGS, 0.0)
    models.note_running(running(), 0.0)
    return models


def state_of(models: OllamaModels, now: float, name: str = "llama3.2:latest") -> tuple[str | None, float | None]:
    told = {each.id: each for each in models.told(now)}
    return told[name].state, told[name].eta_s


def test_what_is_not_running_is_cold() -> None:
    """But for what Ollama's cloud serves, which is never listed among what runs."""
    models = shelf()
    states = {each.id: each.state for each in models.told(0.0)}
    assert {"llama3.2:latest": "cold", "nomic:latest": "cold", "big:cloud": "up"} == states
    assert (True, False) == (models.is_cold("llama3.2:latest"), models.is_cold("big:cloud"))


def test_what_runs_already_at_the_first_look_is_up() -> None:
    """It was loaded before; until when it stays is told."""
    models = OllamaModels()
    models.note_list([Tag("llama3.2")], 0.0)  # without its tag: the same
    models.note_running(Running([Loaded("llama3.2", "2026-01-01T00:00:00Z")]), 0.0)
    (told,) = models.told(0.0)
    assert ("up", "2026-01-01T00:00:00Z") == (told.state, told.loaded_until)


def test_a_moment_that_moves_is_a_model_that_loads() -> None:
    """Until it stays the same, which it does from the first answer's end on."""
    models = shelf()
    for second in range(1, 4):
        models.note_running(running(f"moment {second}"), float(second))
        assert ("loading", None) == state_of(models, float(second))
    models.note_running(running("moment 3"), 4.0)
    assert "up" == state_of(models, 4.0)[0]


def test_an_answer_shows_that_it_is_loaded() -> None:
    """Whatever the moment does; a load that takes for ever is an answer that takes long."""
    models = shelf()
    models.note_running(running("1"), 1.0)
    assert "loading" == state_of(models, 1.0)[0]
    models.note_answer("llama3.2:latest")
    assert "up" == state_of(models, 1.0)[0]
    models.note_running(running("2"), 2.0)
    assert "up" == state_of(models, 2.0)[0]
    models = shelf()
    models.note_running(running("1"), 1.0)
    assert "up" == state_of(models, 1.0 + LOADS_AT_MOST_S)[0]


def test_a_load_is_learnt() -> None:
    """How long it took is how long the next one takes; while it loads, what is left of that."""
    models = shelf()
    models.note_answer("llama3.2:latest", 8.0)
    models.note_running(running(), 20.0)  # unloaded
    assert ("cold", 8.0) == state_of(models, 20.0)
    models.note_running(running("1"), 21.0)
    assert ("loading", 6.0) == state_of(models, 23.0)
    assert ("loading", 0.0) == state_of(models, 40.0)
    models.note_answer("llama3.2:latest", 4.0)
    models.note_running(running(), 50.0)
    assert ("cold", 6.0) == state_of(models, 50.0)


def test_a_load_of_what_nobody_lists_is_not_remembered() -> None:
    """A client may name anything."""
    models = shelf()
    models.note_answer("made-up:latest", 3.0)
    models.note_list([*TAGS, Tag("made-up:latest")], 1.0)
    models.note_running(running(), 1.0)
    assert ("cold", None) == state_of(models, 1.0, "made-up:latest")


@pytest.mark.parametrize(
    ("runs", "now", "expected"),
    [
        ("llama3.2:latest", 1.0, False),
        ("llama3.2", 1.0, False),
        ("new:latest", 1.0, True),
        ("llama3.2:latest", LISTED_EVERY_S, True),
    ],
)
def test_when_the_list_is_read_again(runs: str, now: float, *, expected: bool) -> None:
    """When it is old, or when something runs that is not in it."""
    assert expected is shelf().must_list(Running([Loaded(runs)]), now)


def test_it_is_read_again_when_a_model_was_missing_and_after_a_silence() -> None:
    """Somebody removed it, or another server answers now."""
    models = shelf()
    assert not models.must_list(running(), 0.0)
    models.note_missing()
    assert models.must_list(running(), 0.0)
    models = shelf()
    models.forget()
    assert models.must_list(running(), 0.0)
    assert not models.is_cold("llama3.2:latest")  # nobody knows


def test_what_chats() -> None:
    """What is known to embed only does not, and is not the usual one."""
    models = OllamaModels()
    models.note_list([TAGS[1], TAGS[0]], 0.0)
    assert (False, True, True) == tuple(
        models.can_chat(n) for n in ("nomic:latest", "llama3.2:latest", "x:latest")
    )
    assert "llama3.2:latest" == models.usual()
