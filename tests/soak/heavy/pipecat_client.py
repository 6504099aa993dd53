"""Pipecat's OpenAITTSService at the router: `python pipecat_client.py URL KEY`; what came, as JSON."""

import asyncio
import json
import sys
from importlib.metadata import version
from typing import Any

from loguru import logger
from pipecat.frames.frames import TTSAudioRawFrame, TTSSpeakFrame
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.tests.utils import run_test

TEXT = "Hello there. How are you?"


async def spoken(url: str, key: str, model: str) -> dict[str, Any]:
    """Which frames came down the pipeline, and how long their sound is."""
    settings = OpenAITTSService.Settings(voice="alloy", model=model)
    service = OpenAITTSService(api_key=key, base_url=url, settings=settings)
    down, up = await run_test(service, frames_to_send=[TTSSpeakFrame(TEXT)])
    sound = [frame for frame in down if isinstance(frame, TTSAudioRawFrame)]
    return {
        "frames": sorted({type(frame).__name__ for frame in down}),
        "up": [type(frame).__name__ for frame in up],
        "duration_s": sum(len(frame.audio) for frame in sound) / 48_000,
        "rates_hz": sorted({frame.sample_rate for frame in sound}),
    }


async def main(url: str, key: str) -> None:
    logger.remove()
    told: dict[str, Any] = {"version": version("pipecat-ai")}
    for model in ("gpt-4o-mini-tts", "tts-1"):
        told[model] = await spoken(url, key, model)
    print(json.dumps(told))


asyncio.run(main(*sys.argv[1:]))
