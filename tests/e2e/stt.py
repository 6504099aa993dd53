"""A scripted speech-to-text server: OpenAI-compatible, as a process of its own, that says what it was sent.

`python stt.py PORT NAME MODEL…`. The form is parsed by a library and its file only hashed, so that a byte that was
lost, repeated or moved shows. The field `prompt` scripts each server by its name: `{"first": {"status": 503}}`.

    "status": 503      an error with this status
    "cut": 100000      the connection is closed when so many bytes of the body have come
    "stall": true      nothing of the body is read, for ever

GET /_seen tells what came.
"""

import asyncio
import hashlib
import json
import sys
from typing import Any

from multipart import MultipartSegment, PushMultipartParser, parse_options_header
from upstream import Headers, answer_of, chunk, event, head, json_answer

READ_BYTES = 65536


class Facts:
    """What a form held."""

    def __init__(self, content_type: str) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self.filename: str | None = None
        self.fields: list[tuple[str, str]] = []
        self._part: MultipartSegment | None = None
        self._value = b""
        self._parser = PushMultipartParser(parse_options_header(content_type)[1]["boundary"], strict=True)

    def take(self, data: bytes) -> None:
        for each in self._parser.parse(data):
            if isinstance(each, MultipartSegment):
                self._part, self._value = each, b""
            elif each is None:
                self._end()
            elif self._part is not None and self._part.filename is not None:
                self.digest.update(each)
                self.size += len(each)
            else:
                self._value += each

    def _end(self) -> None:
        assert self._part is not None
        if self._part.filename is not None:
            self.filename = self._part.filename
        else:
            self.fields.append((self._part.name or "", self._value.decode()))

    def script(self, name: str) -> dict[str, Any]:
        """What this server is to do; empty while that is not known."""
        found: dict[str, Any] = json.loads(dict(self.fields).get("prompt") or "{}").get(name, {})
        return found

    def close(self) -> None:
        self._parser.close()


class Server:
    """Answers, and remembers."""

    def __init__(self, name: str, models: list[str]) -> None:
        self.name = name
        self.models = models
        self.seen: list[dict[str, Any]] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.served(reader, writer):
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side is gone
        finally:
            writer.close()

    async def served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = raw.removesuffix("\r\n\r\n").split("\r\n")
        method, path, _ = line.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        if method == "GET":
            rows = [{"id": model, "object": "model"} for model in self.models]
            writer.write(json_answer(200, self.seen if path == "/_seen" else {"object": "list", "data": rows}))
            return True
        facts = Facts(headers["content-type"])
        left = int(headers["content-length"])
        while left:
            script = facts.script(self.name)
            if script.get("stall"):
                await asyncio.Event().wait()
            if facts.size >= script.get("cut", left + facts.size + 1):
                return False
            data = await reader.read(min(left, READ_BYTES))
            if not data:
                return False
            facts.take(data)
            left -= len(data)
        facts.close()
        self.answer(path, facts, headers, writer)
        return True

    def answer(self, path: str, facts: Facts, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        fields = dict(facts.fields)
        told = {
            "server": self.name,
            "path": path,
            "sha256": facts.digest.hexdigest(),
            "size": facts.size,
            "filename": facts.filename,
            "fields": facts.fields,
            "headers": headers,
        }
        self.seen.append(told)
        if status := facts.script(self.name).get("status"):
            writer.write(json_answer(status, {"error": {"message": "scripted", "type": "x", "param": None}}))
        elif fields.get("stream") == "true":
            self.stream(told, writer)
        elif fields.get("response_format", "json") in {"json", "verbose_json"}:
            writer.write(json_answer(200, {"text": "what was said", **told}))
        else:
            plain: Headers = [("content-type", "text/plain; charset=utf-8")]
            writer.write(answer_of(200, f"{fields['response_format']} {told['sha256']}\n".encode(), plain))

    def stream(self, told: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        writer.write(head(200, [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]))
        for word in ("what ", "was ", "said"):
            writer.write(chunk(event({"type": "transcript.text.delta", "delta": word})))
        writer.write(chunk(event({"type": "transcript.text.done", "text": "what was said", **told})))
        writer.write(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


async def main(port: int, name: str, models: list[str]) -> None:
    server = await asyncio.start_server(Server(name, models).connected, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
