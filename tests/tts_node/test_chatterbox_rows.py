"""Chatterbox as the node knows it: rows, voices and plausibility, in an environment that has no torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from tts_node.engines import CHATTERBOX, REGISTRY
from tts_node.engines.chatterbox.plausibility import MODEL_TOKENS, Fault, bounds_of, other_seed
from tts_node.engines.chatterbox.rows import has_nano
from tts_node.errors import BadRequest


def test_the_node_imports_nothing_heavy() -> None:
    """Rows, voices and every route are there without torch, numpy or the package."""
    code = (
        "import sys, tts_node.__main__, tts_node.engines as e\n"
        "[row.catalogue() for row in e.CHATTERBOX]; [row.is_installed for row in e.CHATTERBOX]\n"
        "print([name for name in ('torch', 'numpy', 'chatterbox', 'librosa') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "[]" == answer.stdout.strip()


@pytest.mark.parametrize("row", CHATTERBOX, ids=lambda row: row.id)
def test_a_row_is_whole(row: object) -> None:
    """Defaults lie within bounds; there is a voice, and OpenAI's names mean it."""
    descriptor = REGISTRY[row.id]  # type: ignore[attr-defined]
    for name, option in descriptor.options.items():
        assert isinstance(option.default, option.kind), name
        assert option.kind is bool or option.low <= float(option.default) <= option.high, name
    catalogue = descriptor.catalogue()
    assert {"chatterbox"} == {
        catalogue.voice(name).id for name in (None, "chatterbox", "default", "nova", "alloy")
    }
    assert [descriptor.id] == [voice.engine for voice in catalogue.voices]


def test_languages() -> None:
    """Turbo speaks English only; multilingual what people write in many ways."""
    english = REGISTRY["chatterbox-turbo"].catalogue()
    assert "en" == english.language("en-GB")
    with pytest.raises(BadRequest):
        english.language("de")
    many = REGISTRY["chatterbox-multilingual"].catalogue()
    assert ["de", "zh", "no", "pt"] == [many.language(tag) for tag in ("de-AT", "zh_CN", "nb", "pt-BR")]
    assert 23 == len(set(many.languages.values()))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class T:\n    @classmethod\n    def from_local(cls, folder, device, nano=False):\n        pass\n", True),
        ("class T:\n    @classmethod\n    def from_local(cls, folder, device):\n        nano = 1\n", False),
    ],
)
def test_nano_is_read_from_the_source(tmp_path: Path, source: str, expected: bool) -> None:
    """0.1.7 has it not, the package's repository has."""
    file = tmp_path / "tts_turbo.py"
    file.write_text(source)
    assert expected is has_nano(file)
    assert not has_nano(tmp_path / "missing.py")


@pytest.mark.parametrize(
    ("text", "language", "duration_s", "has_stopped", "expected"),
    [
        ("Hello there, how are you today?", None, 2.0, True, None),
        ("Hello there, how are you today?", None, 2.0, False, Fault.RUNAWAY),
        ("Hello there, how are you today?", None, 0.1, True, Fault.TRUNCATED),
        ("Hi.", None, 0.2, True, None),
        ("Hi [laugh]", None, 5.0, True, None),
        ("你好我今天很高兴见到你。", "zh", 2.5, True, None),
        ("你好我今天很高兴见到你。", "zh", 0.2, True, Fault.TRUNCATED),
        ("a" * 300, "en", 20.0, True, None),
        ("a" * 300, "en", 5.0, True, Fault.TRUNCATED),
    ],
)
def test_plausibility(
    text: str,
    language: str | None,
    duration_s: float,
    has_stopped: bool,
    expected: Fault | None,
) -> None:
    """Ways of speaking pass; a model that ran on or broke off does not."""
    assert expected == bounds_of(text, language).fault_of(duration_s, has_stopped=has_stopped)


def test_limits() -> None:
    """A short text may take seconds, none more than the model has; a page is too much."""
    assert 25 * 3 < bounds_of("Hi.", "en").token_limit < 25 * 5
    assert MODEL_TOKENS == bounds_of("word " * 100, "en").token_limit
    assert bounds_of("word " * 100, "en").can_be_spoken
    assert not bounds_of("word " * 600, "en").can_be_spoken
    assert not bounds_of("好" * 700, "zh").can_be_spoken


def test_other_seeds() -> None:
    """The same for the same, within torch's range, apart for neighbours."""
    seeds = [other_seed(seed) for seed in (-(2**63), -1, 0, 1, 2, 2**64 - 1)]
    assert seeds == [other_seed(seed) for seed in (-(2**63), -1, 0, 1, 2, 2**64 - 1)]
    assert 4 == len(set(seeds))  # modulo 2**63 the ends of the range are 0 and -1
    assert all(0 <= seed < 2**63 for seed in seeds)
