"""One client's connection: what it says is heard while it is spoken to, so that its leaving is noticed at once.

A half-closed connection counts as left, as over HTTP. After an `error` the connection is closed: Home Assistant
takes no notice of the event, and would wait for ever.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, cast

from router.dictation import Dictation
from router.errors import ClientGone, InvalidRequest, Malformed, RouterError
from router.lingering import Lingering
from router.wyoming import Event, EventReader, encode, messages
from router.wyoming_server.studio import Studio

CLIENT_STALL_S: Final = 300.0  # a client that takes nothing for so long is gone
ANSWER_WITHIN_S: Final = 10.0  # likewise of what is said in passing: meanwhile nobody listens to it
MAX_WAITING: Final = 8  # texts of one connection, behind the one that is spoken
READ_BYTES: Final = 64 * 1024
Work = Callable[[], Awaitable[None]]
T = TypeVar("T")


class Session:
    """Serves until the client leaves, is idle for `idle_s`, or something fails. `studio()` is the one of the
    configuration as it is when a text comes."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        studio: Callable[[], Studio],
        *,
        idle_s: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._studio = studio
        self._idle_s = idle_s
        self._events = EventReader()
        self._works: asyncio.Queue[Work] = asyncio.Queue(MAX_WAITING)
        self._is_speaking = False
        self._text: Dictation | None = None  # one that is still being written

    async def serve(self) -> None:
        """Closes the connection at the end. Does not raise what is the client's or a provider's fault."""
        loop = asyncio.get_running_loop()
        tasks = (
            loop.create_task(self._listen(), name="wyoming client"),
            loop.create_task(self._speak(), name="wyoming voice"),
        )
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            if self._text is not None:
                self._text.drop()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self._hang_up(next((each for each in results if isinstance(each, Exception)), None))
        for each in results:
            if isinstance(each, Exception) and not isinstance(each, RouterError):
                raise each

    # sound.Listener

    async def send(self, event: Event) -> None:
        """See `sound.Listener`."""
        await self._write(event, CLIENT_STALL_S)

    async def _write(self, event: Event, stall_s: float) -> None:
        self._writer.write(encode(event))
        try:
            async with asyncio.timeout(stall_s):
                await self._writer.drain()
        except (OSError, TimeoutError) as exc:
            raise ClientGone("the client takes nothing more") from exc

    # what comes

    async def _listen(self) -> None:
        """Until the client is gone or idle. Raises RouterError."""
        loop = asyncio.get_running_loop()
        silent_at = loop.time() + self._idle_s
        while True:
            try:
                async with asyncio.timeout_at(silent_at):
                    chunk = await self._reader.read(READ_BYTES)
            except TimeoutError:  # the kernel's, too, when a machine has vanished
                if self._reader.exception() is not None or not self._is_listening:
                    return
                silent_at = loop.time() + self._idle_s
                continue
            except OSError:
                return
            if not chunk:
                return
            for event in self._read(chunk):
                await self._take(event)
                silent_at = loop.time() + self._idle_s

    @property
    def _is_listening(self) -> bool:
        """Whether the client has a reason to say nothing: it is spoken to, and has said all it had to say."""
        return self._text is None and (self._is_speaking or not self._works.empty())

    def _read(self, chunk: bytes) -> list[Event]:
        try:
            return list(self._events.feed(chunk))
        except Malformed as fault:
            raise InvalidRequest(f"The client {fault.message}.", code="malformed") from fault

    async def _take(self, event: Event) -> None:
        """What nobody here knows means nothing, by the protocol's rule. Raises InvalidRequest, ClientGone."""
        match event.type:
            case messages.DESCRIBE:
                await self._write(self._studio().info(), ANSWER_WITHIN_S)
            case messages.PING:
                await self._write(Event(messages.PONG, {"text": event.data.get("text")}), ANSWER_WITHIN_S)
            case messages.SYNTHESIZE if self._text is None:  # else a copy, for services that cannot stream
                asked = _said(event, messages.Synthesize)
                if len(asked.text) > self._studio().speech.max_input_chars:  # now: what waits is kept
                    raise self._studio().too_long()
                self._add(lambda: self._studio().speak(asked, self))
            case messages.SYNTHESIZE_START:
                self._begin(_said(event, messages.Synthesize))
            case messages.SYNTHESIZE_CHUNK:
                await self._go_on(self._begun(event), _said(event, messages.Given).text)
            case messages.SYNTHESIZE_STOP:
                text = self._begun(event)
                self._text = None
                await text.close()

    def _begin(self, asked: messages.Synthesize) -> None:
        if self._text is not None:
            raise InvalidRequest("Another text is not finished yet.", code="out_of_order")
        speech = self._studio().speech
        text = self._text = Dictation(
            language=asked.voice.language if asked.voice is not None else None,
            max_chars=speech.max_input_chars,
            quick_width=speech.quick_chars,
        )
        self._add(lambda: self._studio().perform(asked, text, self))

    async def _go_on(self, text: Dictation, piece: str) -> None:
        await text.write(piece)
        if text.is_lost:
            raise self._studio().too_long()

    def _begun(self, event: Event) -> Dictation:
        if self._text is None:
            raise InvalidRequest(f"{event.type} comes after synthesize-start.", code="out_of_order")
        return self._text

    def _add(self, work: Work) -> None:
        try:
            self._works.put_nowait(work)
        except asyncio.QueueFull:
            raise InvalidRequest(
                f"{MAX_WAITING} texts wait on this connection already.", code="too_many_texts"
            ) from None

    async def _speak(self) -> None:
        """One text after the other. Raises RouterError."""
        while True:
            work = await self._works.get()
            self._is_speaking = True
            await work()
            self._is_speaking = False

    def _hang_up(self, error: Exception | None) -> None:
        transport = cast("asyncio.Transport", self._writer.transport)
        if transport.is_closing():
            return
        if isinstance(error, ClientGone):
            transport.abort()  # it takes nothing more, so what waits for it would wait for ever
            return
        if error is None:
            self._writer.close()
            return
        said = error if isinstance(error, RouterError) else RouterError("The router failed; its log tells more.")
        alarm = messages.Alarm(said.message, said.code or said.reason)
        with contextlib.suppress(OSError):
            self._writer.write(encode(messages.written(messages.ERROR, alarm)))
        # What it still sends is thrown away: a reset could overtake the event.
        Lingering(transport, cast("asyncio.Protocol", transport.get_protocol()))


def _said(event: Event, kind: type[T]) -> T:
    try:
        return messages.read(event, kind)
    except Malformed as fault:
        raise InvalidRequest(f"The client {fault.message}.", code="malformed") from fault
