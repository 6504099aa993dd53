"""What a person sees when the router is up: addresses, who is there, and two lines to try."""

import socket

from router.app import House
from router.domain import Modality
from router.health import ProviderState

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared, not bound
_MARKS = {ProviderState.UP: "●", ProviderState.COLD: "◐", ProviderState.LOADING: "◐"}


def greeting(house: House, first_key: str | None = None) -> str:
    """The text printed once connections are accepted; `first_key` is one that was just made."""
    server = house.settings.server
    shown = lan_address() if server.host in _EVERYWHERE else server.host
    base = f"http://{f'[{shown}]' if ':' in shown else shown}:{server.port}"
    key = ' -H "Authorization: Bearer $ROUTER_KEY"' if house.settings.clients else ""
    json = "-H 'Content-Type: application/json'"
    speech = """{"input":"Hello! Your house can speak now."}"""
    message = """[{"role":"user","content":"Hello!"}]"""
    chat = f"""{{"model":"{_chat_model(house)}","stream":true,"messages":{message}}}"""
    lines = [
        "",
        f"Local AI Router is up. Base URL for every client: {base}/v1",
        f"Page: {base}/   Metrics: {base}/metrics   OpenAPI: {base}/schema",
        "",
        *_providers(house),
        "",
        *_key_lines(house, first_key),
        "Speech:",
        f"  curl -fsS {base}/v1/audio/speech{key} {json} -d '{speech}' -o hello.mp3",
        "Chat:",
        f"  curl -fsSN {base}/v1/chat/completions{key} {json} -d '{chat}'",
        *_transcription_lines(house, f"{base}/v1/audio/transcriptions{key}"),
        "",
    ]
    return "\n".join(lines)


def lan_address() -> str:
    """This machine's address on its network. Asks the routing table; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _key_lines(house: House, first_key: str | None) -> list[str]:
    if first_key is not None:
        return ["Key for the first client, shown this once:", f"  export ROUTER_KEY={first_key}", ""]
    if house.settings.clients:
        return ["Clients need their key:", "  export ROUTER_KEY=…", ""]
    return []


def _providers(house: House) -> list[str]:
    lines = []
    for name, card in house.roster.cards.items():
        standing = house.roster.standing(name)
        if card.is_demo or (card.is_discovered and not standing.is_available):
            continue
        what = ", ".join(list(house.roster.models_of(name))[:4]) if standing.is_available else standing.detail
        mark = _MARKS.get(standing.state, "○")
        lines.append(f"  {mark} {name:14} {standing.state:9} {what}")
    if not _has_llm(house):
        lines.append(
            "  ○ No LLM server found on this machine yet; the model `demo` stands in. Start Ollama or any other "
            "and it is used within a second."
        )
    return lines


def _transcription_lines(house: House, where: str) -> list[str]:
    if not house.roster.can_serve(Modality.TRANSCRIPTION):
        return []
    return ["Transcription:", f"  curl -fsS {where} -F file=@hello.mp3"]


def _has_llm(house: House) -> bool:
    return _first_llm(house) is not None


def _chat_model(house: House) -> str:
    return _first_llm(house) or "demo"


def _first_llm(house: House) -> str | None:
    for listed in house.catalogue.listed():
        if listed.modality is not Modality.CHAT:
            continue
        for provider in listed.providers:
            if not house.roster.cards[provider].is_demo and house.roster.standing(provider).is_available:
                return listed.id
    return None
