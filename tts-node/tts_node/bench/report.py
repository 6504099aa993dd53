"""A benchmark's figures as a table for people and as JSON for programs. Pure."""

import msgspec

from tts_node.bench.benchmark import Figures, Ratio

_STAGES = ("t3", "flow", "vocoder", "watermark")


class Machine(msgspec.Struct, frozen=True):
    """Where and how it was measured."""

    processor: str
    cores: int
    system: str
    versions: dict[str, str]
    weights: str  # "real", or the size of random ones
    text: str
    rounds: int
    load_average: float | None  # of the machine when it began; well below the cores, or others took part


class Report(msgspec.Struct, frozen=True):
    """All of it."""

    machine: Machine
    engines: list[Figures]


def as_json(report: Report) -> str:
    """Indented."""
    return msgspec.json.format(msgspec.json.encode(report)).decode() + "\n"


def as_markdown(report: Report) -> str:
    """Two tables and what they were measured on."""
    ratios = [_ratio_row(each.engine, ratio) for each in report.engines for ratio in each.ratios]
    parts = [
        "# tts-node: what the engines cost",
        _conditions(report.machine),
        _table(
            ("engine", "device", "load s", "first audio s", "RTF", *(f"{stage} s/s" for stage in _STAGES)),
            [_speed_row(each) for each in report.engines],
        ),
        _table(
            ("engine", "resident MB", "peak MB", "on the device MB"),
            [_memory_row(each) for each in report.engines],
        ),
    ]
    if ratios:
        parts.append(_table(("engine", "what", "RTF with it", "RTF without", "ratio", "pairs"), ratios))
    return "\n\n".join(parts) + "\n"


def _conditions(machine: Machine) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    load = "" if machine.load_average is None else f", load average {machine.load_average:.1f} at the start"
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.system}{load}; {versions}; "
        f"weights: {machine.weights}.\n\n"
        f"Text of {len(machine.text)} characters, medians of {machine.rounds} rounds. RTF: seconds of work per "
        "second of audio; below 1 is faster than\nspeech. Chatterbox gives a piece's audio when it is complete: "
        "first audio is the whole piece's time. A ratio is the\ntime without over the time with, in pairs spoken "
        "in turn by two children that are both loaded."
    )


def _speed_row(figures: Figures) -> tuple[str, ...]:
    stages = (_number(figures.stages.get(stage), 3) for stage in _STAGES)
    times = (_number(figures.load_s, 1), _number(figures.first_audio_s, 2), _number(figures.realtime_factor, 3))
    return (figures.engine, figures.device, *times, *stages)


def _memory_row(figures: Figures) -> tuple[str, ...]:
    sizes = (figures.resident_mb, figures.peak_mb, figures.device_mb)
    return (figures.engine, *(_number(size, 0) for size in sizes))


def _ratio_row(engine: str, ratio: Ratio) -> tuple[str, ...]:
    factors = (_number(value, 2) for value in (ratio.realtime_factor, ratio.without, ratio.ratio))
    return (engine, ratio.switch, *factors, str(ratio.pairs))


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
