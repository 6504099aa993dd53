"""LiveKit's openai.TTS at the router: `python livekit_client.py URL KEY`; what came, as JSON."""

import asyncio
import json
import sys
from importlib.metadata import version
from typing import Any, Literal

from livekit.agents import APIConnectOptions, APIStatusError
from livekit.plugins import openai

TEXT = "Hello there. This is a second sentence."
Format = Literal["mp3", "pcm", "wav", "opus", "flac", "aac"]
FORMATS: tuple[Format, ...] = ("mp3", "pcm", "wav", "opus", "flac", "aac")


async def spoken(tts: openai.TTS) -> dict[str, Any]:
    """How long the sound is, or the status that the plugin raises."""
    samples, rate_hz = 0, 0
    try:
        async for event in tts.synthesize(TEXT, conn_options=APIConnectOptions(max_retry=0)):
            samples += event.frame.samples_per_channel
            rate_hz = event.frame.sample_rate
    except APIStatusError as exc:
        return {"status": exc.status_code, "is_retryable": exc.retryable}
    finally:
        await tts.aclose()
    return {"duration_s": samples / rate_hz, "rate_hz": rate_hz}


async def main(url: str, key: str) -> None:
    told: dict[str, Any] = {"version": version("livekit-plugins-openai")}
    for model in ("tts-1", "gpt-4o-mini-tts"):  # plain audio, and events
        for name in FORMATS:
            tts = openai.TTS(base_url=url, api_key=key, model=model, voice="alloy", response_format=name)
            told[f"{model} {name}"] = await spoken(tts)
    told["unknown voice"] = await spoken(openai.TTS(base_url=url, api_key=key, model="tts-1", voice="nobody"))
    told["wrong key"] = await spoken(openai.TTS(base_url=url, api_key="wrong", model="tts-1", voice="alloy"))
    print(json.dumps(told))


asyncio.run(main(*sys.argv[1:]))
