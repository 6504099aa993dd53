"""Speech for browsers and players by HLS (document 004): an order, and files that appear while it is spoken.

`POST /v1/audio/speech/hls` takes OpenAI's speech request and answers with the address of a playlist. The segments
are fragmented MP4 (`seg0.m4s` …), which Media Source Extensions take as they are, where MPEG-TS needs a library.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import msgspec

from router.api import speech_body
from router.api.admission import Client
from router.api.broadcast import PLAYLIST, Broadcast
from router.api.broadcasts import Broadcasts
from router.api.fields import Fields
from router.api.hls_making import Making
from router.api.hot import HotRoute
from router.api.speeches import Speeches
from router.api.turns import Visited, counted
from router.api.visit import Visit
from router.domain import Endpoint
from router.errors import InvalidRequest, RouterError
from router.ports import Header, Observer, Record
from router.telling import Telling

_log = logging.getLogger(__name__)
HLS_PATH: Final = "/v1/audio/speech/hls"
MAX_LENGTH_S: Final = 2 * 3600.0  # of speech that a text may be expected to be: 58 MB
_JSON: Final[Header] = (b"content-type", b"application/json")


class Ordered(msgspec.Struct):
    """Where to listen. `url` is below this router; `request_id`: what GET /v1/audio/speech/{request_id} knows the
    speech by, once it is spoken."""

    id: str
    url: str
    request_id: str


class _Asker(NamedTuple):
    """See `speeches.Asker`."""

    client: Client
    fields: Fields
    record: Record


@dataclass(frozen=True, slots=True)
class Hls:
    """Takes orders. `rooms`: those of this configuration, which stays until what it began has ended."""

    speeches: Speeches
    broadcasts: Broadcasts
    rooms: Callable[[], Visited]
    observer: Observer
    ahead_s: float

    def routes(self) -> dict[str, HotRoute]:
        return {HLS_PATH: HotRoute(Endpoint.SPEECH_HLS, self._serve)}

    async def _serve(self, visit: Visit, body: bytes) -> None:
        """201, as soon as somebody is there who can speak. Raises RouterError."""
        telling = await self._telling(visit, body)
        if telling.passages and (nobody := self.speeches.speaker.nobody_for(telling)) is not None:
            raise nobody
        broadcast = self.broadcasts.begin(partial(self._make, telling))
        await asyncio.sleep(0)  # it has begun, and keeps these rooms, before this request leaves them
        url = f"{HLS_PATH}/{broadcast.id}/{PLAYLIST}"
        told = msgspec.json.encode(Ordered(broadcast.id, url, telling.record.request_id))
        location = (b"location", url.encode())
        await visit.reply.whole(201, [_JSON, location, (b"cache-control", b"no-store")], told)

    async def _telling(self, visit: Visit, body: bytes) -> Telling:
        """What is spoken has a record of its own, as it goes on when this request has been answered."""
        request = speech_body.parse(body, max_chars=self.speeches.max_chars)
        record = Record(
            f"{visit.record.request_id[:120]}.0",
            Endpoint.SPEECH.value,
            self.speeches.clock(),
            client=visit.client.name,
        )
        telling = await self.speeches.telling(_Asker(visit.client, visit.fields, record), request)
        if telling.expected_s > MAX_LENGTH_S:
            raise InvalidRequest(
                f"This text is about {telling.expected_s / 3600:.1f} hours long; a broadcast may last "
                f"{MAX_LENGTH_S / 3600:g}, as all of it is kept for players that go back.",
                param="input",
                code="too_long_for_a_broadcast",
            )
        return telling

    async def _make(self, telling: Telling, broadcast: Broadcast) -> None:
        """Speak it. Raises RouterError."""
        speeches = self.speeches
        try:
            with counted(telling.record, self.rooms(), self.observer, speeches.clock):
                await Making(
                    broadcast,
                    self.broadcasts,
                    telling,
                    speeches.speaker,
                    speeches.store,
                    speeches.clock,
                    self.ahead_s,
                ).make()
        except (RouterError, asyncio.CancelledError):
            raise
        except Exception as exc:
            _log.exception("request %s failed inside the router", telling.record.request_id)
            raise RouterError("The router failed; its log tells more under this request's id.") from exc
