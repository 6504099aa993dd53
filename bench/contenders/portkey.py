"""Portkey's gateway (Node): told with each request where to go, without its console and the log that feeds it.

bench/requirements/portkey holds its @hono/node-server at 1.13.8: with a newer one it answers every stream with
a 500 (github.com/Portkey-AI/gateway/issues/1389).
"""

import json
from pathlib import Path
from typing import Final

from bench.contenders.contender import Place, Recipe
from bench.contenders.installed import environment, tool

FOLDER: Final = ".bench-portkey"
_PACKAGE: Final = "node_modules/@portkey-ai/gateway"


def recipe(place: Place) -> Recipe:
    """Raises CouldNotStart when it, or what installs and runs it, is missing."""
    tool("npm")  # which `make bench` needs to install it: the reason, where it has not
    node, folder = tool("node"), environment(FOLDER)
    package = folder / _PACKAGE
    return Recipe(
        "portkey",
        (
            *("env", "NODE_ENV=production"),
            *(node, str(package / "build" / "start-server.js")),  # not by npx, which would keep it as a child
            *(f"--port={place.port}", "--headless"),
        ),
        has_few_cases=True,
        extra_headers={
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{place.upstream_port}/v1",
        },
        setup=f"{_version(package)}: headless, NODE_ENV=production",
    )


def _version(package: Path) -> str:
    version: str = json.loads((package / "package.json").read_text())["version"]
    return version
