"""A client of the voice library: uploads as OpenAI's clients send them, and what it lists and speaks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

import recordings
from cloning import CLONER
from nodes import hosted
from tts_node.app import App

ANNA = recordings.voice(120)
BERT = recordings.voice(180)
ROUTE = "/v1/audio/voices"


async def post(client: httpx.AsyncClient, data: bytes = ANNA, name: str = "Anna", **fields: str) -> httpx.Response:
    """An upload as OpenAI's clients send it."""
    files = {"audio_sample": ("sample.wav", data, "audio/wav")}
    return await client.post(ROUTE, data={"name": name} | fields, files=files)


async def listed(client: httpx.AsyncClient) -> list[Any]:
    """The library's voices."""
    return [row for row in (await client.get(ROUTE)).json()["voices"] if not row["builtin"]]


async def speak(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    """One sentence as PCM."""
    wish = {"input": "Hello there, how are you?", "response_format": "pcm"}
    return await client.post("/v1/audio/speech", json=wish | body)


@asynccontextmanager
async def node_in(folder: Path) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    """A node whose library is there."""
    async with hosted(CLONER, voices_dir=str(folder)) as (app, client):
        yield app, client
