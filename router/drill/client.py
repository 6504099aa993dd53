"""A client on a raw socket: when each piece came, and how the answer ended, which HTTP clients tell in too few
words."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, Final

import httptools

from router.drill.answer import Answer, Kind, Question, Told
from router.drill.reading import Reading, told

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
        if (answer.kind.is_speech or answer.kind is Kind.ALOUD_JSON) and answer.status == 200:
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
        reading = Reading(answer)
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


def _segments(document: Mapping[str, Any]) -> list[Told]:
    """What a done event or a lookup says of each segment."""
    return [told(segment) for segment in document.get("segments") or []]
