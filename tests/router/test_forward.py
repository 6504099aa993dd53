"""The dispatch of opaque bytes: who is tried, what is passed on, what a fault costs."""

import asyncio
from typing import Any

import pytest
from fakes import SECRET, FakeForward, Step, chat_card, head
from houses import FakeHouse
from running import run, until

from router.circuits import FIRST_BACK_OFF_S, SOFT_FAILURES
from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    Malformed,
    NotSent,
    Silent,
    UpstreamFault,
)
from router.forward import COMPLETE_UNDER_BYTES
from router.health import HostSign, ProviderSign, ProviderState
from router.ports import Header, Probe

JSON: Header = (b"Content-Type", b"application/json")
SSE: Header = (b"Content-Type", b"text/event-stream; charset=utf-8")


def _whole(body: bytes, *headers: Header, status: int = 200) -> list[Step]:
    return [head(status, JSON, (b"Content-Length", str(len(body)).encode()), *headers), body]


def _two(
    *first: list[Step] | UpstreamFault,
    second: list[Step] | UpstreamFault | None = None,
    deadline_s: float = 0.05,
    **card: Any,
) -> FakeHouse:
    """Two providers of the model m; `one` is preferred."""
    house = FakeHouse(
        FakeForward(chat_card("one", tier=1, first_byte_s=deadline_s, stall_s=deadline_s, **card), *first),
        FakeForward(chat_card("two", tier=2), second if second is not None else _whole(b'{"from":"two"}')),
    )
    house.report("one", "m")
    house.report("two", "m")
    house.observer.providers.clear()
    return house


def _sent(house: FakeHouse, name: str) -> FakeForward:
    provider = house.forwarder._providers[name]
    assert isinstance(provider, FakeForward)
    assert provider.forbidden == []
    return provider


@pytest.mark.parametrize(
    ("steps", "reason", "one_is"),
    [
        (DialRefused("refused"), "provider_refused", ProviderState.DOWN),
        (DialTimeout("silent"), "provider_dial_timeout", ProviderState.DOWN),
        (NotSent("no name"), "provider_unreachable", ProviderState.DOWN),
        ([ConnectionLost("gone")], "provider_connection_lost", ProviderState.DOWN),
        (
            [head(200, JSON), ConnectionLost("gone", had_bytes=True)],
            "provider_connection_lost",
            ProviderState.DOWN,
        ),
        (
            [*_whole(b"0123456789")[:1], b"half", ConnectionLost("gone")],
            "provider_connection_lost",
            ProviderState.DOWN,
        ),
        ([Malformed("no HTTP")], "provider_malformed", ProviderState.UP),
        ([asyncio.Event()], "provider_timeout", ProviderState.UP),
        ([head(200, SSE), asyncio.Event()], "provider_timeout", ProviderState.UP),
        ([*_whole(b"0123456789")[:1], b"half", asyncio.Event()], "provider_timeout", ProviderState.UP),
        (_whole(b"{}", status=401), "provider_rejected", ProviderState.UP),
        (_whole(b"{}", status=402), "provider_rejected", ProviderState.UP),
        (_whole(b"{}", status=403), "provider_rejected", ProviderState.UP),
        (_whole(b"{}", status=404), "provider_rejected", ProviderState.UP),
        (_whole(b"{}", status=408), "provider_rejected", ProviderState.UP),
        (_whole(b"{}", status=429), "provider_rejected", ProviderState.UP),
        (_whole(b"{}", status=500), "provider_rejected", ProviderState.UP),
        (_whole(b"oh no", status=503), "provider_rejected", ProviderState.UP),
        (_whole(b"x" * 100_000, status=500), "provider_rejected", ProviderState.UP),
        ([head(500), ConnectionLost("gone", had_bytes=True)], "provider_rejected", ProviderState.UP),
    ],
    ids=[
        "refused",
        "dial timeout",
        "no address",
        "lost before the head",
        "lost after the head",
        "short answer lost in the middle",
        "malformed",
        "silent before the head",
        "silent after the head",
        "short answer stalls",
        "401",
        "402",
        "403",
        "404",
        "408",
        "429",
        "500",
        "503",
        "500 with a long page",
        "500 whose page is cut",
    ],
)
def test_a_fault_before_the_first_byte_goes_to_the_next(
    steps: list[Step] | UpstreamFault, reason: str, one_is: ProviderState
) -> None:
    """The client notices nothing but the headers; hard faults count against the provider at once, soft do not."""
    house = _two(steps)
    answer = run(house.chat())
    assert (200, b'{"from":"two"}', True) == (answer.status, answer.body, answer.is_complete)
    assert ("two", "2", "m") == tuple(answer.get(f"x-router-{name}") for name in ("provider", "attempts", "model"))
    assert [("one", reason), ("two", "ok")] == house.observer.attempts
    assert [("chat", "one", "two", reason)] == house.observer.failovers
    assert one_is is house.roster.standing("one").state
    assert 0 == house.roster.standing("one").in_flight


@pytest.mark.parametrize("status", [400, 413, 422, 415, 409])
def test_the_clients_fault_is_passed_as_it_is(status: int) -> None:
    """Another provider would say the same, so nobody else is asked."""
    house = _two(_whole(b'{"error":"yours"}', status=status))
    answer = run(house.chat())
    assert (status, b'{"error":"yours"}', "1") == (answer.status, answer.body, answer.get("x-router-attempts"))
    assert [] == _sent(house, "two").sent
    assert "ok" == house.observer.finished[0].outcome


def test_a_stream_is_passed_event_by_event() -> None:
    """Each event leaves when it arrives, byte for byte."""

    async def main() -> tuple[list[bytes], bytes, bool]:
        go_on = asyncio.Event()
        house = _two([head(200, SSE), b"data: 1\n\n", go_on, b"data: 2\n\n", b"data: [DONE]\n\n"])
        seen: list[bytes] = []

        def watch(answer: object) -> bool:
            body: bytes = answer.body  # type: ignore[attr-defined]
            if body == b"data: 1\n\n" and not go_on.is_set():
                seen.append(body)
                go_on.set()
            return False

        answer = await house.chat(leaves=watch)
        return seen, answer.body, answer.is_complete

    assert ([b"data: 1\n\n"], b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n", True) == run(main())


def test_a_long_answer_starts_before_it_is_whole() -> None:
    """Only short answers are held until they are safe."""

    async def main() -> tuple[int, bool]:
        rest = asyncio.Event()
        size = COMPLETE_UNDER_BYTES + 10
        length = (b"Content-Length", str(size).encode())
        house = _two([head(200, JSON, length), b"x" * 10, rest, b"x" * (size - 10)])
        started: list[bool] = []

        def watch(answer: object) -> bool:
            if answer.status and not rest.is_set():  # type: ignore[attr-defined]
                started.append(True)
                rest.set()
            return False

        answer = await house.chat(leaves=watch)
        return len(answer.body), started == [True]

    assert (COMPLETE_UNDER_BYTES + 10, True) == run(main())


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ([ConnectionLost("gone", had_bytes=True)], "provider_connection_lost"),
        ([Malformed("bad chunk")], "provider_malformed"),
        ([asyncio.Event()], "provider_timeout"),
    ],
    ids=["lost", "malformed", "stalled"],
)
def test_a_stream_that_fails_after_its_first_byte_gets_an_error_event_and_is_cut(
    fault: list[Step], outcome: str
) -> None:
    """Nobody else may go on with it: the client is told in the stream, and the reply is never finished."""
    house = _two([head(200, SSE), b"data: 1\n\n", *fault])
    answer = run(house.chat())
    first, error, rest = answer.body.split(b"\n\n")
    assert (b"data: 1", b"", False) == (first, rest, answer.is_complete)
    assert b'data: {"error":{"message":' == error[:26]
    assert [] == _sent(house, "two").sent
    assert ([("one", outcome)], []) == (house.observer.attempts, house.observer.failovers)
    assert "provider_cut" == house.observer.finished[0].outcome


@pytest.mark.parametrize(
    ("sent", "ended"),
    [
        (b'data: {"ha', b"\n\n"),
        (b"data: 1\n", b"\n\n"),
        (b"data: 1\n\n", b""),
        (b"data: 1\r\n\r\n", b""),
    ],
)
def test_an_event_that_was_cut_in_half_does_not_swallow_the_error(sent: bytes, ended: bytes) -> None:
    """It is ended first; one that is whole gets nothing added."""
    house = _two([head(200, SSE), sent, ConnectionLost("gone", had_bytes=True)])
    assert run(house.chat()).body.startswith(sent + ended + b'data: {"error":{')


def test_a_json_answer_that_fails_after_its_first_byte_is_cut_without_a_word() -> None:
    """An error in the middle of JSON would be taken for part of it."""
    house = _two([head(200, JSON), b'{"half":', ConnectionLost("gone", had_bytes=True)])
    answer = run(house.chat())
    assert (200, b'{"half":', False) == (answer.status, answer.body, answer.is_complete)


@pytest.mark.parametrize(
    "steps",
    [
        [asyncio.Event()],
        [head(200, SSE), asyncio.Event()],
        [head(200, SSE), b"data: 1\n\n", asyncio.Event()],
        [head(200, (b"Content-Length", b"9")), b"half", asyncio.Event()],
    ],
    ids=["before the head", "before the first byte", "in a stream", "in a short answer"],
)
def test_a_client_that_leaves_closes_the_upstream(steps: list[Step]) -> None:
    """The slot is freed at once, nobody else is tried, and nobody is blamed."""

    async def main() -> FakeHouse:
        house = FakeHouse(
            FakeForward(chat_card("one"), steps), FakeForward(chat_card("two", tier=2), _whole(b"{}"))
        )
        house.report("one", "m")
        house.report("two", "m")
        loop = asyncio.get_running_loop()
        started = loop.time()

        def has_left(answer: object) -> bool:
            if b"data: 1" in b"".join(map(bytes, steps_of_bytes)) and not answer.body:  # type: ignore[attr-defined]
                return False
            return bool(_sent(house, "one").exchanges)

        steps_of_bytes = [step for step in steps if isinstance(step, bytes)]
        task = asyncio.ensure_future(house.chat(leaves=has_left))
        await until(lambda: bool(_sent(house, "one").exchanges))
        await task
        assert loop.time() - started < 1
        return house

    house = run(main())
    exchange = _sent(house, "one").exchanges[0]
    assert (True, [], []) == (exchange.is_aborted, _sent(house, "two").sent, house.observer.attempts)
    assert ("caller_gone", 0) == (house.observer.finished[0].outcome, house.roster.standing("one").in_flight)
    assert ProviderState.UP is house.roster.standing("one").state


def test_nothing_can_serve_has_one_line_per_provider() -> None:
    """A 503 tells for each provider why not, and when to come back."""
    house = FakeHouse(
        FakeForward(
            chat_card("busy"), _whole(b'{"error":{"message":"too many"}}', (b"Retry-After", b"7"), status=429)
        ),
        FakeForward(chat_card("lost"), [ConnectionLost("h:1 closed the connection")]),
        FakeForward(chat_card("game"), _whole(b"{}")),
    )
    for name in ("busy", "lost", "game"):
        house.report(name, "m")
    house.sign("game", ProviderSign.YIELDED, "a game has the GPU")
    answer = run(house.chat())
    assert (503, "no_provider", "7") == (answer.status, answer.get("x-router-error"), answer.get("retry-after"))
    assert [
        "No provider can serve the model 'm' right now.",
        "- busy: answered with status 429: too many",
        "- lost: h:1 closed the connection",
        "- game: yielded (a game has the GPU)",
    ] == answer.json["error"]["message"].splitlines()
    assert ("server_error", None, "no_provider_available") == tuple(
        answer.json["error"][key] for key in ("type", "param", "code")
    )
    assert "provider_none" == house.observer.finished[0].outcome
    assert [] == _sent(house, "game").sent


@pytest.mark.parametrize(
    ("first", "second", "status", "code", "retry_after"),
    [
        ((404, None), (404, None), 404, "model_not_found", None),
        ((429, b"9"), (429, b"5"), 429, None, "5"),
        ((429, None), (429, None), 429, None, "1"),
        ((429, b"9"), (404, None), 503, "no_provider_available", "9"),
        ((500, b"9"), (503, b"4"), 503, "no_provider_available", "4"),
        ((401, None), (402, None), 503, "no_provider_available", "1"),
    ],
)
def test_what_every_candidate_agrees_on_is_the_answer(
    first: tuple[int, bytes | None],
    second: tuple[int, bytes | None],
    status: int,
    code: str | None,
    retry_after: str | None,
) -> None:
    """All say 404: there is no such model. All are busy: 429. Anything else: 503; the soonest return counts."""

    def rejected(upstream_status: int, wait: bytes | None) -> list[Step]:
        return _whole(b"{}", *([(b"Retry-After", wait)] if wait else []), status=upstream_status)

    answer = run(_two(rejected(*first), second=rejected(*second)).chat())
    assert (status, retry_after) == (answer.status, answer.get("retry-after"))
    if code is not None:
        assert code == answer.json["error"]["code"]
    message = answer.json["error"]["message"]
    assert ("- one: " in message, "- two: " in message) == (True, True)


def test_what_is_down_is_tried_when_nothing_else_is_left() -> None:
    """A probe may be a second old; a last try costs nobody anything."""
    house = FakeHouse(FakeForward(chat_card("one"), _whole(b'{"back":1}')))
    house.report("one", "m")
    house.sign("one", ProviderSign.FAULT, "refused")
    assert b'{"back":1}' == run(house.chat()).body


def test_upstream_headers_pass_but_for_hop_by_hop_cookies_and_the_routers_own() -> None:
    """Users need the upstream's headers; its cookies and connection are not theirs."""
    house = _two(
        [
            head(
                200,
                JSON,
                (b"Transfer-Encoding", b"chunked"),
                (b"Connection", b"keep-alive, X-Private"),
                (b"Keep-Alive", b"timeout=5"),
                (b"X-Private", b"1"),
                (b"Set-Cookie", b"a=b"),
                (b"Set-Cookie2", b"a=b"),
                (b"Trailer", b"X-Sum"),
                (b"Upgrade", b"h2c"),
                (b"X-Request-Id", b"theirs"),
                (b"X-Router-Provider", b"theirs"),
                (b"X-RateLimit-Remaining", b"9"),
                (b"OpenAI-Processing-Ms", b"12"),
                (b"X-Dup", b"1"),
                (b"X-Dup", b"2"),
                (b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT"),
            ),
            b"{}",
        ]
    )
    answer = run(house.chat())
    passed = {"content-type", "x-ratelimit-remaining", "openai-processing-ms", "x-dup", "date"}
    own = {f"x-router-{name}" for name in ("provider", "model", "attempts", "overhead-ms")} | {"x-request-id"}
    assert passed | own == {name.decode() for name, _ in answer.headers}
    assert (["1", "2"], ["one"], ["Thu, 01 Jan 1970 00:00:00 GMT"]) == (
        answer.all("x-dup"),
        answer.all("x-router-provider"),
        answer.all("date"),
    )


def test_overhead_leaves_out_the_wait_for_the_upstream() -> None:
    """The header tells what the router itself costs."""

    async def main() -> str | None:
        waited = asyncio.Event()
        house = _two([head(200, JSON), waited, b"{}"])

        async def later() -> None:
            await until(lambda: bool(_sent(house, "one").exchanges))
            house.clock.advance(3)
            waited.set()

        helper = asyncio.ensure_future(later())
        answer = await house.chat()
        await helper
        return answer.get("x-router-overhead-ms")

    assert "0.00" == run(main())


def test_tokens_are_counted_as_they_pass() -> None:
    """For the metrics; the body is untouched."""
    body = b'{"usage":{"prompt_tokens":7,"completion_tokens":11,"total_tokens":18}}'
    house = _two(_whole(body))
    assert body == run(house.chat()).body
    record = house.observer.finished[0]
    assert (7, 11) == (record.tokens_in, record.tokens_out)


def test_in_flight_is_counted_while_it_lasts() -> None:
    """Selection and the operator see how busy a provider is."""

    async def main() -> tuple[int, int]:
        go_on = asyncio.Event()
        house = _two([head(200, JSON), go_on, b"{}"])
        task = asyncio.ensure_future(house.chat())
        await until(lambda: bool(_sent(house, "one").exchanges))
        during = house.roster.standing("one").in_flight
        go_on.set()
        await task
        return during, house.roster.standing("one").in_flight

    assert (1, 0) == run(main())


def test_silence_is_no_host_fault() -> None:
    """Language models are silent while they load or think: nothing is held against the machine."""
    house = _two([asyncio.Event()])
    run(house.chat())
    assert ([], True) == (house.observer.hosts[2:], house.roster.standing("one").is_available)
    assert Silent.outcome == house.observer.attempts[0][1]


def _lose(house: FakeHouse, name: str) -> None:
    """The machine does not answer two touches."""
    for _ in range(2):
        house.roster.note_probe(name, Probe(HostSign.SILENT, None, "no answer to a dial"))


@pytest.mark.parametrize(
    "steps",
    [
        [asyncio.Event()],
        [head(200, SSE), asyncio.Event()],
        [*_whole(b"0123456789")[:1], b"half", asyncio.Event()],
    ],
    ids=["before the head", "before the first byte", "in a short answer"],
)
def test_a_lost_machine_is_left_at_once(steps: list[Step]) -> None:
    """Long before any deadline: the next answers, the connection is closed, and the model is not to blame."""

    async def main() -> tuple[bytes, bool]:
        house = _two(steps, deadline_s=60)
        task = asyncio.ensure_future(house.chat())
        await until(lambda: bool(_sent(house, "one").exchanges))
        await asyncio.sleep(0)
        _lose(house, "one")
        answer = await task
        assert [("one", "provider_host_lost"), ("two", "ok")] == house.observer.attempts
        assert [("chat", "one", "two", "provider_host_lost")] == house.observer.failovers
        assert 0 == house.roster.standing("one").in_flight
        return answer.body, _sent(house, "one").exchanges[0].is_aborted

    assert (b'{"from":"two"}', True) == run(main())


def test_a_machine_lost_after_the_first_byte_cuts_the_stream() -> None:
    """There is no way back."""

    async def main() -> tuple[bytes, bool, str, list[str]]:
        house = _two([head(200, SSE), b"data: 1\n\n", asyncio.Event()], deadline_s=60)
        started = asyncio.Event()

        def watch(answer: object) -> bool:
            if answer.body:  # type: ignore[attr-defined]
                started.set()
            return False

        task = asyncio.ensure_future(house.chat(leaves=watch))
        await started.wait()
        _lose(house, "one")
        answer = await task
        record = house.observer.finished[0]
        return answer.body[:9], answer.is_complete, record.outcome, record.reasons

    assert (b"data: 1\n\n", False, "provider_cut", ["provider_host_lost"]) == run(main())


def test_a_lost_machine_whose_answer_is_all_here_has_answered() -> None:
    """What has arrived is not thrown away."""

    async def main() -> tuple[bytes, str | None]:
        house = _two(_whole(b'{"from":"one"}'))
        provider = _sent(house, "one")
        send = provider.send

        async def send_and_lose(*arguments: Any, **options: Any) -> Any:
            exchange = await send(*arguments, **options)
            await provider.exchanges[0].task
            _lose(house, "one")
            return exchange

        provider.send = send_and_lose  # type: ignore[method-assign]
        answer = await house.chat()
        return answer.body, answer.get("x-router-provider")

    assert (b'{"from":"one"}', "one") == run(main())


def test_a_machine_lost_while_dialling_leaves_no_exchange_behind() -> None:
    """The dial may yet succeed; what it opened is closed."""

    async def main() -> list[bool]:
        house = _two([asyncio.Event()], deadline_s=60)
        provider, is_sending, go_on = _sent(house, "one"), asyncio.Event(), asyncio.Event()
        send = provider.send

        async def slowly(*arguments: Any, **options: Any) -> Any:
            is_sending.set()
            await go_on.wait()
            return await send(*arguments, **options)

        provider.send = slowly  # type: ignore[method-assign]
        task = asyncio.ensure_future(house.chat())
        await is_sending.wait()
        _lose(house, "one")
        go_on.set()
        await task
        left = [exchange.is_aborted for exchange in provider.exchanges]
        for exchange in provider.exchanges:
            exchange.task.cancel()
        return left

    assert [True] == run(main())


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (DialRefused("refused"), "two"),
        (DialTimeout("silent"), "two"),
        ([ConnectionLost("reset")], "two"),
        (_whole(b"{}", status=500), "two"),
        (_whole(b"{}", status=429), "two"),
        ([asyncio.Event()], None),
        ([head(200, SSE), asyncio.Event()], None),
        ([Malformed("noise")], None),
    ],
    ids=["refused", "dial timeout", "reset", "500", "429", "silent", "silent after the head", "malformed"],
)
def test_what_may_have_been_paid_for_is_not_repeated(
    steps: list[Step] | UpstreamFault, expected: str | None
) -> None:
    """A provider that bills: what was not sent, or was refused in so many words, goes on; silence does not."""
    house = _two(steps, is_billed=True)
    answer = run(house.chat())
    assert (200 if expected else 503, expected or "one") == (answer.status, answer.get("x-router-provider"))
    assert bool(expected) is bool(_sent(house, "two").sent)
    assert ["one", "two"][: len(house.observer.attempts)] == [name for name, _ in house.observer.attempts]


def test_who_is_full_is_passed_over_and_not_blamed() -> None:
    """One at once, nobody may wait: the second goes to the next provider."""

    async def main() -> tuple[str | None, str | None]:
        go_on = asyncio.Event()
        house = _two([head(200, JSON), go_on, b"{}"], deadline_s=60, concurrency=1, queue_limit=0)
        first = asyncio.ensure_future(house.chat())
        await until(lambda: bool(_sent(house, "one").exchanges))
        second = await house.chat()
        go_on.set()
        answers = (await first).get("x-router-provider"), second.get("x-router-provider")
        third = await house.chat()
        assert ("one", []) == (third.get("x-router-provider"), house.observer.failovers)
        return answers

    assert ("one", "two") == run(main())


def test_who_waits_too_long_for_a_place_goes_to_the_next() -> None:
    """Nothing was sent, so nothing is repeated, and no circuit opens."""

    async def main() -> list[tuple[str, str]]:
        go_on = asyncio.Event()
        house = _two([head(200, JSON), go_on, b"{}"], deadline_s=60, concurrency=1, queue_wait_s=0.01)
        first = asyncio.ensure_future(house.chat())
        await until(lambda: bool(_sent(house, "one").exchanges))
        for _ in range(SOFT_FAILURES):
            assert "two" == (await house.chat()).get("x-router-provider")
        go_on.set()
        await first
        assert house.roster.standing("one", "m").is_available
        return house.observer.attempts

    assert [("one", "provider_full"), ("two", "ok")] * SOFT_FAILURES + [("one", "ok")] == run(main())


def test_after_three_failures_in_a_row_a_model_is_left_alone_until_its_trial() -> None:
    """Then one inference finds out."""

    async def main() -> list[str | None]:
        house = _two(*[_whole(b"{}", status=500)] * SOFT_FAILURES, _whole(b"{}"))
        told = [(await house.chat()).get("x-router-attempts") for _ in range(SOFT_FAILURES + 1)]
        house.clock.advance(FIRST_BACK_OFF_S)
        told += [(await house.chat()).get("x-router-provider") for _ in range(2)]
        return told

    assert ["2", "2", "2", "1", "one", "one"] == run(main())


def test_a_reply_closes_the_circuits_row() -> None:
    """Two failures, a success, two failures: never three in a row."""
    bad, good = _whole(b"{}", status=500), _whole(b"{}")

    async def main() -> bool:
        house = _two(bad, bad, good, bad, bad)
        for _ in range(5):
            await house.chat()
        return house.roster.standing("one", "m").is_available

    assert run(main())


def test_whose_model_loads_too_long_serves_after_the_next_tier() -> None:
    """A chat model has two seconds unless its configuration says otherwise."""

    async def main() -> list[str | None]:
        house = _two(_whole(b"{}"))
        served = []
        for eta_s in (1.9, 2.1):
            house.sign("one", ProviderSign.COLD, eta_s=eta_s)
            served.append((await house.chat()).get("x-router-provider"))
        return served

    assert ["one", "two"] == run(main())


def test_the_routers_key_at_a_provider_reaches_no_client() -> None:
    """Some servers repeat in their errors what they were asked with."""
    said = b'{"error":{"message":"Incorrect API key: %b"}}' % SECRET.encode()
    house = _two(_whole(said, status=401), second=_whole(said, status=500))
    answer = run(house.chat())
    assert [
        "No provider can serve the model 'm' right now.",
        "- one: refuses our key (status 401); check its api_key",
        "- two: answered with status 500: Incorrect API key: [key]",
    ] == answer.json["error"]["message"].splitlines()
