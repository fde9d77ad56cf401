"""A model provider that follows a script, and tasks: what the tests install as the package `scripted`.

    scripted/upper      answers in capitals
    scripted/slow…      answers after half a second
    scripted/broken     raises
    scripted/judge      rates everything 3
    scripted/NAME_VAR   answers with the environment variable VAR

`calls`, an argument of the model, is a file that gets a line for each question; `prefix` stands before each answer.
"""

import os
import time

import anyio
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, ModelUsage, modelapi
from inspect_ai.scorer import Score, Scorer, accuracy, mean, scorer, stderr
from inspect_ai.solver import solver


@modelapi(name="scripted")
class Scripted(ModelAPI):
    def __init__(self, model_name, base_url=None, api_key=None, config=None, **arguments):
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        self.calls = arguments.get("calls")
        self.prefix = arguments.get("prefix", "")

    async def generate(self, input, tools, tool_choice, config):  # noqa: A002 (the name is Inspect's)
        question = input[-1].text
        if self.model_name == "broken":
            raise ValueError("the script says no")
        if self.model_name.startswith("slow"):
            await anyio.sleep(0.5)
        if self.calls:
            async with await anyio.open_file(self.calls, "a", encoding="utf-8") as file:
                await file.write(f"{question}\n")
        variable = self.model_name.partition("NAME_")[2]
        answer = os.environ.get(variable, "unset") if variable else question.upper()
        if self.model_name == "judge":
            answer = '{"reasoning": "as it is written", "score": 3}'
        output = ModelOutput.from_content(self.model_name, self.prefix + answer)
        # without it Inspect counts the tokens itself, and downloads a vocabulary to do so
        output.usage = ModelUsage(input_tokens=2, output_tokens=1, total_tokens=3)
        return output


@scorer(metrics={"length": [mean()], "capitals": [accuracy(), stderr()]})
def shape() -> Scorer:
    async def score(state, target):
        answer = state.output.completion
        return Score(value={"length": len(answer), "capitals": float(answer.isupper())}, answer=answer)

    return score


@scorer(metrics={"length": [mean()]})
def outline() -> Scorer:
    async def score(state, target):
        return Score(value={"length": len(state.output.completion) / 2})

    return score


@solver
def twice(times: int = 2):
    async def solve(state, generate):
        for _ in range(times):
            state = await generate(state)
        return state

    return solve


@task
def shouting(words: int = 3) -> Task:
    samples = [Sample(id=f"word{number}", input="a" * (number + 1), target="A") for number in range(words)]
    return Task(dataset=samples, scorer=[shape(), outline()])


@task
def murmuring(words: int = 3) -> Task:
    samples = [Sample(id=f"word{number}", input="m" * (number + 1), target="M") for number in range(words)]
    return Task(dataset=samples, scorer=outline())


@task
def waiting() -> Task:
    """Take a minute to load, as a large dataset does."""
    time.sleep(60)
    return shouting()
