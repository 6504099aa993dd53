"""What the client makes of answers on real sockets."""

from contextlib import aclosing

import pytest
from loopback import Loopback, Script, answering, nobody, ok, serving
from running import run
from talks import HEAD, WHOLE, pcm, refusal, routing, streamed, wrote

from router.talk.client import Model, Router
from router.talk.errors import Broken, CannotTalk, Refused
from router.talk.happenings import Ended, Failed, Fault, Happening, Named, Opened, Sounded, Summed, Wrote


def heard(script: Script, key: str = "") -> tuple[list[Happening], Loopback]:
    """What happens in an answer."""

    async def main() -> tuple[list[Happening], Loopback]:
        found: list[Happening] = []
        async with (
            serving(script) as upstream,
            aclosing(Router(f"http://127.0.0.1:{upstream.port}/v1/", key)) as me,
        ):
            async with aclosing(me.answer({"model": "m"})) as arrivals:
                async for arrived in arrivals:
                    found.append(arrived.happening)  # noqa: PERF401  kept when the stream breaks
            return found, upstream

    return run(main())


def test_an_answer_from_its_head_to_its_end() -> None:
    """In order, with who gave it; the base URL may have its /v1."""
    found, upstream = heard(routing(streamed(*WHOLE)), "secret")
    assert Opened("ollama", "llama3.2", 2, "req-1", "") == found[0]
    kinds = [Opened, Named, Wrote, Wrote, Sounded, Sounded, Sounded, Summed, Ended]
    assert kinds == [type(each) for each in found]
    assert pcm(0.1) + pcm(0.1, 2) + pcm(0.1, 3) == b"".join(
        each.pcm for each in found if isinstance(each, Sounded)
    )
    assert "POST /v1/chat/completions HTTP/1.1" == upstream.requests[0].line
    assert "Bearer secret" == upstream.requests[0].get("authorization")


def test_nobody_speaks() -> None:
    """The head says why."""
    found, _ = heard(routing(streamed(headers=HEAD + b"X-Router-Audio: no_provider\r\n")))
    assert [Opened("ollama", "llama3.2", 2, "req-1", "no_provider")] == found


def test_a_stream_that_fails_says_so() -> None:
    """In its last event."""
    found, _ = heard(routing(streamed(wrote("Hi"), b'data: {"error":{"message":"Lost."}}\n\n')))
    assert [Wrote("Hi"), Failed(Fault("Lost."))] == found[1:]


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\ndata:",
        streamed(b"data: {\n\n"),
        streamed(b"data: " + b"x" * (9 * 1024 * 1024)),
    ],
    ids=["cut", "no JSON", "without end"],
)
def test_a_stream_that_breaks(answer: bytes) -> None:
    """Cut in the middle, or noise."""
    with pytest.raises(Broken):
        heard(routing(answer))


def test_a_refusal_has_the_routers_words() -> None:
    """And its code; without a key it says how to give one."""
    with pytest.raises(Refused, match=r"^No voice\.$") as caught:
        heard(routing(refusal(404, "voice_not_found", "No voice.")))
    assert (404, "voice_not_found", True) == (caught.value.status, caught.value.code, caught.value.is_lasting)
    with pytest.raises(Refused, match="--key or ROUTER_API_KEY") as caught:
        heard(routing(refusal(401, "invalid_api_key", "No key.")))
    with pytest.raises(Refused, match="status 502") as caught:
        heard(routing(b"HTTP/1.1 502 Bad\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>"))
    assert not caught.value.is_lasting


def test_what_is_no_router_is_told() -> None:
    """A page, say."""
    with pytest.raises(CannotTalk, match="no stream of events"):
        heard(answering(ok(b"<html>", "Content-Type: text/html")))


def test_nobody_there_is_told_with_what_to_do() -> None:
    """No traceback of an HTTP client."""

    async def main() -> None:
        with nobody() as port:
            async with aclosing(Router(f"http://127.0.0.1:{port}")) as me:
                await me.models()

    with pytest.raises(CannotTalk, match="make run"):
        run(main())


@pytest.mark.parametrize(("url", "key"), [("http://a:b", ""), ("http://a", "ké"), ("http://a", "a\nb")])
def test_an_address_or_a_key_that_is_none(url: str, key: str) -> None:
    """Before anything is asked; the key is not shown."""
    with pytest.raises(CannotTalk) as caught:
        Router(url, key)
    assert not key or key not in str(caught.value)


def test_the_lists() -> None:
    """Models, and the voices that were given up; an unknown answer has none."""

    async def main(script: Script) -> tuple[list[Model], tuple[str, ...]]:
        async with serving(script) as upstream, aclosing(Router(f"http://127.0.0.1:{upstream.port}")) as me:
            return await me.models(), await me.failovers("req-1")

    models, failovers = run(main(routing(b"")))
    assert [Model("llama3.2", "chat", "up"), Model("demo", "chat", "up")] == models
    assert ("provider_host_lost",) == failovers

    async def unknown() -> tuple[str, ...]:
        gone = answering(refusal(404, "x", "x"))
        async with serving(gone) as upstream, aclosing(Router(f"http://127.0.0.1:{upstream.port}")) as me:
            return await me.failovers("req-1")

    assert () == run(unknown())
    with pytest.raises(CannotTalk, match="no router"):
        run(main(answering(ok(b"[]"))))
