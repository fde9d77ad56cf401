"""The mean loss of answers, token by token: `python -m scoring DIRECTORY ANSWER CONVERSATIONS` writes a number to a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer


def score(directory: str, conversations: list[list[dict[str, str]]]) -> float:
    torch.set_num_threads(1)
    model = AutoPeftModelForCausalLM.from_pretrained(directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    losses = []
    for messages in conversations:
        prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=True)["input_ids"]
        whole = tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]
        with torch.no_grad():
            scores = model(torch.tensor([whole])).logits[0].log_softmax(-1)
        losses += [-float(scores[place - 1, whole[place]]) for place in range(len(prompt), len(whole))]
    return sum(losses) / len(losses)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(score(sys.argv[1], json.loads(sys.argv[3]))))
