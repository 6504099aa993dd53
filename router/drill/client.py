"""A client on a raw socket: when each piece came, and how the answer ended, which HTTP clients tell in too few
words."""

import asyncio
import json
import time
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any, Final

import httptools

from router.drill.answer import Answer, Kind, Question, Told
from router.drill.hearing import Arrival

READ_BYTES: Final = 65_536
DEADLINE_S: Final = 90.0  # of one answer; a paragraph takes half a minute on the slower node
LOOKUP_S: Final = 3.0


class Client:
    """Asks one router."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def ask(self, question: Question) -> Answer:
        """Ask, and read until the answer or the connection ends. Does not raise for what the router does."""
        answer = Answer(question, time.monotonic())
        await self.fill(answer)
        return answer

    async def fill(self, answer: Answer) -> None:
        """The same into an answer that others may look at meanwhile."""
        answer.asked_s = time.monotonic()
        question = answer.question
        await self._exchange(answer, "POST", question.path, question.document, DEADLINE_S)
        ended_s = time.monotonic()
        if answer.kind.is_speech and answer.status == 200:
            answer.segments = _segments(answer.done or await self._looked_up(answer.request_id))
        answer.ended_s = ended_s

    async def get(self, path: str) -> Any:
        """A JSON document; None when there is none."""
        answer = Answer(Question(Kind.CHAT_JSON, path, {}, ""), time.monotonic())
        await self._exchange(answer, "GET", path, None, LOOKUP_S)
        try:
            return json.loads(bytes(answer.sound)) if answer.is_whole else None
        except ValueError:
            return None

    async def post(self, path: str) -> bool:
        """An order without a body; whether it was taken."""
        answer = Answer(Question(Kind.CHAT_JSON, path, {}, ""), time.monotonic())
        await self._exchange(answer, "POST", path, None, LOOKUP_S)
        return answer.is_whole

    async def _looked_up(self, request_id: str) -> Mapping[str, Any]:
        found = await self.get(f"/v1/audio/speech/{request_id}") if request_id else None
        return found if isinstance(found, dict) else {}

    async def _exchange(self, answer: Answer, method: str, path: str, document: object, deadline_s: float) -> None:
        body = json.dumps(document).encode() if document is not None else b""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            + "".join(f"{line}\r\n" for line in answer.question.headers)
            + "\r\n"
        )
        reading = _Reading(answer)
        try:
            async with asyncio.timeout(deadline_s):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                try:
                    writer.write(head.encode() + body)
                    while not answer.is_complete and (data := await reader.read(READ_BYTES)):
                        reading.feed(data)
                finally:
                    writer.close()
        except (OSError, TimeoutError, httptools.HttpParserError) as exc:
            answer.failure = f"{type(exc).__name__} {exc}".strip()


class _Reading:
    """Fills in an answer from the bytes of a response (httptools' callbacks)."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._parser = httptools.HttpResponseParser(self)
        self._events = b""
        self._is_speech_events = False

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        is_events = self._answer.headers.get("content-type", "").startswith("text/event-stream")
        self._is_speech_events = is_events and self._answer.kind.is_speech

    def on_body(self, body: bytes) -> None:
        if not self._is_speech_events:
            self._arrived(body)
            return
        *events, self._events = (self._events + body).split(b"\n\n")
        for event in events:
            self._event(event)

    def on_message_complete(self) -> None:
        answer = self._answer
        answer.is_complete = True
        if answer.status != 200:
            try:
                said = json.loads(bytes(answer.sound))["error"]
            except (ValueError, KeyError, TypeError):
                said = {"message": bytes(answer.sound[:200]).decode(errors="replace")}
            answer.error = said if isinstance(said, dict) else {"message": str(said)}

    def _event(self, event: bytes) -> None:
        try:
            document = json.loads(event.partition(b"data:")[2])
        except ValueError:
            return  # [DONE], or a comment
        if audio := document.get("audio"):
            self._arrived(a2b_base64(audio))
        elif document.get("type") == "speech.audio.done":
            self._answer.done = document
        elif "error" in document:
            self._answer.error = document["error"]

    def _arrived(self, piece: bytes) -> None:
        answer = self._answer
        answer.sound += piece
        if answer.status == 200:
            answer.arrivals.append(Arrival(time.monotonic(), len(answer.sound)))


def _segments(document: Mapping[str, Any]) -> list[Told]:
    """What a done event or a lookup says of each segment."""
    return [
        Told(str(segment.get("provider") or ""), float(segment.get("audio_duration") or 0.0))
        for segment in document.get("segments") or []
    ]
