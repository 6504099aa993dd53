"""LiteLLM at the router: `python litellm_client.py URL KEY`; what came, as JSON."""

import json
import os
import sys
from importlib.metadata import version
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # before the import, which asks the internet otherwise
import litellm

HELLO = [{"role": "user", "content": "Hello!"}]


def refused(**said: Any) -> dict[str, Any]:
    """Which error it raises."""
    try:
        litellm.completion(messages=HELLO, num_retries=0, **said)
    except Exception as exc:
        return {"error": type(exc).__name__, "status": getattr(exc, "status_code", None)}
    return {}


def main(url: str, key: str) -> None:
    at: dict[str, Any] = {"api_base": url, "api_key": key}
    whole = litellm.completion(model="openai/demo", messages=HELLO, num_retries=0, **at)
    stream = litellm.completion(model="openai/demo", messages=HELLO, num_retries=0, stream=True, **at)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
    speech = litellm.speech(model="openai/tts-1", input="Hello there.", voice="alloy", response_format="wav", **at)
    told = {
        "version": version("litellm"),
        "chat": whole.choices[0].message.content,
        "tokens": whole.usage.total_tokens,
        "stream": "".join(pieces),
        "pieces": len(pieces),
        "speech": speech.content[:4].decode("latin-1"),
        "speech_bytes": len(speech.content),
        "unknown model": refused(model="openai/dmeo", **at),
        "wrong key": refused(model="openai/demo", api_base=url, api_key="wrong"),
    }
    print(json.dumps(told))


main(*sys.argv[1:])
