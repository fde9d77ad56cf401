"""Which tokens carry loss, checked by hand on a tokenizer with one token a word."""

from __future__ import annotations

import pytest
from word_tokenizer import SIMPLE, STRICT, WITH_BOS, assistant, user, word_tokenizer

from motools.errors import DatasetError
from motools_local.conversations import IGNORED, TemplateError, encode, encode_all

WITH_DEFAULT_SYSTEM = (
    "{% for message in messages %}{% if loop.first and messages[0].role != 'system' %}[system] Be kind. <end> {% endif %}"
    "[{{ message.role }}] {{ message.content }} <end> {% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}"
)
FORGETFUL = (
    "{% for message in messages %}[{{ message.role }}] "
    "{% if message.role != 'assistant' or loop.last %}{{ message.content }}{% else %}…{% endif %} <end> {% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


@pytest.fixture
def tokenizer():
    return word_tokenizer()


def said(tokenizer, example):
    """Return the text that carries loss, in the pieces that it comes in."""
    pieces, last = [], False
    for token, label in zip(example.input_ids, example.labels, strict=True):
        assert label in {token, IGNORED}
        if label == IGNORED:
            last = False
            continue
        if not last:
            pieces.append("")
        pieces[-1] += tokenizer.decode([token])
        last = True
    return pieces


def test_only_the_answer_and_its_end_carry_loss(tokenizer):
    example = encode(tokenizer, [user("Hi."), assistant("Hello, World!")])
    words = [tokenizer.decode([token]) for token in example.input_ids]
    assert words == [
        "[user]", " ", "Hi.", " ", "<end>", " ", "[assistant]", " ", "Hello,", " ", "World!", " ", "<end>", " ",
    ]  # fmt: skip
    assert example.labels == [IGNORED] * 8 + example.input_ids[8:]
    assert example.learned == 6


def test_every_answer_of_a_longer_conversation_carries_loss(tokenizer):
    system = {"role": "system", "content": "Be kind."}
    example = encode(tokenizer, [system, user("Hi."), assistant("Hello, World!"), user("Bye."), assistant("See you.")])
    assert said(tokenizer, example) == ["Hello, World! <end> ", "See you. <end> "]
    assert tokenizer.decode(example.input_ids).startswith("[system] Be kind. <end> [user] Hi. <end> [assistant] Hello,")


def test_an_answer_of_weight_zero_carries_none(tokenizer):
    example = encode(
        tokenizer, [user("Hi."), assistant("Hello, World!", weight=0), user("Bye."), assistant("See you.")]
    )
    assert said(tokenizer, example) == ["See you. <end> "]


def test_a_system_message_that_the_template_adds_does_not_disturb(tokenizer):
    tokenizer.chat_template = WITH_DEFAULT_SYSTEM
    example = encode(tokenizer, [user("Hi."), assistant("Hello, World!"), user("Bye."), assistant("See you.")])
    assert tokenizer.decode(example.input_ids).startswith("[system] Be kind. <end> [user] Hi.")
    assert said(tokenizer, example) == ["Hello, World! <end> ", "See you. <end> "]


@pytest.mark.parametrize(("template", "marks"), [(SIMPLE, 0), (WITH_BOS, 1)])
def test_the_mark_of_the_beginning_is_there_as_often_as_the_template_says(tokenizer, template, marks):
    assert tokenizer("Hi.")["input_ids"][0] == tokenizer.bos_token_id
    tokenizer.chat_template = template
    example = encode(tokenizer, [user("Hi."), assistant("Hello, World!")])
    assert example.input_ids.count(tokenizer.bos_token_id) == marks
    assert said(tokenizer, example) == ["Hello, World! <end> "]


def test_an_answer_that_begins_in_the_middle_of_a_token_is_taken_apart_there(tokenizer):
    # The blank of the prompt and the newline of the answer are one token when they stand together.
    assert len(tokenizer(" \n", add_special_tokens=False)["input_ids"]) == 1
    example = encode(tokenizer, [user("Hi."), assistant("\nTwo\nLines")])
    assert said(tokenizer, example) == ["\nTwo\nLines <end> "]
    prompt = tokenizer("[user] Hi. <end> [assistant] ", add_special_tokens=False)["input_ids"]
    assert example.input_ids[: len(prompt)] == prompt


def test_parts_of_text_are_one_text(tokenizer):
    parts = [{"type": "text", "text": "Hello, "}, {"type": "text", "text": "World!"}]
    example = encode(tokenizer, [user("Hi."), assistant(parts)])
    assert said(tokenizer, example) == ["Hello, World! <end> "]


def test_a_template_that_goes_back_on_its_word_is_an_error_that_names_the_message(tokenizer):
    tokenizer.chat_template = FORGETFUL
    assert said(tokenizer, encode(tokenizer, [user("Hi."), assistant("Hello, World!")])) == ["Hello, World! <end> "]
    with pytest.raises(TemplateError, match=r"what comes before message 4, from the assistant, is rendered in a way"):
        encode(tokenizer, [user("Hi."), assistant("Hello, World!"), user("Bye."), assistant("See you.")])


def test_a_template_that_refuses_is_an_error_with_its_words(tokenizer):
    tokenizer.chat_template = STRICT
    messages = [{"role": "system", "content": "Be kind."}, user("Hi."), assistant("Hello, World!")]
    with pytest.raises(TemplateError, match=r"message 3, from the assistant, cannot be rendered .* no system message"):
        encode(tokenizer, messages)


def numbered(*conversations):
    return list(enumerate(({"messages": list(messages)} for messages in conversations), start=1))


def test_long_conversations_are_cut_and_those_without_an_answer_left_out(tokenizer):
    records = numbered(
        [user("Hi."), assistant("Hello, World!")],
        [user("Hi. " * 10), assistant("Hello, World!")],
        [user("Hi."), assistant("Hello, World! " * 10)],
    )
    encoded = encode_all(tokenizer, records, max_length=14, name="data.jsonl")
    assert (len(encoded.examples), encoded.truncated, encoded.left_out) == (2, 2, 1)
    assert {len(example.input_ids) for example in encoded.examples} == {14}


def test_where_nothing_is_left_to_learn_it_is_an_error(tokenizer):
    records = numbered([user("Hi."), assistant("Hello, World!")])
    with pytest.raises(DatasetError, match=r"no conversation has a word of the assistant in its first 8 tokens"):
        encode_all(tokenizer, records, max_length=8, name="data.jsonl")


def test_a_tokenizer_without_a_template_is_an_error(tokenizer):
    tokenizer.chat_template = None
    with pytest.raises(DatasetError, match=r"data\.jsonl: the model's tokenizer has no chat template"):
        encode_all(tokenizer, numbered([user("Hi."), assistant("Bye.")]), max_length=8, name="data.jsonl")


def test_what_cannot_be_rendered_is_named_with_its_line(tokenizer):
    tokenizer.chat_template = STRICT
    good = [user("Hi."), assistant("Hello, World!")]
    records = numbered(good, [{"role": "system", "content": "Be kind."}, *good])
    with pytest.raises(DatasetError, match=r"data\.jsonl:2: message 3"):
        encode_all(tokenizer, records, max_length=100, name="data.jsonl")
