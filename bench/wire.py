"""Requests as they go over the wire."""

from collections.abc import Mapping


def request(path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A POST of `body`, or a GET without one."""
    told = {"Host": "127.0.0.1", **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
