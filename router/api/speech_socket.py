"""Speech over a WebSocket, as voice agents and browsers want it (document 004): text in, sound out as it is
spoken, one utterance after the other on one connection.

One task always listens, so that a client that leaves or cancels is heard at once; another, the voice, speaks what
was asked for, in its order.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from router.api.socket import NORMAL, RESTART, Socket, close_code_of
from router.api.socket_messages import CancelledTold, error_told, message_of, wanted_of
from router.api.sockets import SocketRoute, Turn, Turns
from router.api.speeches import Speeches
from router.api.spoken_chunks import SpokenChunks
from router.dictation import Dictation
from router.domain import Endpoint
from router.errors import ClientGone, InvalidRequest, RateLimited, RouterError, TooSlow
from router.interruptible import Interruptible
from router.ports import Monotonic
from router.speech.live import QUICK_WIDTH

_log = logging.getLogger(__name__)
SPEECH_SOCKET_PATH: Final = "/v1/audio/speech/ws"
MAX_WAITING: Final = 16  # utterances behind the one that is spoken
MAX_WAITING_CHARS: Final = 256 * 1024  # of their messages together, if there are several
IDLE_S: Final = 3600.0  # without an utterance; pings keep a connection alive for ever
PIECE_WITHIN_S: Final = 60.0  # of a text that is being written, before the next must come
_SOON_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Order:
    """Something to be said; of a `dictation` the text is still to come."""

    document: dict[str, Any]
    dictation: Dictation | None = None
    size: int = 0  # of the message, in characters


async def converse(socket: Socket, turns: Turns, clock: Monotonic) -> None:
    """One connection, to its end. Raises ClientGone, and the RouterError that ended it."""
    await _Conversation(socket, turns, clock).hold()


SPEECH_SOCKETS: Final = {SPEECH_SOCKET_PATH: SocketRoute(Endpoint.SPEECH_SOCKET, converse)}


class _Conversation:
    def __init__(self, socket: Socket, turns: Turns, clock: Monotonic) -> None:
        self._socket = socket
        self._turns = turns
        self._clock = clock
        self._orders: deque[_Order] = deque()
        self._dictation: Dictation | None = None  # whose text the client writes now
        self._number = 0
        self._changed = asyncio.Event()
        self._listening = Interruptible()
        self._voice: asyncio.Task[None] | None = None

    async def hold(self) -> None:
        """See `converse`."""
        self._socket.leaving.tell = self._changed.set
        self._begin_voice()
        try:
            async with self._listening:
                while True:
                    await self._take(await self._read())
        except ClientGone:
            raise
        except RouterError as error:
            await self._end_voice()
            await self._socket.send(error_told(error))
            await self._socket.close(close_code_of(error), error.reason)
            raise
        finally:
            self._socket.leaving.tell = None
            await self._end_voice()

    # the listener

    async def _read(self) -> str | bytes:
        if self._dictation is None:
            return await self._socket.read()
        try:
            async with asyncio.timeout(PIECE_WITHIN_S):
                return await self._socket.read()
        except TimeoutError:
            raise TooSlow(
                f"Nothing more of a text came for {PIECE_WITHIN_S:g} s, and no end of it; an empty piece says "
                "that there will be more."
            ) from None

    async def _take(self, raw: str | bytes) -> None:
        document = message_of(raw)
        match document.pop("type"):
            case "speak":
                self._queue(_Order(document, size=len(raw)))
            case "text":
                await self._write(document)
            case "end":
                await self._end_dictation()
            case "cancel":
                await self._end_voice()
                await self._socket.send(CancelledTold("cancelled"))
                self._begin_voice()

    def _queue(self, order: _Order) -> None:
        if len(self._orders) >= MAX_WAITING:
            raise RateLimited(f"{MAX_WAITING} utterances wait already.", retry_after_s=_SOON_S)
        if self._orders and sum(each.size for each in self._orders) + order.size > MAX_WAITING_CHARS:
            raise RateLimited(
                f"What waits to be spoken is longer than {MAX_WAITING_CHARS} characters.", retry_after_s=_SOON_S
            )
        self._orders.append(order)
        self._changed.set()

    async def _write(self, document: dict[str, Any]) -> None:
        text = document.pop("text", "")
        if not isinstance(text, str):
            raise InvalidRequest("text: expected `str`", param="text", code="wrong_type")
        if self._dictation is None:
            self._dictation = self._dictated(document.get("language"))
            self._queue(_Order(document, self._dictation))
        elif document:
            raise InvalidRequest(
                "How a text is spoken is said with its first piece.", param=next(iter(document)), code="too_late"
            )
        await self._dictation.write(text)

    def _dictated(self, language: object) -> Dictation:
        max_chars = self._turns.hot.room(Speeches).max_chars

        def lost(*, is_too_long: bool) -> None:
            error: RouterError = RouterError(
                "The text could not be cut into segments; the router's log tells more."
            )
            if is_too_long:
                error = InvalidRequest(
                    f'"text" has more than {max_chars} characters by now; no more are spoken at once '
                    "(speech.max_input_chars).",
                    param="text",
                    code="text_too_long",
                )
            self._listening.interrupt(error)

        named = language if isinstance(language, str) else None  # what it is instead is told when it is spoken
        return Dictation(lost, language=named, max_chars=max_chars, quick_width=QUICK_WIDTH)

    async def _end_dictation(self) -> None:
        dictation, self._dictation = self._dictation, None
        if dictation is not None:
            await dictation.close()

    # the voice

    def _begin_voice(self) -> None:
        self._voice = asyncio.get_running_loop().create_task(self._speak_all(), name="speech socket's voice")

    async def _end_voice(self) -> None:
        """Nothing that was asked for so far is said any more."""
        voice, self._voice = self._voice, None
        dictations = [order.dictation for order in self._orders] + [self._dictation]
        self._orders.clear()
        self._dictation = None
        for dictation in dictations:
            if dictation is not None:
                dictation.drop()
        if voice is not None:
            voice.cancel()
            await asyncio.wait((voice,))

    async def _speak_all(self) -> None:
        try:
            while (order := await self._next_order()) is not None:
                await self._speak(order)
        except RouterError as error:
            self._listening.interrupt(error)
        except Exception:
            _log.exception("an utterance failed inside the router")
            self._listening.interrupt(RouterError("The router failed; its log tells more."))

    async def _next_order(self) -> _Order | None:
        """None when the connection has been closed: nobody asks, or the server shuts down."""
        try:
            async with asyncio.timeout(IDLE_S):
                while not self._orders:
                    if self._socket.leaving.is_given:
                        await self._socket.close(RESTART, "the router shuts down")
                        return None
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            await self._socket.close(NORMAL, "idle")
            return None
        return self._orders.popleft()

    async def _speak(self, order: _Order) -> None:
        number, self._number = self._number, self._number + 1
        try:
            with self._turns.turn(number) as turn:
                await self._speak_in(turn, order, number)
        finally:
            if order.dictation is not None:
                order.dictation.drop()

    async def _speak_in(self, turn: Turn, order: _Order, number: int) -> None:
        speeches, dictation = turn.hot.room(Speeches), order.dictation
        wanted = wanted_of(order.document, max_chars=speeches.max_chars, is_written=dictation is not None)
        if dictation is None:
            telling = await speeches.telling(turn, wanted.request)
        else:
            telling = speeches.expected(turn, wanted.request)
        chunks = SpokenChunks(
            self._socket, speeches.speaker, speeches.store, self._clock, telling, wanted.sizes, number
        )
        if dictation is not None:
            script = dictation.script
            if not await script.has_more():
                await chunks.send_silence()
                return
            turn.record.started = self._clock()  # the client's own time to write is none of ours
            narration = speeches.speaker.improvised(telling, script, is_heard=True, holds=lambda: False)
            await chunks.send(narration, script.is_all)
        elif not telling.passages:
            await chunks.send_silence()
        else:
            count = len(telling.passages)
            await chunks.send(speeches.speaker.narrated(telling), lambda taken: taken == count)
