"""The Chatterbox server of document 000 ("Chatterbox TTS Integration Plan, AI Telephone"): `POST /speak` with
{text}, answered with a WAV. The document defines nothing else, so neither does this: no key, no list, no health;
errors are Flask's pages.
"""

from vendors.server import RETRY_AFTER_S, Answer, Asked, Mode, Vendor
from vendors.sound import seconds_of, tone, wav

_TITLES = {401: "Unauthorized", 402: "Payment Required", 404: "Not Found", 405: "Method Not Allowed"}
_TITLES |= {400: "Bad Request", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}


class ChatterboxSpeak(Vendor):
    """The fake. `rate_hz`: of its WAV."""

    name = "chatterbox-speak"
    garbage = Answer(200, b"<!doctype html><title>Gradio</title>", {"content-type": "text/html"})

    def __init__(self, mode: Mode = Mode.WELL, *, rate_hz: int = 24_000) -> None:
        super().__init__(mode, "")
        self.rate_hz = rate_hz

    def is_speech(self, asked: Asked) -> bool:
        return asked.method == "POST" and asked.path == "/speak"

    def has_key(self, asked: Asked) -> bool:
        return True

    def refusal(self, mode: Mode) -> Answer:
        match mode:
            case Mode.BAD_KEY:
                return _page(401)
            case Mode.QUOTA:
                return _page(402)
            case Mode.BUSY:
                return Answer(
                    429, _page(429).body, {"content-type": "text/html", "retry-after": str(RETRY_AFTER_S)}
                )
            case Mode.UNAVAILABLE:
                return _page(503)
        return _page(500)

    def answer(self, asked: Asked) -> Answer:
        if asked.path != "/speak":
            return _page(404)
        if asked.method != "POST":
            return _page(405)
        text = asked.json.get("text")
        if not isinstance(text, str) or list(asked.json) != ["text"]:
            return _page(400)
        sound = wav(tone(seconds_of(text), self.rate_hz), self.rate_hz)
        return Answer(200, sound, {"content-type": "audio/wav"})


def _page(status: int) -> Answer:
    title = f"<!doctype html>\n<html lang=en>\n<title>{status} {_TITLES[status]}</title>\n"
    return Answer(status, title.encode(), {"content-type": "text/html; charset=utf-8"})
