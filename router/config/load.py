"""From a file to settings that fit together, or to every reason why not.

Three passes, each adding its faults to the same list: YAML and variables (`source.py`), types (`settings.py`),
and references between sections (here). No network.
"""

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from router.config import provider_settings
from router.config import settings as other_settings
from router.config.provider_settings import HttpProviderBase, LocalLlmProvider, WyomingProvider
from router.config.settings import Settings
from router.config.source import Fault, KeyPath, Source, dotted, read, retyped
from router.domain import Modality

# Names that `provider/model` must stay able to tell apart from a path or another option.
_NAME_RULE: Final = "a name has letters, digits, '.', '_' and '-' only"
_TYPE_ERRORS: Final = frozenset({"int_type", "float_type", "bool_type"})
_ENTRY_SECTIONS: Final = frozenset({"hosts", "providers", "models", "voices", "clients"})
_NAMED_SECTIONS: Final = ("hosts", "providers", "clients")


class ConfigError(Exception):
    """The configuration cannot be used; `faults` says everything that is wrong with it, in file order."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(map(str, self.faults)))


def load(file: Path, environment: Mapping[str, str]) -> Settings:
    """Settings from `file`. Raises ConfigError with every fault at once."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
        raise ConfigError([Fault(0, "", f"cannot be read: {reason}", str(file))]) from exc
    return parse(text, str(file), environment)


def parse(text: str, file: str, environment: Mapping[str, str]) -> Settings:
    """Settings from YAML `text`; `file` is the name used in faults. Raises ConfigError."""
    source = read(text, file, environment)
    settings, left_out = _typed(source)
    if settings is not None:
        for path, message in _misfits(settings, left_out):
            source.complain(path, message)
    if source.faults or settings is None:
        raise ConfigError(source.faults)
    return settings


def check_exposure(settings: Settings, file: str) -> None:
    """Refuse to serve others without keys. Raises ConfigError.

    Apart from `parse`, because the address may yet come from a flag or the environment.
    """
    faults, server, wyoming = [], settings.server, settings.wyoming
    if not (settings.clients or server.allow_anonymous or is_loopback(server.host)):
        message = (
            f"{server.host} can be reached by others, so client keys are needed: run "
            "`local-ai-router keys new NAME`, or say server.allow_anonymous: true, or bind 127.0.0.1"
        )
        faults.append(Fault(0, "server.host", message, file))
    is_guarded = wyoming.allow_anonymous or wyoming.allowed_addresses or is_loopback(wyoming.host)
    if wyoming.enabled and not is_guarded:
        message = (
            f"{wyoming.host} can be reached by others, and the Wyoming protocol has no keys: list who may connect "
            "in wyoming.allowed_addresses, or say wyoming.allow_anonymous: true, or bind 127.0.0.1"
        )
        faults.append(Fault(0, "wyoming.host", message, file))
    if faults:
        raise ConfigError(faults)


def is_loopback(host: str) -> bool:
    """Whether an address to bind, or a Host header's name, stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def schema() -> str:
    """JSON schema of the file, for editors."""
    document = Settings.model_json_schema()
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "config/providers.yaml of Local AI Router"
    return json.dumps(_with_variables(document), indent=2) + "\n"


def _with_variables(node: object) -> object:
    """Let `${NAME}` stand where a number or a switch is expected: an editor sees the file before substitution."""
    if isinstance(node, list):
        return [_with_variables(item) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _with_variables(value) for key, value in node.items()}
    if copy.get("type") in {"integer", "number", "boolean"}:
        described = {key: copy.pop(key) for key in ("title", "description", "default") if key in copy}
        return {**described, "anyOf": [copy, {"type": "string", "pattern": r"\$\{"}]}
    return copy


def _typed(source: Source) -> tuple[Settings | None, set[KeyPath]]:
    """The settings, and what had to be left out of them because its types are wrong (the faults say so)."""
    if source.values is None:
        return None, set()
    is_retyped = False
    left_out: set[KeyPath] = set()
    while True:
        try:
            return _validated(source), left_out
        except ValidationError as exc:
            if not is_retyped and _retype(source, exc):
                is_retyped = True
                continue
            _complain(source, exc)
            removed = _leave_out(source, exc)
            if not removed:
                return None, left_out
            left_out |= removed


def _leave_out(source: Source, exc: ValidationError) -> set[KeyPath]:
    """Remove the entries with faults, so that the rest can be checked as well. What was removed."""
    removed: set[KeyPath] = set()
    for error in exc.errors():
        path = _real_path(error["loc"], source)
        entry = path[:2] if path and path[0] in _ENTRY_SECTIONS else path[:1]
        parent: Any = source.values
        for part in entry[:-1]:
            parent = parent.get(part) if isinstance(parent, dict) else None
        if isinstance(parent, dict) and entry and parent.pop(entry[-1], None) is not None:
            removed.add(entry)
    return removed


def _validated(source: Source) -> Settings:
    # Through JSON, because pydantic's strict mode takes enumerations as text only there.
    return Settings.model_validate_json(json.dumps(source.values))


def _complain(source: Source, exc: ValidationError) -> None:
    for error in exc.errors(include_url=False, include_context=True):
        source.complain(_real_path(error["loc"], source), _in_words(error))


def _retype(source: Source, exc: ValidationError) -> bool:
    """Read variables as numbers or switches where the key wants one. Whether any was."""
    paths = {_real_path(error["loc"], source) for error in exc.errors() if error["type"] in _TYPE_ERRORS}
    paths &= source.from_variables
    for path in paths:
        parent: Any = source.values
        for part in path[:-1]:
            parent = parent[part]
        parent[path[-1]] = retyped(parent[path[-1]])
    return bool(paths)


def _real_path(loc: KeyPath, source: Source) -> KeyPath:
    """pydantic's location without the tag that it inserts for a union's member."""
    path: KeyPath = ()
    for index, part in enumerate(loc):
        is_last = index == len(loc) - 1
        if (*path, part) in source.lines or is_last:
            path = (*path, part)
    return path


def _in_words(error: ErrorDetails) -> str:
    key = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "extra_forbidden":
            close = get_close_matches(key, _all_keys(), n=1)
            return "unknown key" + (f"; did you mean {close[0]}?" if close else "")
        case "missing":
            return "missing, and has no default"
        case "union_tag_not_found":
            return "kind is missing: openai, tts-node, local-llm or demo"
        case "union_tag_invalid":
            return f"unknown kind {error['ctx']['tag']!r}: {error['ctx']['expected_tags']}"
        case "model_type" | "dict_type":
            return f"must be a mapping, is {error['input']!r}"
        case "string_pattern_mismatch" if error["loc"][-1] == "key_sha256":
            return "must be 64 hexadecimal digits, as `local-ai-router keys new NAME` prints them"
    message = error["msg"].removeprefix("Input ").replace("should be", "must be")
    return f"{message}, is {error['input']!r}"


def _all_keys() -> list[str]:
    named = {**vars(provider_settings), **vars(other_settings)}.values()
    classes = [c for c in named if isinstance(c, type) and issubclass(c, BaseModel)]
    return sorted({name for c in classes for name in c.model_fields})


def _misfits(settings: Settings, left_out: set[KeyPath]) -> Iterator[tuple[KeyPath, str]]:
    """What is right by itself but does not fit the rest. References to what was left out are not faults."""
    yield from _bad_names(settings)
    hosts = [*settings.hosts, *(str(path[1]) for path in left_out if path[0] == "hosts" and len(path) > 1)]
    for name, provider in settings.providers.items():
        if isinstance(provider, HttpProviderBase):
            yield from _address_misfits(("providers", name), provider, hosts)
    providers = _provider_names(settings)
    providers += [str(path[1]) for path in left_out if path[0] == "providers" and len(path) > 1]
    for name, provider in settings.providers.items():
        for port_name in provider.ports if isinstance(provider, LocalLlmProvider) else ():
            if providers.count(port_name) > 1:
                yield ("providers", name, "ports", port_name), "another provider has this name already"
    for name, model in settings.models.items():
        for index, route in enumerate(model.routes):
            if route.provider not in providers:
                yield (
                    ("models", name, "routes", index, "provider"),
                    _dangling("provider", route.provider, providers),
                )
    yield from _transcription_misfits(settings)
    for name, voice in settings.voices.items():
        for provider_name in voice.use:
            if provider_name not in providers:
                yield ("voices", name, "use", provider_name), _dangling("provider", provider_name, providers)
    yield from _key_misfits(settings)
    yield from _stranger_misfits(settings)


def _transcription_misfits(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    """Routes of models that transcribe, to providers that do not say that they do."""
    for name, model in settings.models.items():
        for index, route in enumerate(model.routes if model.serves is Modality.TRANSCRIPTION else []):
            provider = settings.providers.get(route.provider)
            if provider is None or Modality.TRANSCRIPTION in getattr(provider, "serves", ()):
                continue
            path: KeyPath = ("models", name, "routes", index, "provider")
            yield path, f"{route.provider} does not transcribe; say `serves: [transcription]` there if it does"


def _bad_names(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    for section in _NAMED_SECTIONS:
        for name in getattr(settings, section):
            if not is_name(name):
                yield (section, name), _NAME_RULE
    for name, provider in settings.providers.items():
        for port_name in provider.ports if isinstance(provider, LocalLlmProvider) else ():
            if not is_name(port_name):
                yield ("providers", name, "ports", port_name), _NAME_RULE
    for name, host in settings.hosts.items():
        if not _is_address(host.address):
            message = f"an IP address or a DNS name, without scheme and port, is expected, not {host.address!r}"
            yield ("hosts", name, "address"), message


def is_name(text: str) -> bool:
    """Whether `text` may name a provider, host or client: it appears in headers, labels and `provider/model`."""
    return re.fullmatch(r"[A-Za-z0-9._-]{1,100}", text) is not None


def _stranger_misfits(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    """Who may connect without a key."""
    for index, address in enumerate(settings.wyoming.allowed_addresses):
        if not _is_network(address):
            message = f"an IP address or network is expected, such as 192.168.1.0/24, not {address!r}"
            yield ("wyoming", "allowed_addresses", index), message


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    if ":" in text:
        try:
            return ip_address(text).version == 6
        except ValueError:
            return False
    return re.fullmatch(r"[A-Za-z0-9._-]{0,253}", text) is not None


def _address_misfits(path: KeyPath, provider: HttpProviderBase, hosts: list[str]) -> Iterator[tuple[KeyPath, str]]:
    if provider.host is not None and provider.host not in hosts:
        yield (*path, "host"), _dangling("host", provider.host, hosts)
    if provider.url is None and (provider.host is None or provider.port is None):
        yield path, "needs url, or host and port"
    if provider.url is not None and provider.port is not None:
        yield (*path, "port"), "url has the port already; give one of the two"
    is_wyoming = isinstance(provider, WyomingProvider)
    if provider.url:
        schemes = {"tcp"} if is_wyoming else {"http", "https"}
        try:
            parts = urlsplit(provider.url)
            is_usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
            is_usable = is_usable and not (is_wyoming and parts.path.strip("/"))
        except ValueError:
            is_usable = False
        if not is_usable or parts.query or parts.fragment or parts.username:
            example = "tcp://192.168.1.20:10200" if is_wyoming else "http://192.168.1.20:8000/v1"
            yield (*path, "url"), f"must look like {example}, is {provider.url!r}"
    if is_wyoming and provider.api_key:
        yield (*path, "api_key"), "the Wyoming protocol has no keys"
    if any(ord(c) < 33 or ord(c) > 126 for c in provider.api_key):
        yield (*path, "api_key"), "may hold visible ASCII characters only"


def _key_misfits(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    owners: dict[str, str] = {}
    for name, client in settings.clients.items():
        owner = owners.setdefault(client.key_sha256, name)
        if owner != name:
            yield ("clients", name, "key_sha256"), f"the same key as {dotted(('clients', owner))}"


def _provider_names(settings: Settings) -> list[str]:
    """The names of providers that can be routed to: `local-llm` itself is none, what it finds are."""
    names: list[str] = []
    for name, provider in settings.providers.items():
        names += provider.ports if isinstance(provider, LocalLlmProvider) else [name]
    return names


def _dangling(what: str, name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known) or 'none'}"
    return f"no {what} is called {name!r}; {hint}"
