"""LiteLLM's proxy (Python): one worker, no database, the client's key as its master key; for the rest as its page
on production says (docs.litellm.ai/docs/proxy/prod)."""

from typing import Final

from bench.cases import MODELS
from bench.contenders.contender import Place, Recipe
from bench.contenders.installed import environment, version_of
from bench.contenders.interpreter import interpreter

ENVIRONMENT: Final = ".venv-bench-litellm"
_HEAD: Final = """\
general_settings:
  master_key: {key}
litellm_settings:
  set_verbose: false
  request_timeout: 600
model_list:
"""
_MODEL: Final = """\
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: http://127.0.0.1:{upstream_port}/v1
      api_key: none
"""


def recipe(place: Place) -> Recipe:
    """Raises CouldNotStart when it is not installed."""
    folder = environment(ENVIRONMENT)
    python = interpreter(str(folder / "bin" / "python"))
    models = "".join(_MODEL.format(model=model, upstream_port=place.upstream_port) for model in MODELS)
    return Recipe(
        "litellm",
        (
            *("env", "LITELLM_MODE=PRODUCTION", "LITELLM_LOG=ERROR"),
            "LITELLM_LOCAL_MODEL_COST_MAP=True",  # else its start waits for a download
            str(folder / "bin" / "litellm"),
            *("--config", str(place.directory / "litellm.yaml")),
            *("--host", "127.0.0.1", "--port", str(place.port), "--num_workers", "1"),
        ),
        files={"litellm.yaml": _HEAD.format(key=place.key) + models},
        is_slow=True,
        # It puts ../.. first on Python's path (proxy_cli.py): nothing that it could import may lie there.
        cwd=place.directory / "here" / "and_below",
        setup=f"{version_of(folder, 'litellm')}: one worker, no database, log of errors; {python}",
        start_within_s=180.0,
    )
