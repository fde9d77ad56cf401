"""Each distribution works with what it declares and nothing else: core, itself, and their dependencies."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow

LISTED = """
import json, sys, motools
print(json.dumps(sorted([info.name, info.kind, info.distribution] for info in motools.list_backends())))
"""

TRAIN_AND_EVALUATE_DUMMY = """
import asyncio, motools

async def main():
    run = await motools.get_training_backend("dummy").train(
        [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}], "any-model"
    )
    model_id = await run.wait()
    job = await motools.get_eval_backend("dummy").evaluate(model_id, "any-task")
    print((await job.wait()).summary())

asyncio.run(main())
"""

WITHOUT_A_KEY = """
import asyncio, importlib.util, sys, motools
from motools.errors import MotoolsError

backend = motools.get_backend({name!r}, cache=None)
assert {name!r} not in sys.modules, "constructing imported the SDK"
assert importlib.util.find_spec({name!r}), "the SDK is not installed"
try:
    asyncio.run(backend.train([{{"messages": [{{"role": "user", "content": "Hi"}}, {{"role": "assistant", "content": "Hello"}}]}}] * 10, "m"))
except MotoolsError as error:
    print(error)
"""

CORE = [["dummy", "eval", "motools-core"], ["dummy", "training", "motools-core"]]


def listed(environment):
    return json.loads(environment.python_says(LISTED))


def test_core_alone_lists_trains_and_evaluates(wheels, install):
    environment = install(wheels["motools-core"])

    assert listed(environment) == CORE
    assert "dummy" in environment.run("motools", "backends")
    assert environment.python_says(TRAIN_AND_EVALUATE_DUMMY)


def test_core_alone_says_how_to_get_an_official_backend(wheels, install):
    environment = install(wheels["motools-core"])

    said = environment.python_says(
        "import motools\ntry: motools.get_backend('local')\nexcept motools.MotoolsError as error: print(error)"
    )
    assert "pip install motools-local" in said


@pytest.mark.parametrize("name", ["openai", "tinker"])
def test_a_service_is_listed_constructed_without_its_sdk_and_asks_for_its_key(name, wheels, install):
    environment = install(wheels["motools-core"], wheels[f"motools-{name}"])

    assert listed(environment) == sorted([*CORE, [name, "training", f"motools-{name}"]])
    assert f"{name.upper()}_API_KEY" in environment.python_says(WITHOUT_A_KEY.format(name=name))


CANNED = """
from inspect_ai.model import ModelAPI, ModelOutput, ModelUsage, modelapi

@modelapi(name="canned")
class Canned(ModelAPI):
    async def generate(self, input, tools, tool_choice, config):
        output = ModelOutput.from_content(self.model_name, "Hello, World!")
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output
"""

EVALUATE = """
import asyncio, json, pathlib, motools

pathlib.Path("questions.jsonl").write_text(json.dumps({"input": "Hi.", "target": "Hello, World!"}))

async def main():
    job = await motools.get_backend("inspect").evaluate(
        "canned/model", "motools_inspect/answers", task_args={"dataset": "questions.jsonl"}
    )
    print((await job.wait()).summary())

asyncio.run(main())
"""


def test_inspect_evaluates_without_any_other_plugin(wheels, install):
    environment = install(wheels["motools-core"], wheels["motools-inspect"])
    environment.add_distribution("canned", CANNED, group="inspect_ai")

    assert listed(environment) == sorted([*CORE, ["inspect", "eval", "motools-inspect"]])
    assert "1.000" in environment.python_says(EVALUATE)


MAKE_A_TINY_MODEL = """
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = ["<pad>", "<end>", "user", "assistant", "Hi", "Hello", "<unk>"]
tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", unk_token="<unk>")
fast.chat_template = (
    "{% for message in messages %}{{ message.role }} {{ message.content }} {{ eos_token }} {% endfor %}"
    "{% if add_generation_prompt %}assistant {% endif %}"
)
fast.save_pretrained("tiny")
config = LlamaConfig(
    vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
    max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=1,
)
LlamaForCausalLM(config).save_pretrained("tiny")
"""

TRAIN = """
import asyncio, pathlib, motools

async def main():
    run = await motools.get_backend("local").train(
        [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}],
        str(pathlib.Path("tiny").resolve()), hyperparameters={"max_steps": 2, "batch_size": 1},
    )
    print(await run.wait())

asyncio.run(main())
"""


def test_local_trains_without_any_other_plugin(wheels, install):
    environment = install(wheels["motools-core"], wheels["motools-local"])

    assert listed(environment) == sorted([*CORE, ["local", "training", "motools-local"]])
    environment.python_says(MAKE_A_TINY_MODEL)
    assert environment.python_says(TRAIN)


def test_the_tests_of_core_pass_with_core_alone_installed(root, wheels, install):
    environment = install(
        f"motools-core[compare,testing] @ {wheels['motools-core'].as_uri()}",
        "--group",
        f"{root / 'pyproject.toml'}:tests",
    )

    assert listed(environment) == CORE
    arguments = ["-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={root}"]
    environment.run(
        "python", "-m", "pytest", *arguments, "-c", f"{root / 'pyproject.toml'}", f"{root / 'tests' / 'core'}"
    )
