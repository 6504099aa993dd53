"""One job between the node and a child: from its first frame to the end that the child tells."""

from collections.abc import Awaitable, Callable

from tts_node.errors import BadRequest, EngineFailed, EngineOutOfMemory, NodeError, NotFound
from tts_node.life import wire
from tts_node.life.process import Child
from tts_node.life.watchdog import Watchdog

_MEMORY_RETRY_S = 5


class Exchange:
    """Watched: every frame is a sign of life."""

    def __init__(self, model: str, child: Child, job_id: int, dog: Watchdog) -> None:
        self._model = model
        self._child = child
        self._job_id = job_id
        self._dog = dog

    async def run(self, opening: wire.Speak | wire.Prepare, hear: Callable[[bytes], Awaitable[None]]) -> wire.Done:
        """The good end. Raises what the child says is wrong, ChildEnded, or WireError when it is out of step."""
        self._child.send(opening)
        while True:
            message = await self._child.receive()
            self._dog.feed()
            match message:
                case wire.Audio(job_id, pcm) if job_id == self._job_id:
                    await hear(pcm)
                case wire.Done(job_id) if job_id == self._job_id:
                    return message
                case wire.Failed(job_id) if job_id == self._job_id:
                    raise fault_of(self._model, message)
                case wire.Progress():
                    pass
                case _:
                    raise wire.WireError(f"{type(message).__name__} out of turn")

    def stop(self, grace_s: float) -> None:
        """The listener left: the child has so long to say that it stopped."""
        self._child.send(wire.Cancel(self._job_id))
        self._dog.finish_within(grace_s)


def fault_of(model: str, failed: wire.Failed) -> NodeError:
    """Whose fault it was, as the tree knows it."""
    match failed.fault:
        case wire.Fault.REQUEST:
            return BadRequest(failed.message, param=failed.param, code="engine_refused")
        case wire.Fault.VOICE:
            return NotFound(
                "The voice's recording is gone: it was deleted before it could be spoken with. Upload it again.",
                param="voice",
                code="voice_missing",
            )
        case wire.Fault.MEMORY:
            return EngineOutOfMemory(
                f"{model} had not enough memory for this, or its device failed: {failed.message}. "
                "It starts afresh. Try again.",
                code="out_of_memory",
                retry_after_s=_MEMORY_RETRY_S,
            )
        case wire.Fault.ENGINE:
            return EngineFailed(f"{model} could not speak this: {failed.message}", code="engine_failed")
