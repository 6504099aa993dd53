"""Flags over environment over defaults, as one frozen value; every fault is found and told at once."""

import argparse
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tts_node.domain import AS_FAST_AS_IT_IS, EngineConfig, Simulation
from tts_node.engines import REGISTRY, EngineDescriptor
from tts_node.install.offer import AUTO
from tts_node.install.weights import default_cache_dir, default_weights_dir
from tts_node.life.limits import SlotLimits
from tts_node.text import NO_DICTIONARY, Dictionary, read_dictionary
from tts_node.voices.shelf import default_voices_dir

ENV_PREFIX = "TTS_NODE_"


class SettingsError(Exception):
    """Everything that is wrong with the settings, one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Settings:
    """How this node runs. Defaults are what a fresh machine wants."""

    host: str = "127.0.0.1"
    port: int = 8006
    api_key: str | None = None
    allow_anonymous: bool = False
    allowed_hosts: tuple[str, ...] = ()
    engine: str = AUTO
    device: str = "auto"
    weights_dir: Path = field(default_factory=default_weights_dir)
    cache_dir: Path = field(default_factory=default_cache_dir)
    voices_dir: Path = field(default_factory=default_voices_dir)
    voices_limit: int = 200
    voices_limit_mb: int = 1024
    threads: int = 0
    quantise: str = AUTO
    watermark: bool = True
    dictionary: Dictionary = NO_DICTIONARY
    simulate: Simulation = AS_FAST_AS_IT_IS
    idle_timeout_s: float = 600.0
    memory_budget_mb: int = 0
    queue_limit: int = 8
    queue_wait_s: float = 120.0
    watchdog_s: float = 30.0
    load_timeout_s: float = 300.0
    cancel_grace_s: float = 10.0
    grace_s: float = 20.0
    input_limit: int = 4096
    body_limit_bytes: int = 262_144
    body_timeout_s: float = 30.0
    client_stall_s: float = 120.0
    complete_under_chars: int = 200
    listener_limit: int = 32
    exit_with_stdin: bool = False
    log_format: str = "auto"
    log_level: str = "info"

    @property
    def slot_limits(self) -> SlotLimits:
        """What a slot must know."""
        return SlotLimits(
            idle_timeout_s=self.idle_timeout_s,
            queue_limit=self.queue_limit,
            queue_wait_s=self.queue_wait_s,
            watchdog_s=self.watchdog_s,
            load_timeout_s=self.load_timeout_s,
            cancel_grace_s=self.cancel_grace_s,
        )

    def engine_config(self, descriptor: EngineDescriptor) -> EngineConfig:
        """What a child of this engine must know."""
        return EngineConfig(
            model=descriptor.id,
            device=self.device,
            weights=str(self.weights_dir / descriptor.id) if descriptor.needs_weights else None,
            cache=str(self.cache_dir / descriptor.id),
            threads=self.threads,
            quantise=self.quantise == AUTO,
            watermark=self.watermark,
        )


def _text(text: str) -> str:
    return text


def _key(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a key is printable ASCII without spaces")  # the value itself is not repeated
    return text


def _flag(text: str) -> bool:
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    if text.lower() not in known:
        raise ValueError(f"{text!r} is neither true nor false")
    return known[text.lower()]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _number(text: str) -> float:
    if not re.fullmatch(r"\d{1,9}(\.\d{0,9})?|\.\d{1,9}", text):
        raise ValueError(f"{text!r} is not a number from 0 up")
    return float(text)


def _duration(text: str) -> float:
    if (value := _number(text)) <= 0:
        raise ValueError(f"{text!r} is not a number above 0")
    return value


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(",") if name.strip())


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _one_of(*known: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in known:
            raise ValueError(f"{text!r} is none of {', '.join(known)}")
        return text

    return parse


def parse_device(text: str) -> str:
    """auto, cpu, mps, cuda or cuda:N."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,2})?", text):
        raise ValueError(f"{text!r} is none of auto, cpu, cuda, cuda:0, cuda:1, …, mps")
    return text


def parse_simulation(text: str) -> Simulation:
    """`rtf=0.3,first=0.4,load=2`, each optional, all in seconds (rtf: per second of audio)."""
    values = {"rtf": 0.0, "first": 0.0, "load": 0.0}
    for part in text.split(","):
        name, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator or name not in values:
            raise ValueError(f"{part!r} is not rtf=…, first=… or load=…")
        values[name] = _number(value)
    return Simulation(values["rtf"], values["first"], values["load"])


@dataclass(frozen=True, slots=True)
class Option:
    """One setting's way in: `--some-name` and TTS_NODE_SOME_NAME."""

    name: str
    parse: Callable[[str], Any]
    help: str

    @property
    def flag(self) -> str:
        """On the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """In the environment."""
        return ENV_PREFIX + self.name.upper()


OPTIONS = (
    Option("host", _text, "address to bind; other than loopback needs a key"),
    Option("port", _whole(0, 65535), "port to bind; 0: any free one"),
    Option("api_key", _key, "Bearer key that clients must send (better in the environment: flags are visible)"),
    Option("allow_anonymous", _flag, "bind other addresses without a key"),
    Option("allowed_hosts", _names, "host names clients may use while there is no key, comma-separated"),
    Option("engine", _one_of(AUTO, *REGISTRY), "what `tts-1` and a missing model mean; auto: the best there is"),
    Option("device", parse_device, "auto, cpu, cuda, cuda:1, mps (espeak: always the CPU)"),
    Option("weights_dir", _folder, "models' files, in a folder each"),
    Option("cache_dir", _folder, "what is costly to compute anew, in a folder per model"),
    Option("voices_dir", _folder, "voices copied from recordings; a recording put there becomes a voice"),
    Option("voices_limit", _whole(0, 100_000), "voices in the library"),
    Option("voices_limit_mb", _whole(0, 1_000_000), "MiB that the library may hold"),
    Option("threads", _whole(0, 1024), "CPU threads of an engine; 0: one per core"),
    Option("quantise", _one_of(AUTO, "off"), "auto: int8 on a CPU where it is known to be faster"),
    Option("watermark", _flag, "mark generated speech inaudibly, as Chatterbox does; off: do not"),
    Option("dictionary", read_dictionary, "a TOML file of words that are said otherwise than written"),
    Option("simulate", parse_simulation, "behave like a slower machine: rtf=0.3,first=0.4[,load=2]"),
    Option("idle_timeout_s", _number, "unload a model after so many seconds without use; 0: never"),
    Option("memory_budget_mb", _whole(0, 100_000_000), "what loaded models may take together; 0: by the device"),
    Option("queue_limit", _whole(0, 10_000), "requests that may wait per model and priority"),
    Option("queue_wait_s", _duration, "longest wait in the queue, and for room in memory"),
    Option("watchdog_s", _duration, "silence of a speaking engine after which it is ended"),
    Option("load_timeout_s", _duration, "time a model may take to load"),
    Option("cancel_grace_s", _duration, "time an engine has to stop when its listener left"),
    Option("grace_s", _duration, "time requests have to finish at shutdown"),
    Option("input_limit", _whole(1, 1_000_000), "characters of text per request"),
    Option("body_limit_bytes", _whole(1024, 1_000_000_000), "bytes of a request's body"),
    Option("body_timeout_s", _duration, "time a request's body may take to arrive"),
    Option("client_stall_s", _duration, "time a client may take to read a piece of its reply"),
    Option("complete_under_chars", _whole(0, 1_000_000), "texts up to this length are answered whole"),
    Option("listener_limit", _whole(1, 10_000), "listeners of /events"),
    Option("exit_with_stdin", _flag, "end when stdin does: for a parent that may be killed"),
    Option("log_format", _one_of("auto", "text", "json"), "auto: text on a terminal, else JSON lines"),
    Option("log_level", _one_of("debug", "info", "warning", "error"), "how much is logged"),
)


def add_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """Adds the flags of these settings (none named: all). Values stay text until `read_settings`."""
    defaults = Settings()
    for option in OPTIONS:
        if names and option.name not in names:
            continue
        default = getattr(defaults, option.name)
        shown = (
            f"default {default}; "
            if isinstance(default, str | int | float | Path) and default is not False
            else ""
        )
        flag = parser.add_argument(
            option.flag,
            metavar=option.name.rpartition("_")[2].upper(),
            help=f"{option.help} ({shown}{option.variable})",
        )
        if option.parse is _flag:
            flag.nargs, flag.const = "?", "true"


def read_settings(flags: Mapping[str, str | None], env: Mapping[str, str]) -> Settings:
    """Reads every setting, then raises SettingsError with every fault, or returns a value that can run."""
    faults: list[str] = []
    values: dict[str, Any] = {}
    for option in OPTIONS:
        text = flags.get(option.name)
        source = option.flag
        if text is None:
            text, source = env.get(option.variable) or None, option.variable
        if text is None:
            continue
        try:
            values[option.name] = option.parse(text)
        except ValueError as exc:
            faults.append(f"{source}: {exc}")
    settings = Settings(**values)
    faults += _contradictions(settings)
    if faults:
        raise SettingsError(faults)
    return settings


def _contradictions(settings: Settings) -> list[str]:
    if is_loopback(settings.host) or settings.api_key or settings.allow_anonymous:
        return []
    return [
        (
            f"--host {settings.host}: others could reach this node, and it has no key. Set {ENV_PREFIX}API_KEY "
            '(python3 -c "import secrets; print(secrets.token_urlsafe(24))" makes one), '
            "or pass --allow-anonymous if everyone on that network may speak."
        )
    ]


def is_loopback(host: str) -> bool:
    """Whether binding this address keeps everybody else out."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
