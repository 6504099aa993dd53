"""The router as its clients see it."""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import httpx
import msgspec

from router.errors import Malformed
from router.events import EventReader
from router.ports import Monotonic
from router.talk.errors import Broken, CannotTalk, Refused
from router.talk.happenings import Arrived, Fault, Opened, happenings_in

CONNECT_S: Final = 3.0
LIST_S: Final = 5.0
SILENCE_S: Final = 300.0  # a cold model may load for minutes, and another after it
MAX_EVENT_BYTES: Final = 8 * 1024 * 1024
MAX_ERROR_BYTES: Final = 64 * 1024
_START: Final = "Start one with `make run` or `local-ai-router serve`, or name another with --url or ROUTER_URL."


class Model(msgspec.Struct, frozen=True):
    """An entry of the router's list of models."""

    id: str
    modality: str = "chat"
    state: str = "up"


class Asked(Protocol):
    """Somebody who answers; a router is one."""

    async def models(self) -> list[Model]: ...
    def answer(self, request: Mapping[str, Any]) -> AsyncGenerator[Arrived, None]: ...
    async def failovers(self, request_id: str) -> tuple[str, ...]: ...


class _Models(msgspec.Struct):
    data: list[Model]


class _Spoken(msgspec.Struct):
    failovers: tuple[str, ...] = ()


class _Error(msgspec.Struct):
    error: Fault


class Router:
    """Asks one router. Proxies of the environment are not for the house's own machines."""

    def __init__(self, url: str, key: str = "", clock: Monotonic = time.monotonic) -> None:
        """Raises CannotTalk for an address or a key that is none."""
        self.url = url.rstrip("/").removesuffix("/v1")
        self._clock = clock
        if not (key.isascii() and key.isprintable()):
            raise CannotTalk("The key has characters that no key has: look at --key or ROUTER_API_KEY.")
        headers = {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})}
        limits = httpx.Timeout(10.0, connect=CONNECT_S, read=SILENCE_S)
        try:
            self._http = httpx.AsyncClient(
                base_url=self.url, headers=headers, timeout=limits, trust_env=False, follow_redirects=False
            )
        except httpx.InvalidURL as exc:
            raise CannotTalk(f"{url!r} is no address: {exc}. It looks like http://127.0.0.1:8700.") from exc

    async def aclose(self) -> None:
        """Its connections."""
        await self._http.aclose()

    async def models(self) -> list[Model]:
        """Every model that it lists. Raises CannotTalk."""
        async with self._sent("GET", "/v1/models", timeout=LIST_S) as response:
            body = await response.aread()
        try:
            return msgspec.json.decode(body, type=_Models).data
        except msgspec.DecodeError as exc:
            raise CannotTalk(f"What answers at {self.url} is no router: its list of models is none.") from exc

    async def answer(self, request: Mapping[str, Any]) -> AsyncGenerator[Arrived, None]:
        """What happens in the answer to a chat, as it arrives. Raises CannotTalk; Broken, once it had begun."""
        events = EventReader(MAX_EVENT_BYTES)
        async with self._sent("POST", "/v1/chat/completions", json=request) as response:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise CannotTalk(f"What answers at {self.url} sends no stream of events: it is no such router.")
            yield Arrived(self._clock(), _opened(response.headers))
            async for piece in response.aiter_bytes():
                at_s = self._clock()
                for data in events.feed(piece):
                    for happening in happenings_in(data):
                        yield Arrived(at_s, happening)

    async def failovers(self, request_id: str) -> tuple[str, ...]:
        """A word for each voice that was given up in a spoken answer; none when it is not known any more."""
        try:
            async with self._sent("GET", f"/v1/audio/speech/{request_id}", timeout=LIST_S) as response:
                return msgspec.json.decode(await response.aread(), type=_Spoken).failovers
        except (CannotTalk, msgspec.DecodeError):
            return ()

    @asynccontextmanager
    async def _sent(self, method: str, path: str, **more: Any) -> AsyncGenerator[httpx.Response, None]:
        """A 200, whose body is yet to be read. Raises CannotTalk, also for what goes wrong in the block."""
        has_begun = False
        try:
            async with self._http.stream(method, path, **more) as response:
                if response.status_code != 200:
                    raise await _refused(response)
                has_begun = True
                yield response
        except Malformed as exc:
            raise Broken(f"the router {exc.message}") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            what = str(exc) or type(exc).__name__
            if has_begun:
                raise Broken(f"the connection ended before the answer did ({what})") from exc
            raise CannotTalk(f"No router answers at {self.url} ({what}). {_START}") from exc


def _opened(headers: httpx.Headers) -> Opened:
    attempts = headers.get("x-router-attempts", "1")
    return Opened(
        headers.get("x-router-provider", ""),
        headers.get("x-router-model", ""),
        int(attempts) if attempts.isascii() and attempts.isdigit() else 1,
        headers.get("x-request-id", ""),
        headers.get("x-router-audio", ""),
    )


async def _refused(response: httpx.Response) -> Refused:
    """The router's own words, with what to do about it."""
    body = b""
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > MAX_ERROR_BYTES:
            break
    status = response.status_code
    try:
        fault = msgspec.json.decode(body, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        fault = Fault(f"It answered with status {status}.")
    if status == 401:
        return Refused(f"The router wants a key: --key or ROUTER_API_KEY. It says: {fault}", status=status)
    return Refused(str(fault), status=status, code=str(fault.code or ""))
