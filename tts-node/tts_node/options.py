"""An engine's own parameters in a request: checked against its row, and what it ignores is told. Pure."""

import math
from collections.abc import Mapping

from tts_node.domain import OptionValue, SpeechRequest
from tts_node.engines.descriptor import EngineDescriptor, EngineOption
from tts_node.errors import BadRequest


def options_for(
    descriptor: EngineDescriptor, registry: Mapping[str, EngineDescriptor], request: SpeechRequest
) -> tuple[dict[str, OptionValue], tuple[str, ...]]:
    """The options this engine takes, and the names of those that it ignores although another engine knows them.

    What no engine knows passes in silence: clients send fields of other servers. Raises BadRequest.
    """
    known = {name for each in registry.values() for name in each.options}
    options: dict[str, OptionValue] = {}
    ignored: list[str] = []
    for name, value in request.options.items():
        if option := descriptor.options.get(name):
            options[name] = _checked(name, value, option)
        elif name in known:
            ignored.append(name)
    if request.instructions and "instructions" not in descriptor.options:
        ignored.append("instructions")
    return options, tuple(sorted(ignored))


def warning_of(ignored: tuple[str, ...]) -> str | None:
    """The value of `X-TTS-Warning`; None where there is nothing to tell."""
    return f"ignored: {', '.join(ignored)}" if ignored else None


def _checked(name: str, value: object, option: EngineOption) -> OptionValue:
    if option.kind is bool:
        if isinstance(value, bool):
            return value
        raise BadRequest(f"'{name}' must be true or false.", param=name, code="invalid_type")
    what = "a whole number" if option.kind is int else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float) or _is_broken(value, option):
        raise BadRequest(f"'{name}' must be {what} {_range(option)}.", param=name, code="invalid_type")
    if not option.low <= value <= option.high:  # NaN and infinity too
        raise BadRequest(f"'{name}' must be {what} {_range(option)}.", param=name, code="out_of_range")
    return int(value) if option.kind is int else float(value)


def _is_broken(value: float, option: EngineOption) -> bool:
    """A fraction where a whole number is wanted; 3.0 is one, as JSON makes no difference."""
    return option.kind is int and isinstance(value, float) and math.isfinite(value) and not value.is_integer()


def _range(option: EngineOption) -> str:
    return f"from {option.low:g} to {option.high:g}"
