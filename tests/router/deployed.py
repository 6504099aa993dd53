"""What the tests of `deploy/` share: compose's services and variables, and the contract's ports."""

import re
from typing import Any, Final

from deploy_files import DEPLOY, load_yaml

ROOT: Final = DEPLOY.parent
COMPOSE: Final = DEPLOY / "compose.yaml"
PORTS: Final = {"router": 8700, "tts-node": 8006, "prometheus": 9090, "grafana": 3000, "ollama": 11434}
BUILT: Final = ("router", "tts-node")
VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def services() -> dict[str, Any]:
    """The services of compose.yaml."""
    found: dict[str, Any] = load_yaml(COMPOSE)["services"]
    return found
