"""Somebody who asks one question after the other over a kept connection, and reads each answer to its end."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Final

from bench.cases import CHAT, SPEECH
from bench.servers import CannotMeasure
from bench.voices.house import House
from bench.voices.node import CHAT_MODEL

_WITHIN_S: Final = 60.0
_QUESTION: Final = json.dumps(
    {"model": CHAT_MODEL, "messages": [{"role": "user", "content": "Which machine of this house answers me?"}]}
).encode()


class Caller:
    """Blocks. Raises CannotMeasure for an answer that is no 200, or is cut."""

    def __init__(self, house: House) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=_WITHIN_S)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {house.key}"}

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def asks_for(self, seconds: float, body: Callable[[], bytes]) -> tuple[int, float]:
        """Speech for so long: how many answers, and how many seconds of sound their heads told of."""
        answers, told_s = 0, 0.0
        ends = time.monotonic() + seconds
        while not answers or time.monotonic() < ends:
            told_s += self._ask(SPEECH, body())
            answers += 1
        return answers, told_s

    def chats_for(self, seconds: float) -> list[float]:
        """How many seconds each chat took, one after the other."""
        took_s: list[float] = []
        ends = time.monotonic() + seconds
        while not took_s or time.monotonic() < ends:
            began = time.perf_counter()
            self._ask(CHAT, _QUESTION)
            took_s.append(time.perf_counter() - began)
        return took_s

    def _ask(self, path: str, body: bytes) -> float:
        try:
            self._connection.request("POST", path, body, self._headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            raise CannotMeasure(f"{path}: {exc!r}") from exc
        if answer.status != 200:
            raise CannotMeasure(f"{path}: status {answer.status}: {said[:300]!r}")
        return float(answer.headers.get("X-Audio-Duration", "0"))
