"""The real package on tiny checkpoints: built, loaded and kept for the session. Run in .venv-chatterbox only."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes import RunningNode
from spoken import FACTORIES, MODELS, ROOM, recording
from tts_node.domain import Clip, EngineConfig
from tts_node.engines.chatterbox import random_weights
from tts_node.engines.chatterbox.engine import ChatterboxEngine

# The package's and its libraries' own deprecations; ours stay errors.
_FOREIGN = ("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Adds the filters to every test of this folder."""
    for item in items:
        for warning in _FOREIGN:
            item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per model, as `tts-node download` would leave it."""
    folder = tmp_path_factory.mktemp("weights")
    for model in MODELS:
        random_weights.build(model, "tiny", folder / model)
    return folder


@pytest.fixture(scope="session")
def engines(weights: Path) -> dict[str, ChatterboxEngine]:
    """Every model, loaded as float32 on one thread; tests leave them as they were."""
    loaded = {}
    for model, factory in FACTORIES.items():
        config = EngineConfig(model=model, weights=str(weights / model), quantise=False, threads=1)
        loaded[model] = factory(config)
        loaded[model].load()
    return loaded


@pytest.fixture(params=MODELS)
def engine(request: pytest.FixtureRequest, engines: dict[str, ChatterboxEngine]) -> ChatterboxEngine:
    """Each model in turn."""
    return engines[request.param]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    """Two recordings long enough for every model."""
    folder = tmp_path_factory.mktemp("clips")
    return {
        name: recording(folder, name, pitch_hz, duration_s)
        for name, pitch_hz, duration_s in (("low", 110.0, 6.0), ("high", 230.0, 7.0))
    }


@pytest.fixture(scope="session")
def chatterbox_node(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A node that speaks with all three models."""
    folders = ("--weights-dir", str(weights), "--cache-dir", str(tmp_path_factory.mktemp("cache")))
    with RunningNode(*folders, "--engine", "chatterbox-turbo", "--threads", "1", *ROOM) as running:
        running.client.timeout = 120.0  # a child's first import of torch, on a busy machine
        yield running
