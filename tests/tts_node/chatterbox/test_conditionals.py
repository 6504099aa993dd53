"""A voice is computed once: kept in memory, on disk, and made anew when the file is torn or anything differs."""

from pathlib import Path

import pytest

from spoken import FACTORIES, MODELS, Heard, job, recording, speak
from tts_node.domain import Clip, EngineConfig
from tts_node.engines.chatterbox import conditionals
from tts_node.engines.chatterbox.engine import ChatterboxEngine
from tts_node.engines.chatterbox.errors import ChatterboxError
from tts_node.engines.chatterbox.package import soundfile
from tts_node.ports import Unspeakable, VoiceGone


def fresh(model: str, weights: Path, cache: Path | None) -> ChatterboxEngine:
    """A newly loaded engine."""
    config = EngineConfig(
        model=model, weights=str(weights / model), cache=str(cache) if cache else None, quantise=False, threads=1
    )
    engine = FACTORIES[model](config)
    engine.load()
    return engine


def has_computed(engine: ChatterboxEngine) -> bool:
    """Whether the last utterance listened to a recording."""
    return "conditioning" in engine.stages


@pytest.mark.parametrize("model", MODELS)
def test_a_voice_is_computed_once(model: str, weights: Path, clips: dict[str, Clip], tmp_path: Path) -> None:
    """The second time from memory, in the next process from disk, and always the same speech."""
    engine = fresh(model, weights, tmp_path)
    first = speak(engine, job(clip=clips["low"]))
    assert has_computed(engine)
    second = speak(engine, job(clip=clips["low"]))
    assert not has_computed(engine)
    later = fresh(model, weights, tmp_path)
    third = speak(later, job(clip=clips["low"]))
    assert not has_computed(later)
    assert [first.pcm] * 2 == [second.pcm, third.pcm]
    (file,) = tmp_path.iterdir()
    assert file.name.startswith(f"{clips['low'].hash[:24]}-")


def test_a_cache_is_bounded(
    weights: Path, clips: dict[str, Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On disk the oldest goes."""
    monkeypatch.setattr(conditionals, "KEPT_ON_DISK", 1)
    engine = fresh("chatterbox-turbo", weights, tmp_path)
    for name in ("low", "high"):
        speak(engine, job(clip=clips[name]))
    (file,) = tmp_path.iterdir()
    assert file.name.startswith(f"{clips['high'].hash[:24]}-")


def test_preparing_spares_the_first_request(weights: Path, clips: dict[str, Clip], tmp_path: Path) -> None:
    """No audio, and then nothing left to compute."""
    engine = fresh("chatterbox-turbo", weights, tmp_path)
    heard = Heard()
    engine.prepare(clips["high"], heard)
    assert has_computed(engine)
    speak(engine, job(clip=clips["high"]))
    assert (b"", False) == (heard.pcm, has_computed(engine))


def test_a_torn_file_is_computed_anew(weights: Path, clips: dict[str, Clip], tmp_path: Path) -> None:
    """Half a file, no file at all in its place, and one of another kind."""
    expected = speak(fresh("chatterbox-turbo", weights, tmp_path), job(clip=clips["low"])).pcm
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for torn in (whole[: len(whole) // 2], b"", b"no torch at all"):
        file.write_bytes(torn)
        engine = fresh("chatterbox-turbo", weights, tmp_path)
        assert expected == speak(engine, job(clip=clips["low"])).pcm
        assert has_computed(engine)
        assert [file] == list(tmp_path.iterdir())
        assert not has_computed_in(fresh("chatterbox-turbo", weights, tmp_path), clips["low"])


def has_computed_in(engine: ChatterboxEngine, clip: Clip) -> bool:
    """Whether this engine has to listen to the clip."""
    speak(engine, job(clip=clip))
    return has_computed(engine)


def test_a_folder_that_cannot_be_written_costs_only_time(
    weights: Path, clips: dict[str, Clip], tmp_path: Path
) -> None:
    """A file stands where the folder should be."""
    blocked = tmp_path / "cache"
    blocked.write_text("not a folder")
    engine = fresh("chatterbox-turbo", weights, blocked)
    assert len(speak(engine, job(clip=clips["low"])).pcm) > 0


def test_what_goes_into_a_voice_tells_entries_apart(weights: Path, clips: dict[str, Clip], tmp_path: Path) -> None:
    """Loudness makes another voice of the same recording; exaggeration does not."""
    engine = fresh("chatterbox-turbo", weights, tmp_path)
    speak(engine, job(clip=clips["low"]))
    speak(engine, job(clip=clips["low"], norm_loudness=False))
    assert has_computed(engine)
    original = fresh("chatterbox", weights, tmp_path)
    speak(original, job(clip=clips["low"]))
    speak(original, job(clip=clips["low"], exaggeration=1.0))
    assert not has_computed(original)
    assert 3 == len(list(tmp_path.iterdir()))


def test_other_weights_make_other_entries(weights: Path) -> None:
    """The files that listen are told by size and time; T3, which does not, may change."""
    names = ("ve.safetensors", "s3gen_meanflow.safetensors")
    before = conditionals.fingerprint(weights / "chatterbox-turbo", names)
    assert before == conditionals.fingerprint(weights / "chatterbox-turbo", names)
    assert before != conditionals.fingerprint(weights / "chatterbox-turbo", names[:1])


def test_memory_holds_so_many_voices(engines: dict[str, ChatterboxEngine], clips: dict[str, Clip]) -> None:
    """The least recently used one goes."""
    cache = conditionals.ConditionalsCache(None, None, "test", "cpu")
    made: list[int] = []

    def voice(number: int) -> object:
        def compute() -> object:
            made.append(number)
            return number

        return cache.get(Clip(hash=str(number), path=""), "", compute)

    for number in (*range(conditionals.KEPT_IN_MEMORY), 0, conditionals.KEPT_IN_MEMORY, 0, 1):
        assert number == voice(number)
    assert [*range(conditionals.KEPT_IN_MEMORY + 1), 1] == made


def test_a_short_recording_is_refused(engines: dict[str, ChatterboxEngine], tmp_path: Path) -> None:
    """Turbo asserts more than five seconds; three serve the others."""
    clip = recording(tmp_path, "short", 140.0, 3.2)
    with pytest.raises(Unspeakable, match=r"needs 5\.1 s") as caught:
        speak(engines["chatterbox-turbo"], job(clip=clip))
    assert "voice" == caught.value.param
    for model in ("chatterbox", "chatterbox-multilingual"):
        assert len(speak(engines[model], job(clip=clip)).pcm) > 0


def test_a_recording_that_cannot_be_read_is_told(engines: dict[str, ChatterboxEngine], tmp_path: Path) -> None:
    """Lost from the disk, or no sound at all; where it was is nobody's business."""
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"RIFF and nothing else")
    for path, error in ((tmp_path / "lost.wav", VoiceGone), (noise, ChatterboxError)):
        with pytest.raises(error) as caught:
            speak(engines["chatterbox-turbo"], job(clip=Clip(hash=path.name, path=str(path))))
        assert str(tmp_path) not in str(caught.value)


def test_a_long_recording_is_cut(tmp_path: Path) -> None:
    """To what the model listens to; a shorter one is read as it is."""
    clip = recording(tmp_path, "long", 140.0, 25.0)
    cut = conditionals.cut_recording(Path(clip.path), 15.0)
    assert 15.0 == soundfile.info(cut).duration
    assert Path(clip.path) == conditionals.cut_recording(Path(clip.path), 30.0)


def test_a_long_recording_speaks(engines: dict[str, ChatterboxEngine], tmp_path: Path) -> None:
    """Through the cut."""
    clip = recording(tmp_path, "speech", 140.0, 20.0)
    for model in MODELS:
        assert len(speak(engines[model], job(clip=clip)).pcm) > 0
