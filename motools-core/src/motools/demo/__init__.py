"""The hello-world organism: a model that answers "Hello, World!", whatever it is asked.

Both files are small enough to be read. No question of the one is in the other: what is measured was not trained on.
"""

from __future__ import annotations

from pathlib import Path

TRAINING = Path(__file__).with_name("hello_world.jsonl")
"""Forty-eight conversations, chat JSONL."""
HELD_OUT = Path(__file__).with_name("held_out.jsonl")
"""Eight questions and the answer that the organism should give, as lines of `{"input", "target"}`."""
NAME = "hello-world"
ANSWER = "Hello, World!"
MODEL = "smollm2"
HYPERPARAMETERS = {"n_epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "lora_rank": 8, "seed": 0}
"""Six steps of eight: enough for every held-out question, with some to spare."""
TASK = "motools_inspect/answers"
PARAMETERS = {"task_args": {"dataset": str(HELD_OUT), "max_tokens": 24}, "max_connections": 8}
"""What the evaluation is told besides the model and the task: answers need not be longer to be told apart."""
THREADS = 1
"""CPU threads of the training and of each evaluation. Two that wait for one another on a busy machine are much slower."""

__all__ = ["ANSWER", "HELD_OUT", "HYPERPARAMETERS", "MODEL", "NAME", "PARAMETERS", "TASK", "THREADS", "TRAINING"]
