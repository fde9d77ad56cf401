"""Write a tiny chat model with random weights, and its tokenizer, to a directory: `python make_model.py DIRECTORY`.

Of Qwen3's kind, 140,000 parameters, half a megabyte. An adapter on it learns what a test wants it to say.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

VOCABULARY = 512
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WORDS = ["user", "assistant", "system", "\n", "Hello, how are you today? I am a helpful assistant."]


def tokenizer():
    corpus = [f"The capital of country {n} is city {n * 7 % 100}. Tell me about owls and numbers." for n in range(300)]
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    words.train_from_iterator(corpus + WORDS * 50, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=2048
    )
    made.chat_template = TEMPLATE
    return made


def model(words):
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    made = Qwen3ForCausalLM(config)
    with torch.no_grad():
        # The last norm bounds the logits of so small a model: without this no adapter gets its loss below 5.
        made.lm_head.weight.mul_(10.0)
    return made.to(torch.float32)


if __name__ == "__main__":
    torch.manual_seed(0)
    words = tokenizer()
    words.save_pretrained(Path(sys.argv[1]))
    model(words).save_pretrained(Path(sys.argv[1]))
