"""One answer's sound, played by a program of this machine while it comes.

The program is a child of its own session: Ctrl-C at the terminal is for us, and we end it. What it has taken says
nothing of what was heard, for pipes and sound servers hold much; the listener's clock does.
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from router.domain import BYTES_PER_S
from router.ports import Monotonic
from router.speech.playback import Playback
from router.talk.programs import Program
from router.talk.recording import Recording

AT_ONCE_S: Final = 2.0  # a program that ends sooner found no way to play: nothing was heard
GRACE_S: Final = 10.0  # for what it holds when all should have been heard


class Loudspeaker:
    """`programs` are tried in turn; one that fails is taken out of the list, and `tell` hears of it. Without an
    event loop nothing may be called."""

    def __init__(self, programs: list[Program], tell: Callable[[str], None], clock: Monotonic) -> None:
        self._programs = programs
        self._tell = tell
        self._clock = clock
        self._playback = Playback()
        self._pieces: list[bytes] = []  # all of the answer: another program may have to begin anew
        self._has_all = False
        self._has_more = asyncio.Event()
        self._began_s: float | None = None
        self._playing = asyncio.get_running_loop().create_task(self._play(), name="loudspeaker")
        self.has_nobody = False

    @property
    def pcm(self) -> bytes:
        """All that was to be played."""
        return b"".join(self._pieces)

    def add(self, pcm: bytes) -> None:
        """So much more."""
        self._pieces.append(pcm)
        self._playback.handed_over(len(pcm) / BYTES_PER_S, self._clock())
        self._has_more.set()

    def played_s(self) -> float:
        """How much has been heard by now, at most."""
        now = self._clock()
        if self._programs and not self._programs[0].can_stream:
            began_s = self._began_s
            return 0.0 if began_s is None else min(self._playback.handed_s, now - began_s)
        return self._playback.handed_s - self._playback.left_s(now)

    async def finish(self) -> None:
        """Until all has been heard, or cannot be."""
        self._has_all = True
        self._has_more.set()
        within_s = self._playback.handed_s + GRACE_S
        done, _ = await asyncio.wait((self._playing,), timeout=within_s)
        if not done:
            self._tell(f"{self._programs[0].name} does not come to an end; it was stopped.")
        await self.stop()

    async def stop(self) -> None:
        """At once. The program is gone after it."""
        self._playing.cancel()
        await asyncio.wait((self._playing,))
        if not self._playing.cancelled() and (bug := self._playing.exception()) is not None:
            raise bug

    async def _play(self) -> None:
        while self._programs:
            await self._first_piece()
            if not self._pieces:
                return
            program, began_s = self._programs[0], self._clock()
            why = await self._played_by(program)
            if why is None:
                return
            self._programs.remove(program)
            self._tell(f"{program.name} cannot play: {why}")
            if self._clock() - began_s > AT_ONCE_S:
                return  # some of it was heard, and once is enough
        self.has_nobody = True

    async def _first_piece(self) -> None:
        while not self._pieces and not self._has_all:
            self._has_more.clear()
            await self._has_more.wait()

    async def _played_by(self, program: Program) -> str | None:
        """Why it failed; None when it did not."""
        with tempfile.TemporaryDirectory(prefix="talk-") as folder, tempfile.TemporaryFile() as words:
            command = program.command
            if not program.can_stream:
                command = (*command, str(await self._as_file(Path(folder) / "answer.wav")))
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.PIPE if program.can_stream else asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=words,
                    start_new_session=True,
                )
            except OSError as exc:
                return exc.strerror or str(exc)
            self._began_s = self._clock()
            status = await self._to_its_end(process)
            if status == 0:
                return None
            words.seek(0)
            said = words.read().decode(errors="replace").strip()
            return said.splitlines()[-1][:300] if said else f"it ended with status {status}"

    async def _to_its_end(self, process: asyncio.subprocess.Process) -> int:
        try:
            if process.stdin is not None:
                await self._feed(process.stdin)
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _feed(self, stdin: asyncio.StreamWriter) -> None:
        """All pieces, the later ones when they come; less to a program that ends before."""
        number = 0
        try:
            while True:
                while number < len(self._pieces):
                    stdin.write(self._pieces[number])
                    number += 1
                    await stdin.drain()
                if self._has_all:
                    break
                self._has_more.clear()
                await self._has_more.wait()
        except ConnectionError:
            pass  # it has ended; its status tells why
        finally:
            stdin.close()

    async def _as_file(self, path: Path) -> Path:
        while not self._has_all:
            self._has_more.clear()
            await self._has_more.wait()
        with Recording(path) as recording:
            recording.add(self.pcm)
        return path
