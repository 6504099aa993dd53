"""The names that clients give: how long they may be, what they cost, and what they let a client find out."""

import gc
import json
from typing import Any

import pytest
from entries import DESK, small_house
from fakes import chat_card
from houses import FakeHouse
from rosters import RosterHouse
from running import run

from router.api.admission import key_hash
from router.api.peek import MAX_NAME_CHARS
from router.domain import Modality, Route
from router.errors import Rejected
from router.tally import MAX_CIRCUITS

CHAT_ROUTES = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages"]
LONGEST, TOO_LONG = "llm/" + "x" * (MAX_NAME_CHARS - 4), "llm/" + "x" * (MAX_NAME_CHARS - 3)


@pytest.mark.parametrize("path", CHAT_ROUTES)
@pytest.mark.parametrize(("name", "status"), [(LONGEST, 200), (TOO_LONG, 400), ("llm/" + "x" * 10**6, 400)])
def test_a_chat_models_name_has_a_length(path: str, name: str, status: int) -> None:
    """Names are remembered and shown; a longer one is a 400 that names the field, and nobody is asked."""
    house = small_house()
    answer = run(house.ask("POST", path, json.dumps({"model": name}).encode()))
    assert (status, int(status == 200)) == (answer.status, len(house.upstream("llm").sent))
    if status == 400:
        error = answer.json["error"]
        # Anthropic's shape has neither.
        assert path == "/v1/messages" or (error["param"], error["code"]) == ("model", "name_too_long")
        assert len(answer.body) < 1000


@pytest.mark.parametrize("field", ["model", "voice"])
@pytest.mark.parametrize("as_object", [False, True])
def test_names_in_a_speech_request_have_a_length(field: str, as_object: bool) -> None:
    """The voice too, however it is spelt."""
    name: Any = "x" * (MAX_NAME_CHARS + 1)
    if as_object and field == "voice":
        name = {"id": name}
    answer = run(small_house().say(json.dumps({"input": "Hello.", field: name}).encode()))
    error = answer.json["error"]
    assert (400, field, "name_too_long") == (answer.status, error["param"], error["code"])


def test_a_provider_may_be_asked_for_anything_without_end() -> None:
    """Of `provider/anything` there is no end, and nothing of it is kept; what providers report is."""
    house = small_house()
    house.catalogue.resolve(Modality.CHAT, "m")
    for number in range(1000):
        assert [Route("llm", f"typo{number}", 1)] == house.catalogue.resolve(Modality.CHAT, f"llm/typo{number}")
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, dict) and "llm/typo999" in each]
    assert ([], ["m"]) == (kept, list(house.catalogue._known_chats))


@pytest.mark.parametrize("retry_after_s", [None, 5.0])
def test_a_providers_circuits_are_bounded(retry_after_s: float | None) -> None:
    """A client may name any model of a provider; the oldest circuit is forgotten, the newest counts."""
    house = RosterHouse(chat_card("a")).all_up()
    for number in range(MAX_CIRCUITS + 100):
        fault = Rejected("x", upstream_status=429, retry_after_s=retry_after_s)
        house.fail(Route("a", f"typo{number}", 1), fault, 3)
    last, first = f"typo{MAX_CIRCUITS + 99}", "typo0"
    soft = house.roster._tallies["a"].soft
    assert (256, MAX_CIRCUITS, True, False) == (MAX_CIRCUITS, len(soft), last in soft, first in soft)


def test_a_typing_error_takes_nobody_elses_short_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """One 404 for a name that the provider has not: its other models are still plain favourites, whose order
    need not be computed."""
    house = RosterHouse().all_up()
    routes = [Route("a", "m", 1), Route("c", "m", 2)]
    computed: list[object] = []
    order = house.roster.order

    def counted(*args: Any) -> Any:
        computed.append(args)
        return order(*args)

    monkeypatch.setattr(house.roster, "order", counted)
    house.fail(Route("a", "typo", 1), Rejected("x", upstream_status=404))
    assert ("a", []) == (next(house.roster.candidates(routes)).route.provider, computed)
    house.fail(routes[0], Rejected("x", upstream_status=404))
    assert ("a", 1) == (next(house.roster.candidates(routes)).route.provider, len(computed))


def _restricted(*models: str) -> FakeHouse:
    settings = {"clients": {"desk": {"key_sha256": key_hash("lar-desk"), "models": list(models)}}}
    house = small_house(settings=settings, has_rest=True)
    house.report("llm", "m", "m-secret", "secret")
    house.report("node", "espeak", "secret-engine")
    return house


@pytest.mark.parametrize(
    ("path", "there", "not_there"),
    [
        *[(path, {"model": "secret"}, {"model": "secreu"}) for path in CHAT_ROUTES],
        ("/v1/chat/completions", {"model": "llm/secret"}, {"model": "llm/secreu"}),
        ("/v1/audio/speech", {"model": "espeak", "input": "x"}, {"model": "espeaj", "input": "x"}),
    ],
)
def test_whether_a_model_exists_is_told_to_none_who_may_not_use_it(
    path: str, there: dict[str, str], not_there: dict[str, str]
) -> None:
    """The same 403 for both, word for word but for the name that the client gave itself."""

    async def main() -> list[tuple[int, bytes]]:
        house = _restricted("m")
        answers = []
        for body in (there, not_there):
            answer = await house.ask("POST", path, json.dumps(body).encode(), [DESK])
            answers.append((answer.status, answer.body.replace(body["model"].encode(), b"NAME")))
        return answers

    one, other = run(main())
    assert (403, one) == (one[0], other)


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/v1/chat/completions", {"model": "mm"}, 404, True),
        ("/v1/chat/completions", {"model": "m-secre"}, 404, True),
        ("/v1/chat/completions", {}, 400, True),
        ("/v1/audio/speech", {"model": "speec", "input": "x"}, 404, False),
    ],
)
def test_hints_name_only_what_a_client_may_use(path: str, body: dict[str, str], status: int, told: bool) -> None:
    """A mistyped or missing name that it might use is answered with close ones, but not with all there are."""
    house = _restricted("m", "mm", "m-secre", "speec*")
    answer = run(house.ask("POST", path, json.dumps(body).encode(), [DESK]))
    message = answer.json["error"]["message"]
    shown = [name for name in ("m-secret", "secret", "secret-engine", "espeak") if f"{name}" in message]
    assert (status, []) == (answer.status, shown)
    assert told is (" m." in message or " m?" in message)


@pytest.mark.parametrize(
    ("models", "chats", "engines"),
    [
        (["m"], ["m"], []),
        (["m", "espeak"], ["m", "espeak"], ["espeak"]),
        (["speech"], [], ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"]),
    ],
)
def test_lists_show_only_what_a_client_may_use(models: list[str], chats: list[str], engines: list[str]) -> None:
    """Both lists of models, and the page of a single one."""

    async def main() -> tuple[list[str], list[str], list[int]]:
        house = _restricted(*models)
        both = [await house.ask("GET", path, headers=[DESK]) for path in ("/v1/models", "/v1/audio/models")]
        single = [await house.ask("GET", f"/v1/models/{n}", headers=[DESK]) for n in ("m-secret", "nobody")]
        return (
            [entry["id"] for entry in both[0].json["data"]],
            [entry["id"] for entry in both[1].json["models"]],
            [answer.status for answer in single],
        )

    assert (chats, engines, [404, 404]) == run(main())


@pytest.mark.parametrize("is_logged", [False, True])
def test_what_was_said_is_in_the_record_only_when_it_shall_be(is_logged: bool) -> None:
    """`server.log_text`; off as shipped."""

    async def main() -> tuple[str, str]:
        house = small_house(settings={"server": {"log_text": True}} if is_logged else None)
        await house.say(b'{"input":"Hello there."}')
        await house.chat(b'{"model":"m","messages":[{"content":"Private."}]}')
        return house.observer.finished[0].text, house.observer.finished[1].text

    assert ("Hello there." if is_logged else "", "") == run(main())
