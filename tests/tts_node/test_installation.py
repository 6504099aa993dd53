"""What `setup` would do where, and why it would not."""

import dataclasses

import pytest

from tts_node.install.installation import (
    LOCK,
    Machine,
    Target,
    Torch,
    explain,
    faults,
    is_built_for,
    outstanding,
    pins,
    steps,
    torch_for,
)

GOOD = Machine(python=(3, 11), platform="linux", is_isolated=True, has_pip=True, free_bytes=100 * 10**9)
CPU = "https://download.pytorch.org/whl/cpu"
CUDA = "https://download.pytorch.org/whl/cu124"


@pytest.mark.parametrize(
    ("target", "platform", "expected"),
    [
        (Target.CPU, "linux", Torch("torch==2.13.0", CPU)),
        (Target.CPU, "win32", Torch("torch==2.13.0", CPU)),
        (Target.CPU, "darwin", Torch("torch==2.13.0", None)),
        (Target.CUDA, "linux", Torch("torch==2.6.0", CUDA)),
        (Target.CUDA, "win32", Torch("torch==2.6.0", CUDA)),
    ],
)
def test_which_torch(target: Target, platform: str, expected: Torch) -> None:
    """By target and platform: pip's own index has CUDA builds for Linux only, and CPU builds for Windows only."""
    assert expected == torch_for(target, platform)


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("torch==2.6.0", "torchaudio==2.6.0"),
        ("torch==2.8.0", "torchaudio==2.8.0"),
        ("torch==2.7.1+cu128", "torchaudio==2.7.1"),
        ("torch==2.11.0", "torchaudio==2.11.0"),
        ("torch==2.13.0", "torchaudio==2.11.0"),
        ("torch", "torchaudio"),
        ("torch>=2.6", "torchaudio"),
    ],
)
def test_torchaudio_goes_with_torch(requirement: str, expected: str) -> None:
    """The same version as long as there is one."""
    assert expected == Torch(requirement, None).audio


def test_steps_in_order() -> None:
    """Pinned packages by hash, then torch, then torchaudio without its own wishes, both from the index."""
    packages, torch, audio = steps(Torch("torch==2.6.0", CUDA))
    assert {"--require-hashes", "--no-deps", "--only-binary", str(LOCK)} <= set(packages.arguments)
    assert "--index-url" not in packages.arguments
    assert ("--index-url", CUDA, "torch==2.6.0") == torch.arguments[-3:]
    assert "--no-deps" not in torch.arguments
    assert ("--no-deps", "--index-url", CUDA, "torchaudio==2.6.0") == audio.arguments[-4:]


def test_a_torch_of_another_kind_goes_first() -> None:
    """pip would take it for good enough."""
    removal, *_ = steps(Torch("torch==2.6.0", CUDA), is_wrong_build=True)
    assert ("uninstall", "--yes", "torch", "torchaudio") == removal.arguments


def test_compiling_can_be_left_out() -> None:
    """In every step that installs."""
    todo = steps(Torch("torch", None), is_compiled=False)
    assert [True] * 3 == ["--no-compile" in step.arguments for step in todo]


@pytest.mark.parametrize(
    ("changes", "target", "says"),
    [
        ({"python": (3, 13)}, Target.CPU, "python3.12 -m venv"),
        ({"python": (3, 10)}, Target.CPU, "3.11 or 3.12"),
        ({"platform": "darwin"}, Target.CUDA, "setup cpu"),
        ({"is_isolated": False}, Target.CPU, "--system"),
        ({"has_pip": False}, Target.CPU, "ensurepip"),
        ({"free_bytes": 2 * 10**9}, Target.CPU, "2.0 GB are free"),
        ({"free_bytes": 8 * 10**9}, Target.CUDA, "about 9 GB"),
    ],
)
def test_what_stands_against_it(changes: dict[str, object], target: Target, says: str) -> None:
    """One line each, with the remedy."""
    (fault,) = faults(target, dataclasses.replace(GOOD, **changes))  # type: ignore[arg-type]
    assert says in fault
    assert "\n" not in fault


def test_nothing_stands_against_a_good_machine() -> None:
    """Both targets; and whoever says --system may."""
    assert [] == faults(Target.CPU, GOOD) + faults(Target.CUDA, GOOD)
    assert [] == faults(Target.CPU, dataclasses.replace(GOOD, is_isolated=False), is_system_fine=True)


def test_all_faults_are_told_at_once() -> None:
    """Nobody wants to mend one after the other."""
    assert 4 == len(faults(Target.CPU, Machine((3, 14), "linux", False, False, 0)))


def test_the_lock_pins_what_chatterbox_needs() -> None:
    """With every trap's remedy in it, and without what differs by machine or is not wanted."""
    versions = {name: version for name, version, _ in pins(LOCK.read_text())}
    assert "0.1.7" == versions["chatterbox-tts"]
    assert int(versions["setuptools"].partition(".")[0]) in range(77, 81)
    assert versions["numpy"].startswith("1.")
    assert set() == {"torch", "torchaudio", "sympy", "gradio", "pykakasi", "spacy-pkuseg"} & versions.keys()


def test_every_pin_has_a_hash_and_no_address() -> None:
    """pip checks what it fetched, from wherever that is."""
    text = LOCK.read_text()
    assert len(pins(text)) == len([entry for entry in text.split("\n") if "==" in entry])
    assert [] == [entry for entry in text.replace("\\\n", "").splitlines() if "--hash=sha256:" not in entry]
    assert "://" not in text


LOCK_TEXT = "aa==1.0 \\\n    --hash=sha256:00\nbb==2.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"aa": "1.0", "torch": "2.6.0+cu124", "torchaudio": "2.6.0"}, []),
        ({"aa": "1.0", "bb": "2.0", "torch": "2.6.0", "torchaudio": "2.6.0+cu124"}, []),
        ({"aa": "1.1", "torch": "2.6.0", "torchaudio": "2.6.0"}, ["aa"]),
        ({"aa": "1.0", "bb": "1.0", "torch": "2.6.0", "torchaudio": "2.6.0"}, ["bb"]),
        ({"aa": "1.0", "torch": "2.7.0", "torchaudio": "2.6.0"}, ["torch"]),
        ({}, ["aa", "torch", "torchaudio"]),
    ],
)
def test_what_is_still_to_be_done(there: dict[str, str], expected: list[str]) -> None:
    """A package that only some machines need may be absent, but not of another version."""
    assert expected == outstanding(Torch("torch==2.6.0", None), LOCK_TEXT, there.get)


@pytest.mark.parametrize(
    ("version_file", "cpu", "cuda"),
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", True, False),
        ("cuda: Optional[str] = '12.4'\nhip: Optional[str] = None\n", False, True),
        ("cuda = '12.4'\n", False, True),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.2'\n", False, False),
    ],
)
def test_whose_torch_it_is(version_file: str, cpu: bool, cuda: bool) -> None:
    """Read from its version.py, which torch's own build writes."""
    assert (cpu, cuda) == (is_built_for(Target.CPU, version_file), is_built_for(Target.CUDA, version_file))


UNREACHABLE = """\
WARNING: Retrying after connection broken by 'NewConnectionError('Failed to establish a new connection')'
ERROR: Could not find a version that satisfies the requirement torch==2.13.0
ERROR: No matching distribution found for torch==2.13.0
"""


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (UNREACHABLE, "cannot be reached"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not the one that was"),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: Could not install … [WinError 5] Access is denied: 'torch.dll'", "stop tts-node"),
        ("some words\nERROR: Something new.\n\n", "pip failed: Something new."),
        ("", "it said nothing"),
    ],
)
def test_failures_of_pip_in_one_line(said: str, means: str) -> None:
    """With what to do."""
    told = explain(said)
    assert means in told
    assert "\n" not in told
