"""The house: what a reload moves, keeps and closes."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from houses import Answer, ask
from loopback import Loopback, Peer, free_port, ok, serving
from running import run, until

from router import app
from router.app import House
from router.config import ConfigError, Fault, Settings
from router.health import ProviderState

LIST = ok(b'{"data":[{"id":"m"}]}', "Connection: close")


class _Upstream:
    """An LLM server with the model `m`, which answers when it may."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.may_answer = asyncio.Event()
        self.chats = 0
        self.closed = asyncio.Event()

    async def script(self, peer: Peer) -> None:
        request = await peer.request()
        if request.line.startswith("GET"):
            peer.send(LIST)
            return
        self.chats += 1
        await self.may_answer.wait()
        peer.send(ok(json.dumps({"from": self.name}).encode()))
        await peer.until_closed()
        self.closed.set()


@contextlib.asynccontextmanager
async def _upstreams() -> AsyncIterator[tuple[_Upstream, Loopback, _Upstream, Loopback]]:
    one, two = _Upstream("one"), _Upstream("two")
    async with serving(one.script) as at_one, serving(two.script) as at_two:
        yield one, at_one, two, at_two


def _settings(_server: dict[str, Any] | None = None, **ports: int) -> Settings:
    providers = {name: {"kind": "openai", "url": f"http://127.0.0.1:{port}"} for name, port in ports.items()}
    return Settings.model_validate_json(json.dumps({"providers": providers, "server": _server or {}}))


async def _chat(house: House) -> Answer:
    return await ask(house.entry, "POST", "/v1/chat/completions", b'{"model":"m"}')


def _open(first: Settings, load: Callable[[], Settings]) -> contextlib.AbstractAsyncContextManager[House]:
    return House(first, load).open()


def test_a_reload_moves_new_requests_and_lets_old_ones_finish() -> None:
    """The old providers' connections are closed when the last request inside has ended, not before."""

    async def main() -> None:
        async with _upstreams() as (one, at_one, two, at_two):
            two.may_answer.set()
            new = _settings(two=at_two.port)
            async with _open(_settings(one=at_one.port), lambda: new) as house:
                old = asyncio.ensure_future(_chat(house))
                await until(lambda: one.chats == 1)
                assert [] == await house.reload()
                answer = await _chat(house)
                assert ("two", {"from": "two"}) == (answer.get("x-router-provider"), answer.json)
                assert (["two"], False, False) == (list(house.roster.cards), old.done(), one.closed.is_set())
                one.may_answer.set()
                assert {"from": "one"} == (await old).json
                await one.closed.wait()
                assert not two.closed.is_set()

    run(main())


def test_what_is_no_longer_configured_leaves_the_metrics() -> None:
    """Else an alert would ring for a provider that is gone; what is new is there."""

    async def main() -> tuple[bytes, bytes]:
        async with _upstreams() as (_, at_one, __, at_two):
            new = _settings(two=at_two.port)
            async with _open(_settings(one=at_one.port), lambda: new) as house:
                before = house.metrics.exposition()
                await house.reload()
                return before, house.metrics.exposition()

    before, after = run(main())
    lines = [b'router_provider_state{provider="%b",state="up"} 1.0' % name for name in (b"one", b"two")]
    assert ([True, False], [False, True]) == ([x in before for x in lines], [x in after for x in lines])


def test_a_reload_knows_at_once_who_is_there() -> None:
    """New providers are looked at before a request reaches them."""

    async def main() -> list[ProviderState]:
        async with _upstreams() as (_, at_one, __, at_two):
            new = _settings(one=at_one.port, two=at_two.port, three=free_port())
            async with _open(_settings(one=at_one.port), lambda: new) as house:
                await house.reload()
                return [house.roster.standing(name).state for name in new.providers]

    assert [ProviderState.UP, ProviderState.UP, ProviderState.DOWN] == run(main())


def test_a_broken_file_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is told, by SIGHUP in the log; the running configuration goes on."""

    def broken() -> Settings:
        raise ConfigError([Fault(3, "server.sort", "unknown key", "f.yaml"), Fault(4, "x", "bad", "f.yaml")])

    async def main() -> dict[str, str]:
        async with _upstreams() as (one, at_one, _, __):
            one.may_answer.set()
            async with _open(_settings(one=at_one.port), broken) as house:
                rooms, roster = house.entry.rooms, house.roster
                with pytest.raises(ConfigError, match="unknown key"):
                    await house.reload()
                with caplog.at_level(logging.ERROR):
                    await house.reload_or_log()
                assert (rooms, roster) == (house.entry.rooms, house.roster)
                answered: dict[str, str] = (await _chat(house)).json
                return answered

    assert {"from": "one"} == run(main())
    assert ["configuration not reloaded: f.yaml:3: server.sort: unknown key; f.yaml:4: x: bad"] == caplog.messages


def test_who_is_drained_stays_drained() -> None:
    """Until somebody resumes it."""

    async def main() -> list[ProviderState]:
        async with _upstreams() as (_, at_one, __, at_two):
            both = _settings(one=at_one.port, two=at_two.port)
            async with _open(both, lambda: both) as house:
                house.roster.drain("one")
                await house.reload()
                states = [house.roster.standing(name).state for name in ("one", "two")]
                house.roster.resume("one")
                await house.reload()
                return [*states, house.roster.standing("one").state]

    assert [ProviderState.DRAINING, ProviderState.UP, ProviderState.UP] == run(main())


def test_what_takes_a_restart_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """The rest counts at once."""
    new = _settings({"port": 9001, "host": "127.0.0.2", "shutdown_grace_s": 1, "max_body_mb": 1})

    async def main() -> list[str]:
        async with _open(_settings(), lambda: new) as house:
            first = await house.reload()
            assert [] == await house.reload()
            house._wing.settings = _settings()
            with caplog.at_level(logging.WARNING):
                await house.reload_or_log()
            return first

    assert ["server.host", "server.port", "server.shutdown_grace_s"] == run(main())
    assert ["these changes take a restart: server.host, server.port, server.shutdown_grace_s"] == caplog.messages


def test_without_a_file_there_is_nothing_to_reload() -> None:
    """As for `explain`."""

    async def main() -> tuple[list[str], bool]:
        async with House(_settings(), None).open() as house:
            rooms = house.entry.rooms
            return await house.reload(), rooms is house.entry.rooms

    assert ([], True) == run(main())


def test_reloads_come_one_after_the_other() -> None:
    """Two at once leave one wing, that of the later."""

    async def main() -> list[str]:
        async with _upstreams() as (_, at_one, __, at_two):
            files = [_settings(one=at_one.port), _settings(two=at_two.port)]
            async with _open(_settings(), lambda: files.pop(0)) as house:
                await asyncio.gather(house.reload(), house.reload())
                return list(house.roster.cards)

    assert ["two"] == run(main())


def test_a_stream_that_will_not_end_is_cut_at_last(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Old configurations must not pile up for ever."""
    monkeypatch.setattr(app, "RETIRE_WITHIN_S", 0.02)

    async def main() -> int:
        async with (
            _upstreams() as (one, at_one, _, __),
            _open(_settings(one=at_one.port), _settings) as house,
        ):
            old = asyncio.ensure_future(_chat(house))
            await until(lambda: one.chats == 1)
            with caplog.at_level(logging.WARNING):
                await house.reload()
                return (await old).status

    assert 503 == run(main())
    assert any("cut: they would not end" in message for message in caplog.messages)


def test_closing_the_house_leaves_no_task_behind() -> None:
    """A wing that still retires is closed too."""

    async def main() -> set[str]:
        async with _upstreams() as (one, at_one, _, at_two):
            async with _open(_settings(one=at_one.port), lambda: _settings(two=at_two.port)) as house:
                old = asyncio.ensure_future(_chat(house))
                await until(lambda: one.chats == 1)
                await house.reload()
            await asyncio.gather(old, return_exceptions=True)
            names = {task.get_name() for task in asyncio.all_tasks()}
        return {name for name in names if name.split(" ")[0] in {"probe", "touch", "retire", "warm", "event"}}

    assert set() == run(main())


def test_a_router_that_drains_is_not_ready() -> None:
    """For whoever balances over several."""

    async def main() -> list[int]:
        async with (
            _upstreams() as (_, at_one, __, ___),
            House(_settings(one=at_one.port), None).open() as house,
        ):
            statuses = [(await ask(house.entry, "GET", "/ready")).status]
            house.drain()
            return [*statuses, (await ask(house.entry, "GET", "/ready")).status]

    assert [200, 503] == run(main())
