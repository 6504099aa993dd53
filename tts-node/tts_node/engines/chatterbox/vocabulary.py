"""Tokenizer files for checkpoints with random weights: real formats, vocabularies of filler."""

import json
from pathlib import Path

TURBO_TAGS = (
    *("[laugh]", "[chuckle]", "[sigh]", "[cough]", "[gasp]", "[groan]", "[sniff]", "[shush]"),
    "[clear throat]",
)
_END = "<|endoftext|>"
_END_ID = 50256
_MERGES = (
    *(("t", "h"), ("h", "e"), ("i", "n"), ("e", "r"), ("a", "n"), ("r", "e"), ("o", "n"), ("a", "t"), ("e", "n")),
    *(("n", "d"), ("Ġ", "t"), ("Ġ", "a"), ("Ġ", "s"), ("Ġ", "w")),
)
_SPECIAL = {0: "[STOP]", 1: "[UNK]", 2: "[SPACE]", 3: "[PAD]", 4: "[SEP]", 5: "[CLS]", 6: "[MASK]", 255: "[START]"}
_UNKNOWN = _SPECIAL[1]
_FIRST_LANGUAGE = 300


def write_gpt2_tokenizer(folder: Path, size: int) -> None:
    """Byte-level BPE in GPT-2's files: 256 bytes, a few merges, the tags at the end, filler between."""
    from tokenizers.pre_tokenizers import ByteLevel

    symbols = [*sorted(ByteLevel.alphabet()), *(first + second for first, second in _MERGES)]
    symbols += [f"<filler_{number}>" for number in range(len(symbols), _END_ID)]
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)} | {_END: _END_ID}
    spare = size - _END_ID - 1 - len(TURBO_TAGS)
    tags = [*TURBO_TAGS, *(f"[tag{number}]" for number in range(spare))]
    added = {tag: _END_ID + 1 + number for number, tag in enumerate(tags)}
    ends = dict.fromkeys(("bos_token", "eos_token", "unk_token"), _END)
    _write(folder / "vocab.json", vocabulary)
    merges = "".join(f"{first} {second}\n" for first, second in _MERGES)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}", encoding="utf-8")
    _write(folder / "added_tokens.json", added)
    _write(folder / "special_tokens_map.json", ends)
    tokenizer = {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024, "add_prefix_space": False}
    _write(folder / "tokenizer_config.json", tokenizer | ends | {"added_tokens_decoder": _decoder(added)})


def _decoder(added: dict[str, int]) -> dict[str, dict[str, object]]:
    flags = dict.fromkeys(("lstrip", "rstrip", "normalized", "single_word", "special"), False)
    return {str(number): {"content": tag, **flags} for tag, number in added.items()}


def write_character_tokenizer(path: Path, size: int, languages: tuple[str, ...] = ()) -> None:
    """One token a character, with the special ones where T3Config expects them."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

    special = _SPECIAL | {_FIRST_LANGUAGE + number: f"[{tag}]" for number, tag in enumerate(languages)}
    characters = iter(chr(code) for code in (*range(33, 127), *range(0xA1, 0x250)))
    vocabulary = {special.get(number) or next(characters, f"<f{number}>"): number for number in range(size)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in special.values()])
    tokenizer.save(str(path))


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
