"""What an answer was like, in lines for a person. Pure."""

from router.talk.answer import Answer
from router.talk.happenings import Segment


def report(answer: Answer) -> list[str]:
    """When what came and from whom; then a line for each thing that was not as it should be."""
    figures = [_first_word(answer), *_speech(answer)]
    return [" · ".join(figures), *_failovers(answer), *_faults(answer)]


def interruption(answer: Answer, played_s: float) -> str:
    """What somebody broke off, and how far it had come."""
    if answer.first_sound_s is None:
        return "stopped"
    return f"stopped after {min(played_s, answer.audio_s):.1f} s of speech; what was heard is remembered"


def _first_word(answer: Answer) -> str:
    if answer.first_word_s is None:
        return "no word"
    who = _in_brackets(answer.opened.provider, answer.opened.model) if answer.opened else ""
    return f"first word {answer.first_word_s - answer.asked_s:.2f} s{who}"


def _speech(answer: Answer) -> list[str]:
    if answer.first_sound_s is None:
        return []
    first = _first(answer)
    who = _in_brackets(first.provider or "", first.engine or "") if first else ""
    lines = [f"first sound {answer.first_sound_s - answer.asked_s:.2f} s{who}"]
    count = max(len(answer.segments), len(answer.summed.segments) if answer.summed else 0)
    amount = f"{count} segment{'' if count == 1 else 's'}, {answer.audio_s:.1f} s of speech"
    if answer.summed is not None:
        amount += f", generated in {answer.summed.generation_s:.1f} s"
        if cached := sum(segment.cached for segment in answer.summed.segments):
            amount += f", {cached} from the cache"
    return [*lines, amount, f"longest gap {answer.longest_gap_s:.2f} s"]


def _first(answer: Answer) -> Segment | None:
    if answer.summed and answer.summed.segments:
        return answer.summed.segments[0]
    return answer.segments[0].segment if answer.segments else None


def _failovers(answer: Answer) -> list[str]:
    told = []
    if answer.opened is not None and answer.opened.attempts > 1:
        told.append(f"{answer.opened.provider or 'the model'} wrote it at attempt {answer.opened.attempts}")
    if answer.failovers:
        reasons = ", ".join(word.removeprefix("provider_").replace("_", " ") for word in answer.failovers)
        told.append(f"a voice was given up ({reasons})")
    lines = ["failed over: " + "; ".join(told)] if told else []
    if len(answer.providers) > 1:
        lines.append("spoken by " + ", then ".join(answer.providers))
    return lines


def _faults(answer: Answer) -> list[str]:
    lines = []
    if answer.is_muted:
        lines.append(f"no sound: {answer.muted_because}")
    if answer.summed is not None and answer.summed.substitution:
        lines.append(f"voice substituted: {answer.summed.substitution}")
    if answer.muted_because and not answer.is_muted:
        lines.append(f"the speech ended before the text: {answer.muted_because}")
    if answer.failure:
        lines.append(f"the answer broke off: {answer.failure}")
    return lines


def _in_brackets(*words: str) -> str:
    said = [word for word in words if word]
    return f" ({', '.join(said)})" if said else ""
