"""Writes a tiny random-weight chat model into a Hugging Face cache, so that a real LLM server can serve it.

Runs in the environment of that server (.venv-llm), offline. The cache layout instead of a bare folder,
because `transformers serve` names a model by what it loads: a folder's name would be its absolute path,
and /v1/models lists only the cache.

The text it speaks is nonsense, but printable, valid UTF-8 with characters of one to four bytes, and the
same in every run: weights from a fixed seed, greedy search.
"""

import hashlib
import json
import sys
from pathlib import Path

import torch  # type: ignore[import-not-found]  # this file and its imports belong to .venv-llm
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # type: ignore[import-not-found]
from transformers import (  # type: ignore[import-not-found]
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

CORPUS = (
    "Grüße aus München, schöne Straße, größer, über, natürlich, Käse, Äpfel, süß. ",
    "Ένα τοπικό μοντέλο μιλάει, καλημέρα κόσμε. ",
    "Привет мир, локальная модель говорит. ",
    "こんにちは世界、音声合成、日本語、東京。 ",
    "Crème brûlée, déjà vu, où êtes-vous, façade. ",
    "😀 🎉 🚀 🎧 🌍 ",
    "The quick brown fox jumps over the lazy dog, again and again. ",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
VOCABULARY = 640


def train_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level, so that any prompt can be encoded; its merges make whole words of several scripts."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(CORPUS * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def unspeakable_tokens(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Special tokens, halves of characters and control characters: what printable text must not contain."""
    special = set(tokenizer.all_special_ids) | set(tokenizer.convert_tokens_to_ids(SPECIAL))
    texts = {token: tokenizer.decode([token]) for token in range(len(tokenizer))}
    return [
        token for token, text in texts.items() if token in special or not text.isprintable() or "\ufffd" in text
    ]


def make_model(cache: Path, model_id: str) -> Path:
    """The model's one revision, `main`, below `cache` (an HF_HUB_CACHE); built unless it is there."""
    repository = cache / f"models--{model_id.replace('/', '--')}"
    head = repository / "refs" / "main"
    if head.exists():
        return repository / "snapshots" / head.read_text()

    tokenizer = train_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        # Far wider than usual: with small weights the position and the prompt would not change the text.
        initializer_range=0.6,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(20260101)
    model = LlamaForCausalLM(config).to(torch.float32).eval()
    model.generation_config = GenerationConfig(
        do_sample=False,
        no_repeat_ngram_size=2,  # greedy search on random weights would circle after a few words
        suppress_tokens=unspeakable_tokens(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )

    revision = hashlib.sha1(json.dumps(config.to_dict(), sort_keys=True, default=str).encode()).hexdigest()
    snapshot = repository / "snapshots" / revision
    snapshot.mkdir(parents=True)
    model.save_pretrained(snapshot)
    tokenizer.save_pretrained(snapshot)
    (repository / "blobs").mkdir()
    # Last: a half-written model is one that has no `main`.
    head.parent.mkdir()
    head.write_text(revision)
    return snapshot


if __name__ == "__main__":
    make_model(Path(sys.argv[1]), sys.argv[2])
