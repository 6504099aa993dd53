"""A Chatterbox server of an AI telephone: `POST /speak` with {text}, answered with a WAV, and nothing else.

After document 000 ("Chatterbox TTS Integration Plan, AI Telephone"). It has no list, no health route and no
settings: one voice, at one speed. So it is looked at by a dial, and another speed is made of what it sends.
"""

from dataclasses import replace
from typing import Final

from router.domain import Model, ProviderCard, Segment, Utterance, Voice
from router.errors import Malformed
from router.health import ProviderSign
from router.ports import Probe
from router.providers.asking import Question, ask, utterance_of
from router.providers.origin import Origin
from router.providers.parcel import complaint_of, pcm_of
from router.providers.server import Server

VOICE: Final = Voice("default", "Default")
_WAV: Final = (b"RIFF", b"RF64")


class ChatterboxSpeak(Server):
    """Implements `ports.SpeechProvider`. `path`: its route; a URL may end with it already, as the telephone's own
    CHATTERBOX_URL does."""

    def __init__(self, card: ProviderCard, origin: Origin, path: str) -> None:
        super().__init__(card, origin)
        self._path = "" if origin.address.path.endswith(path) else path
        self._models = tuple(Model(name) for name in card.known_models)

    async def probe(self) -> Probe:
        """A dial: no route may be assumed, and while it speaks it may answer nobody."""
        seen = await self.dialled(ProviderSign.READY)
        return replace(seen, models=self._models, voices=(VOICE,)) if seen.provider is ProviderSign.READY else seen

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """See `ports.SpeechProvider.speak`."""
        del model
        question = Question(self._path, {"text": segment.text}, understand=complaint_of)
        head, body = await ask(self._origin, self.card, question, request_id)
        if not body.startswith(_WAV):  # its port is Gradio's, which has a page for everything
            raise Malformed(f"sent {len(body)} bytes that are no WAV")
        spoken = utterance_of(head, await pcm_of(body, segment, segment.speed))
        return spoken if spoken.voice else replace(spoken, voice=VOICE.id)
