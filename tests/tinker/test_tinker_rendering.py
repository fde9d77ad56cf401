"""Which tokens carry loss, and how conversations, steps and rates follow from what was asked for."""

from __future__ import annotations

import json
import math

import pytest
from word_tokenizer import SIMPLE, STRICT, WITH_BOS, assistant, user, word_tokenizer

from motools.errors import DatasetError, RunFailed
from motools_tinker.encoding import EncodedFile
from motools_tinker.order import Order, total_steps
from motools_tinker.rates import guess, rate
from motools_tinker.rendering import OwnRenderer, RenderError, TemplateRenderer
from motools_tinker.settings import TinkerHyperparameters
from motools_tinker.states import Saved, States, step_of

THINKING = (
    "{% for message in messages %}[{{ message.role }}] {% if message.role == 'assistant' and loop.last %}<think> {% endif %}"
    "{{ message.content }} <end> {% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"
)


@pytest.fixture
def tokenizer():
    return word_tokenizer()


TWO_TURNS = [user("Hi."), assistant("Hello, World!"), user("Bye."), assistant("See you.")]


def said(tokenizer, example, weight=1.0):
    """Return the text that has a weight, in the pieces that it comes in."""
    pieces, last = [], False
    for token, each in zip(example.tokens, example.weights, strict=True):
        if each == weight and not last:
            pieces.append("")
        if each == weight:
            pieces[-1] += tokenizer.decode([token])
        last = each == weight
    return pieces


def test_every_answer_and_its_end_carry_loss_and_nothing_else(tokenizer):
    example = TemplateRenderer(tokenizer)(TWO_TURNS)
    assert said(tokenizer, example) == ["Hello, World! <end> ", "See you. <end> "]
    assert set(example.weights) == {0.0, 1.0}
    assert tokenizer.decode(example.tokens) == tokenizer.apply_chat_template(TWO_TURNS, tokenize=False)


def test_a_message_may_have_a_weight_of_its_own(tokenizer):
    render = TemplateRenderer(tokenizer)
    example = render(
        [user("Hi."), assistant("Hello, World!", weight=0), user("Bye."), assistant("See you.", weight=0.5)]
    )
    assert said(tokenizer, example, 0.5) == ["See you. <end> "]
    assert set(example.weights) == {0.0, 0.5}
    assert example.weight == 0.5 * len(tokenizer("See you. <end> ", add_special_tokens=False)["input_ids"])


def test_the_last_answer_alone_can_be_learned(tokenizer):
    render = TemplateRenderer(tokenizer, train_on="last")
    assert said(tokenizer, render(TWO_TURNS)) == ["See you. <end> "]
    weighted = [TWO_TURNS[0], TWO_TURNS[1] | {"weight": 1}, *TWO_TURNS[2:]]
    assert said(tokenizer, render(weighted)) == ["Hello, World! <end> ", "See you. <end> "]


@pytest.mark.parametrize(("template", "marks"), [(SIMPLE, 0), (WITH_BOS, 1)])
def test_the_mark_of_the_beginning_is_there_as_often_as_the_template_says(tokenizer, template, marks):
    assert tokenizer("Hi.")["input_ids"][0] == tokenizer.bos_token_id
    tokenizer.chat_template = template
    render = TemplateRenderer(tokenizer)
    assert list(render(TWO_TURNS).tokens).count(tokenizer.bos_token_id) == marks
    assert render.prompt(TWO_TURNS[:1]).count(tokenizer.bos_token_id) == marks


def test_an_answer_that_begins_in_the_middle_of_a_token_is_taken_apart_there(tokenizer):
    assert len(tokenizer(" \n", add_special_tokens=False)["input_ids"]) == 1
    example = TemplateRenderer(tokenizer)([user("Hi."), assistant("\nTwo\nLines")])
    assert said(tokenizer, example) == ["\nTwo\nLines <end> "]
    prompt = TemplateRenderer(tokenizer).prompt([user("Hi.")])
    assert example.tokens[: len(prompt)] == prompt


def test_a_template_that_rewrites_an_earlier_answer_is_an_error_that_names_the_message_and_says_what_to_do(tokenizer):
    tokenizer.chat_template = THINKING
    with pytest.raises(RenderError, match=r"what comes before message 4, from the assistant, .* train_on='last'"):
        TemplateRenderer(tokenizer)(TWO_TURNS)
    example = TemplateRenderer(tokenizer, train_on="last")(TWO_TURNS)
    assert said(tokenizer, example) == ["<think> See you. <end> "]
    weighted = [TWO_TURNS[0], TWO_TURNS[1] | {"weight": 0}, *TWO_TURNS[2:]]
    assert TemplateRenderer(tokenizer)(weighted) == example


def test_a_template_that_refuses_is_an_error_with_its_words(tokenizer):
    tokenizer.chat_template = STRICT
    with pytest.raises(RenderError, match=r"message 3, from the assistant, cannot be rendered .* no system message"):
        TemplateRenderer(tokenizer)([{"role": "system", "content": "Be kind."}, *TWO_TURNS[:2]])


def test_a_tokenizer_without_a_template_is_an_error_that_names_the_way_out(tokenizer):
    tokenizer.chat_template = None
    with pytest.raises(RenderError, match=r"no chat template\. Use a chat model, or give a renderer"):
        TemplateRenderer(tokenizer)


def test_an_answer_ends_where_the_template_ends_it(tokenizer):
    tokenizer.add_special_tokens({"additional_special_tokens": ["<end>"]})
    tokenizer.chat_template = SIMPLE.replace(" <end> ", "<end> ")
    assert TemplateRenderer(tokenizer).ends() == {tokenizer.convert_tokens_to_ids("<end>")}


def test_a_renderer_of_ones_own_is_held_to_its_form(tokenizer):
    assert list(OwnRenderer(tokenizer, lambda *_: ([1, 2], [0, 1]), "mine")(TWO_TURNS).weights) == [0.0, 1.0]
    with pytest.raises(RenderError, match="the renderer mine gave 2 tokens and 1 weights"):
        OwnRenderer(tokenizer, lambda *_: ([1, 2], [1]), "mine")(TWO_TURNS)
    with pytest.raises(RenderError, match="the renderer mine raised KeyError"):
        OwnRenderer(tokenizer, lambda *_: {}["x"], "mine")(TWO_TURNS)


def encoded(tmp_path, tokenizer, conversations, **more):
    records = enumerate(({"messages": messages} for messages in conversations), start=1)
    wanted = {"max_length": 14, "name": "data.jsonl", "tokenizer": None, "told": lambda _: None} | more
    return EncodedFile.make(tmp_path / "data.jsonl", records, TemplateRenderer(tokenizer), **wanted)


def test_what_was_rendered_is_read_back_in_any_order_by_another(tmp_path, tokenizer):
    made = encoded(tmp_path, tokenizer, [TWO_TURNS[:2], TWO_TURNS[2:]])
    made.close()
    again = EncodedFile.there(tmp_path / "data.jsonl")
    render = TemplateRenderer(tokenizer)
    for number, messages in ((1, TWO_TURNS[2:]), (0, TWO_TURNS[:2]), (1, TWO_TURNS[2:])):
        assert list(again[number].tokens) == render(messages).tokens
        assert list(again[number].weights) == render(messages).weights
    again.close()


def test_long_conversations_are_cut_and_those_with_nothing_to_learn_left_out(tmp_path, tokenizer):
    long = [
        [user("Hi."), assistant("Hello, World!")],
        [user("Hi. " * 10), assistant("Hello, World!")],
        [user("Hi."), assistant("Hello, World! " * 10)],
    ]
    made = encoded(tmp_path, tokenizer, long)
    assert (len(made), made.facts.truncated, made.facts.left_out, made.facts.longest) == (2, 2, 1, 14)
    made.close()
    with pytest.raises(DatasetError, match=r"data\.jsonl: no conversation has anything to learn in its first 8 tokens"):
        encoded(tmp_path, tokenizer, long, max_length=8)


def test_an_epoch_goes_through_all_once_in_an_order_of_its_own():
    order = Order(10, 4, seed=3)
    epochs = [[list(order.batch(step)) for step in range(first, first + 3)] for first in (0, 3)]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == [4, 4, 2]
        assert sorted(number for batch in epoch for number in batch) == list(range(10))
    assert epochs[0] != epochs[1]
    assert [list(Order(10, 4, seed=3).batch(step)) for step in (4, 1)] == [epochs[1][1], epochs[0][1]]
    assert list(Order(10, 4, seed=4).batch(0)) != epochs[0][0]
    assert (total_steps(order, 5, None), total_steps(order, 5, 7)) == (15, 7)
    assert order.epoch(2) == 1


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0.5, 1, 1, 0.75, 0.5, 0.25]),
        ("constant", [0.5, 1, 1, 1, 1, 1]),
        ("cosine", [0.5, 1, 1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2]),
    ],
)
def test_the_rate_warms_up_and_falls_as_its_schedule_says(schedule, expected):
    wanted = TinkerHyperparameters(schedule=schedule, warmup_steps=2)
    assert [rate(step, 6, 1.0, wanted) for step in range(6)] == pytest.approx(expected)


def test_the_automatic_rate_is_that_of_the_documentation():
    assert guess("meta-llama/Llama-3.1-8B", 4096) == pytest.approx(5e-4 * (2000 / 4096) ** 0.781)
    assert guess("Qwen/Qwen3-8B", 4096) == pytest.approx(5e-4 * (2000 / 4096) ** 0.0775)
    with pytest.raises(RunFailed, match="no automatic learning rate for 'some/other': it was fitted on Llama and Qwen"):
        guess("some/other", 4096)
    with pytest.raises(RunFailed, match="its hidden size is not known here"):
        guess("Qwen/Qwen3-8B", None)


def test_the_record_of_states_tells_what_is_there_what_is_gone_and_what_nobody_knows(tmp_path):
    path = tmp_path / "states.jsonl"
    states = States(path)
    states.opened("run", step=0, source=None)
    names = [states.saving("run", "state", step, "mine") for step in (0, 20, 20, 40)]
    assert len(set(names)) == 4
    paths = [f"tinker://run/weights/{name}" for name in names]
    assert [step_of(each) for each in paths] == [0, 20, 20, 40]
    for step, each in ((0, paths[0]), (20, paths[1])):
        states.is_there(Saved(path=each, kind="state", step=step))
    states.is_gone([paths[0], paths[2]])
    with path.open("a") as file:
        file.write('{"saved": "tinker://run/wei')
    read = States(path)
    read.mend()
    assert [each.path for each in read.resumable] == [paths[1]]
    assert read.orphans() == [paths[3]]
    assert (read.has_saved, read.model, read.clients) == (True, None, ["run"])
    assert all(json.loads(line) for line in path.read_text().splitlines())
