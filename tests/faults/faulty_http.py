"""HTTP/1.1 as bytes: what a faulty upstream reads and writes when it is well, and the RST when it is not."""

import asyncio
import json
import socket
import struct


def reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN (socket(7), SO_LINGER of zero)."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def read_request(
    first: bytes, reader: asyncio.StreamReader
) -> tuple[str, str, list[tuple[str, str]], bytes]:
    raw = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = raw.removesuffix("\r\n\r\n").split("\r\n")
    method, path, _ = line.split(" ", 2)
    headers = [(name.lower(), value.strip()) for name, _, value in (field.partition(":") for field in fields)]
    length = next((int(value) for name, value in headers if name == "content-length"), 0)
    return method, path, headers, await reader.readexactly(length)


def head(status: int, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(status: int, document: object, extra: list[tuple[str, str]] | None = None) -> bytes:
    body = json.dumps(document).encode()
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return head(status, fields + (extra or [])) + body
