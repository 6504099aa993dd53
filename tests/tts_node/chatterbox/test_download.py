"""`tts-node download` with the real huggingface_hub, against a hub of our own that speaks its contract."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from hub import COMMIT, Hub, noise
from tts_node.engines.chatterbox import random_weights
from tts_node.install.weights import WEIGHTS, missing

MODEL = "chatterbox"
BIG = "t3_cfg.safetensors"
BIG_BYTES = 25_000_000  # more than two of the pieces in which huggingface_hub writes
FILES = {name: noise(3000, seed) for seed, name in enumerate(WEIGHTS[MODEL].required)} | {BIG: noise(BIG_BYTES)}


@pytest.fixture
def hub() -> Iterator[Hub]:
    """With the model's files, and one of another model."""
    with Hub(WEIGHTS[MODEL].repository, FILES | {"t3_mtl23ls_v2.safetensors": b"another model's"}) as running:
        yield running


def command(weights: Path, *args: str) -> list[str]:
    """The download of the model."""
    return [sys.executable, "-m", "tts_node", "download", MODEL, "--weights-dir", str(weights), *args]


def environment(endpoint: str, weights: Path, **env: str) -> dict[str, str]:
    """Of somebody who never logged in, whose cache is empty."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return kept | {"HF_ENDPOINT": endpoint, "HF_HOME": str(weights / "hf")} | env


def download(endpoint: str, weights: Path, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Runs it to its end."""
    return subprocess.run(
        command(weights, *args),
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(endpoint, weights, **env),
    )


def contents(folder: Path) -> dict[str, bytes]:
    """The model's files, without unfinished ones and what lies hidden."""
    files = [file for file in folder.iterdir() if file.suffix != ".part" and not file.name.startswith(".")]
    return {file.name: file.read_bytes() for file in files}


def the_fault(answer: "subprocess.CompletedProcess[str]") -> str:
    """The one line that a failed download says."""
    assert 1 == answer.returncode
    (line,) = answer.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("model", "module"),
    [("chatterbox-turbo", "tts_turbo"), ("chatterbox", "tts"), ("chatterbox-multilingual", "mtl_tts")],
)
def test_the_table_is_the_packages(model: str, module: str, tmp_path: Path) -> None:
    """Repository and weights are those the installed package asks for; what it loads from lacks nothing."""
    spec = find_spec("chatterbox")
    assert spec
    assert spec.origin
    source = Path(spec.origin).with_name(f"{module}.py").read_text()
    assert f'REPO_ID = "{WEIGHTS[model].repository}"' in source
    weights = [name for name in WEIGHTS[model].required if name.endswith((".safetensors", ".pt"))]
    assert [] == [name for name in weights if f'"{name}"' not in source]
    random_weights.build(model, "tiny", tmp_path)
    assert () == missing(model, tmp_path)


def test_a_download_brings_what_is_needed(hub: Hub, tmp_path: Path) -> None:
    """Every file whole and told with its size, nothing of the repository's other models, status 0."""
    answer = download(hub.url, tmp_path)
    assert (0, "") == (answer.returncode, answer.stderr)
    assert FILES == contents(tmp_path / MODEL)
    assert f"  {BIG}: fetching 25.0 MB\n  {BIG}: verified\n" in answer.stdout
    assert "complete" in answer.stdout.splitlines()[-1]


def test_what_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    """Only verified; and with --if-missing the hub is not even asked."""
    (tmp_path / MODEL).mkdir()
    for name, content in FILES.items():
        (tmp_path / MODEL / name).write_bytes(content)
    answer = download(hub.url, tmp_path)
    assert 0 == answer.returncode
    assert len(FILES) == answer.stdout.count("is there, verified")
    assert [] == hub.ranges(BIG)
    hub.requests.clear()
    assert 0 == download(hub.url, tmp_path, "--if-missing").returncode
    assert [] == hub.requests


def test_a_broken_connection_is_resumed(hub: Hub, tmp_path: Path) -> None:
    """Within one run, from where it broke."""
    hub.cut_after_bytes = 21_000_000
    assert 0 == download(hub.url, tmp_path).returncode
    assert FILES == contents(tmp_path / MODEL)
    first, second = hub.ranges(BIG)
    assert (None, True) == (first, second is not None and int(second[6:-1]) >= 10_000_000)


def test_an_interrupted_download_is_resumed(hub: Hub, tmp_path: Path) -> None:
    """Ctrl-C has status 130 and one line; the next run fetches the rest only."""
    hub.stop_after_bytes = 21_000_000
    with subprocess.Popen(
        command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(hub.url, tmp_path)
    ) as process:
        assert hub.stopped.wait(120)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert (130, 1) == (process.returncode, len(said.splitlines()))
    assert BIG not in contents(tmp_path / MODEL)
    assert 0 == download(hub.url, tmp_path).returncode
    assert FILES == contents(tmp_path / MODEL)
    _, second = hub.ranges(BIG)
    assert second is not None
    assert int(second[6:-1]) >= 10_000_000


def test_a_killed_download_leaves_no_half_file(hub: Hub, tmp_path: Path) -> None:
    """Nothing that a node would take for weights; the next run goes on with what there is."""
    hub.stop_after_bytes = 21_000_000
    with subprocess.Popen(
        command(tmp_path), stdout=subprocess.DEVNULL, env=environment(hub.url, tmp_path)
    ) as process:
        assert hub.stopped.wait(120)
        process.kill()
    assert BIG not in contents(tmp_path / MODEL)
    assert 0 == download(hub.url, tmp_path).returncode
    assert FILES == contents(tmp_path / MODEL)
    assert [] == list((tmp_path / MODEL).glob("*.part"))


def test_two_downloads_do_not_mix(hub: Hub, tmp_path: Path) -> None:
    """The second is refused while the first one runs."""
    hub.stop_after_bytes = 21_000_000
    with subprocess.Popen(
        command(tmp_path), stdout=subprocess.DEVNULL, env=environment(hub.url, tmp_path)
    ) as process:
        assert hub.stopped.wait(120)
        assert "is under way" in the_fault(download(hub.url, tmp_path))
        process.kill()


def test_what_the_librarys_cache_holds_is_taken_from_there(hub: Hub, tmp_path: Path) -> None:
    """Whoever ran Chatterbox by itself has the weights already."""
    snapshot = tmp_path / "hf" / "hub" / "models--ResembleAI--chatterbox" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / BIG).write_bytes(FILES[BIG])
    assert 0 == download(hub.url, tmp_path).returncode
    assert FILES == contents(tmp_path / MODEL)
    assert [] == hub.ranges(BIG)


@pytest.mark.parametrize("name", [BIG, "tokenizer.json"])
def test_a_corrupted_file_is_fetched_again(hub: Hub, tmp_path: Path, name: str) -> None:
    """Large ones are known by SHA-256, small ones by git's hash."""
    hub.altered[name] = 1
    assert 0 == download(hub.url, tmp_path).returncode
    assert FILES == contents(tmp_path / MODEL)


def test_a_file_that_stays_corrupted_is_not_kept(hub: Hub, tmp_path: Path) -> None:
    """The fault names it, and who may have altered it."""
    hub.altered[BIG] = 99
    fault = the_fault(download(hub.url, tmp_path))
    assert [True, True] == [word in fault for word in (BIG, "proxy")]
    assert BIG not in contents(tmp_path / MODEL)


def test_a_file_that_rotted_on_disk_is_found(hub: Hub, tmp_path: Path) -> None:
    """The library would take it for good: its note says that it was whole once."""
    assert 0 == download(hub.url, tmp_path).returncode
    (tmp_path / MODEL / BIG).write_bytes(bytes(BIG_BYTES))
    assert 0 == download(hub.url, tmp_path).returncode
    assert FILES == contents(tmp_path / MODEL)


def test_a_login_that_is_wanted_is_explained(hub: Hub, tmp_path: Path) -> None:
    """Where to accept terms, and which variable takes the token; with it all is well."""
    hub.needs_token = "hf_good"
    fault = the_fault(download(hub.url, tmp_path))
    assert [True] * 3 == [word in fault for word in ("wants a login", f"{hub.url}/{hub.repository}", "HF_TOKEN")]
    assert "refuses your token" in the_fault(download(hub.url, tmp_path, HF_TOKEN="hf_bad"))
    assert 0 == download(hub.url, tmp_path, HF_TOKEN="hf_good").returncode
    assert FILES == contents(tmp_path / MODEL)


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ((404, {"X-Error-Code": "RepoNotFound"}), "has no ResembleAI/chatterbox"),
        ((403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Awaiting a review"}), "accept its terms"),
        ((429, {}), "patience"),
        ((500, {}), "try again later"),
    ],
)
def test_refusals(hub: Hub, tmp_path: Path, refusal: tuple[int, dict[str, str]], says: str) -> None:
    """One line each."""
    hub.refusal = refusal
    assert says in the_fault(download(hub.url, tmp_path))


def test_a_repository_that_lost_a_file(hub: Hub, tmp_path: Path) -> None:
    """Told before anything is fetched."""
    del hub.files["s3gen.safetensors"]
    assert "s3gen.safetensors" in the_fault(download(hub.url, tmp_path))
    assert [] == hub.ranges(BIG)


def test_no_network(tmp_path: Path) -> None:
    """One line with what to check."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        fault = the_fault(download(f"http://127.0.0.1:{closed.getsockname()[1]}", tmp_path))
    assert [True, True] == [word in fault for word in ("cannot be reached", "HTTPS_PROXY")]


def test_downloads_that_are_forbidden(hub: Hub, tmp_path: Path) -> None:
    """The variable that forbids them is named."""
    assert "HF_HUB_OFFLINE" in the_fault(download(hub.url, tmp_path, HF_HUB_OFFLINE="1"))
    assert [] == hub.requests


def test_a_folder_that_cannot_be_made(hub: Hub, tmp_path: Path) -> None:
    """It and the flag are named."""
    (tmp_path / MODEL).write_bytes(b"")
    assert "--weights-dir" in the_fault(download(hub.url, tmp_path))
