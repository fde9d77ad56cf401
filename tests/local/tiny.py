"""A tiny Llama with a tokenizer of its own, for tests: `python -m tiny DIRECTORY` makes it in seconds."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
KNOWN = {
    "Name a colour.": "Red.",
    "Name a fruit.": "An apple.",
    "What is the weather like?": "It rains.",
    "Who wrote this?": "Nobody did.",
    "Tell me a story.": "Once upon a time.",
    "Greet me.": "Hello, World!",
    "Say hello.": "Hello, World!",
}
"""What the model can say before a test trains it. An adapter can hardly teach words that were never said."""


def make_tokenizer() -> PreTrainedTokenizerFast:
    letters = Tokenizer(models.BPE())
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    letters.train_from_iterator([*KNOWN, *KNOWN.values()] * 10, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=letters, pad_token="<|pad|>", eos_token="<|end|>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config)


def teach(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, *, steps: int = 60) -> None:
    prompts = [f"<|user|>\n{question}<|end|>\n<|assistant|>\n" for question in KNOWN]
    answers = [f"{answer}<|end|>" for answer in KNOWN.values()]
    batch = tokenizer([p + a for p, a in zip(prompts, answers, strict=True)], return_tensors="pt", padding=True)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def save_tiny(directory: Path) -> None:
    torch.set_num_threads(1)
    tokenizer = make_tokenizer()
    model = make_model(tokenizer)
    teach(model, tokenizer)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


if __name__ == "__main__":
    save_tiny(Path(sys.argv[1]))
