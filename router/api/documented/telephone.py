"""An AI telephone."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.datastructures import UploadFile
from litestar.params import JSONBody, MultipartBody
from msgspec import Meta

from router.api.documented.errors import model_errors
from router.api.documented.speech import VoiceName
from router.api.documented.stub import unreachable

LanguageModel = Annotated[str | None, Meta(examples=["demo"])]


class TelephoneBody(msgspec.Struct):
    """A question. `prompt`: what the model is told; `model` is the language model's."""

    text: Annotated[str, Meta(examples=["Who are you?"])]
    prompt: str | None = None
    voice: VoiceName = None
    model: LanguageModel = None
    stream: bool = False


class TelephoneForm(msgspec.Struct):
    """A recorded question; the rest as in `/process-text`."""

    audio: UploadFile
    prompt: str | None = None
    voice: VoiceName = None
    model: LanguageModel = None
    stream: bool = False


class SpeakBody(msgspec.Struct):
    """Words to be said; further fields as in a speech request."""

    text: Annotated[str, Meta(examples=["Hello there."])]
    voice: VoiceName = None


@post(
    "/process-text",
    status_code=200,
    media_type="audio/wav",
    responses=model_errors(422),
    sync_to_thread=False,
)
def process_text(data: JSONBody[TelephoneBody]) -> bytes:
    """An AI telephone's question, answered by a language model and spoken: WAV, with `stream` while it is made."""
    unreachable()


@post(
    "/process-audio",
    status_code=200,
    media_type="audio/wav",
    responses=model_errors(422),
    sync_to_thread=False,
)
def process_audio(data: MultipartBody[TelephoneForm]) -> bytes:
    """The same of a recording (multipart/form-data), which is written down first."""
    unreachable()


@post("/speak", status_code=200, media_type="audio/wav", responses=model_errors(), sync_to_thread=False)
def speak(data: JSONBody[SpeakBody]) -> bytes:
    """Words as WAV, as Chatterbox's own server has it."""
    unreachable()


handlers = [process_text, process_audio, speak]
