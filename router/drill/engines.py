"""What the drill's nodes speak with: espeak, or tiny Chatterbox checkpoints through the real package."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from router.drill.machine import Speech
from router.drill.process import CannotDrill, Process
from router.node_process import node_command

ENGINES: Final = ("espeak", "chatterbox-tiny")
_CHATTERBOX: Final = Path(__file__).parents[2] / ".venv-chatterbox" / "bin"
_MODEL: Final = "chatterbox-turbo"
_WEIGHTS_WITHIN_S: Final = 180.0


@dataclass(frozen=True, slots=True)
class Engine:
    """`model` is the name its nodes know it by; `label` says in the report what it is."""

    name: str
    model: str
    label: str
    command: tuple[str, ...]
    flags: tuple[str, ...] = ()
    gpu_like: str = "rtf=0.3,first=0.4"
    cpu_like: str = "rtf=0.5,first=0.2"

    def speech(self, simulation: str) -> Speech:
        return Speech(self.command, self.model, simulation, self.flags)


async def engine(name: str, folder: Path, started: list[Process]) -> Engine:
    """Ready to be started. Raises CannotDrill."""
    if name == "espeak":
        command = node_command()
        if command is None:
            raise CannotDrill(
                "no tts-node is installed here: `make run` installs one, or put tts-node on the PATH"
            )
        return Engine(name, "espeak", "espeak-ng", tuple(command))
    return await _tiny_chatterbox(folder, started)


async def _tiny_chatterbox(folder: Path, started: list[Process]) -> Engine:
    node, python = _CHATTERBOX / "tts-node", _CHATTERBOX / "python"
    if not node.exists():
        raise CannotDrill(
            "chatterbox-tiny needs .venv-chatterbox, a tts-node with the real chatterbox-tts, which is not "
            "here: `make .venv-chatterbox/.ready` (one to three minutes), or use --engine espeak"
        )
    weights = folder / "weights"
    module = "tts_node.engines.chatterbox.random_weights"
    maker = Process("weights", [str(python), "-m", module, _MODEL, "tiny", str(weights / _MODEL)], folder)
    started.append(maker)
    await maker.start()
    try:
        status = await asyncio.wait_for(maker.streams.wait(), _WEIGHTS_WITHIN_S)
    except TimeoutError:
        status = -1
    if status:
        raise CannotDrill(f"the tiny Chatterbox checkpoint could not be made:\n{maker.tail()}")
    label = "chatterbox-turbo (the real package) on a tiny checkpoint with random weights: noise, not speech"
    flags = ("--weights-dir", str(weights), "--device", "cpu")
    # Every sentence is 1.3 s of noise, however long its text; 0.4 s before each would be 0.3 s more per second of
    # sound, and the slower node would be no "RTF 0.5".
    return Engine("chatterbox-tiny", _MODEL, label, (str(node),), flags, "rtf=0.3,first=0.1", "rtf=0.5,first=0.05")
