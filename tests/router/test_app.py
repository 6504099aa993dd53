"""The house: what a reload moves, keeps and closes."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cached import entry_of, key_of
from fakes import ManualClock
from houses import Answer, ask
from loopback import Loopback, Peer, answering, nobody, ok, serving
from running import run, until

from router import app
from router.api.admission import key_hash
from router.app import House
from router.config import ConfigError, Fault, Settings
from router.config.settings import CacheSettings
from router.health import ProviderState
from router.speech.cache.cache import folder_of
from router.transport.http1 import Http1Transport

pytestmark = pytest.mark.usefixtures("_patient")
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
            with nobody() as port:
                new = _settings(one=at_one.port, two=at_two.port, three=port)
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


def test_a_reload_gives_nobody_a_full_bucket() -> None:
    """Else whoever may ask for one could ask without limit; a client's new limit counts from then on."""

    async def main() -> list[int]:
        clock = ManualClock()
        async with serving(answering(ok(b'{"data":[{"id":"m"}]}'))) as upstream:

            def settings(per_minute: int) -> Settings:
                desk = {"key_sha256": key_hash("lar-desk"), "requests_per_minute": per_minute}
                tree = _settings(one=upstream.port).model_dump(mode="json", exclude_unset=True)
                return Settings.model_validate_json(json.dumps({**tree, "clients": {"desk": desk}}))

            files = [settings(2), settings(60)]
            statuses = []
            async with _open(settings(2), lambda: files.pop(0)) as house:
                house.limiter._clock = clock
                for step in ("ask", "ask", "ask", "reload", "ask", "reload", "wait", "ask"):
                    if step == "reload":
                        await house.reload()
                    elif step == "wait":
                        clock.advance(1)  # of the new limit: one more
                    else:
                        key = (b"authorization", b"Bearer lar-desk")
                        body = b'{"model":"m"}'
                        answer = await ask(house.entry, "POST", "/v1/chat/completions", body, [key])
                        statuses.append(answer.status)
            return statuses

    assert [200, 200, 429, 429, 200] == run(main())


def test_a_reload_that_is_cancelled_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server stops while a new configuration is looked at: its connections are closed, the old one stays."""

    async def main() -> tuple[bool, list[bool], list[str]]:
        looked, closed = asyncio.Event(), asyncio.Event()

        async def slow(peer: Peer) -> None:
            await peer.request()
            looked.set()
            await peer.until_closed()
            closed.set()

        made: list[app.Wing] = []
        build = app.Wing.__init__

        def noted(wing: app.Wing, settings: Settings, house: House) -> None:
            build(wing, settings, house)
            made.append(wing)

        async with (
            _upstreams() as (_, at_one, __, ___),
            serving(slow) as at_slow,
            _open(_settings(one=at_one.port), lambda: _settings(new=at_slow.port)) as house,
        ):
            monkeypatch.setattr(app.Wing, "__init__", noted)
            reload = asyncio.ensure_future(house.reload())
            await looked.wait()
            reload.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reload
            await closed.wait()
            origins: list[Any] = [provider for wing in made for provider in wing._providers.values()]
            transports = [transport for each in origins for transport in _transports_of(each)]
            return bool(transports), [each._is_closed for each in transports], list(house.roster.cards)

    has_some, are_closed, cards = run(main())
    assert (True, {True}, ["one"]) == (has_some, set(are_closed), cards)


def _transports_of(provider: Any) -> list[Http1Transport]:
    return [each for each in vars(provider._origin).values() if isinstance(each, Http1Transport)]


def test_the_cache_outlives_a_reload_which_may_change_it(tmp_path: Path) -> None:
    """What is in memory stays; a house that is closed has written what it had."""

    def settings(port: int, disk_mb: int) -> Settings:
        cache = CacheSettings(dir=str(tmp_path), disk_mb=disk_mb)
        return _settings(one=port).model_copy(update={"cache": cache})

    async def main() -> None:
        async with (
            _upstreams() as (_, at_one, __, ___),
            _open(settings(at_one.port, 1), lambda: settings(at_one.port, 2)) as house,
        ):
            await house.cache.put(key_of(1), entry_of(1))
            await house.reload()
            assert entry_of(1) == await house.cache.get(key_of(1))
            assert 2 * 2**20 == (await house.cache.figures()).disk.max_bytes

    run(main())
    assert entry_of(1) == folder_of(CacheSettings(dir=str(tmp_path))).read(key_of(1))
