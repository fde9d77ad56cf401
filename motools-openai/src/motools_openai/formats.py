"""The formats of training data that OpenAI takes, by the name of what is done with it.

    chat    supervised fine-tuning       imitate the assistant
    dpo     preference fine-tuning       prefer one answer to another
    rft     reinforcement fine-tuning    answer, and be graded

They are the formats of `motools.datasets` with `motools_openai.rules` added, and with some of the advice there made a rule:
what OpenAI refuses after the upload, or would train on differently than meant, is refused before. No SDK is imported.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from motools import Format
from motools.datasets import CHAT_FORMAT, DPO_FORMAT, RFT_FORMAT
from motools.datasets.rules import (
    MISNAMED,
    OUTPUTS,
    TOOL_ADVICE,
    answers_say_something,
    has_a_reference,
    has_no_repeats,
    is_held_out,
    of_messages,
    outputs_differ,
    within,
)
from motools_openai.rules.learning import (
    is_one_message,
    last_answer_is_learnt,
    speaks_to_a_reasoning_model,
    weights_are_not_null,
)
from motools_openai.rules.messages import has_only, message_keys_are_known, parts_fit_the_role
from motools_openai.rules.texts import fits_the_context, texts_have_no_special_tokens, texts_look_ordinary
from motools_openai.rules.tools import (
    functions_are_whole,
    parallel_tool_calls_is_a_switch,
    tool_calls_are_whole,
    tool_messages_name_their_call,
    tools_are_whole,
)
from motools_openai.rules.whole import has_enough, is_large, is_not_too_large

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.datasets.rules import Rule

_MESSAGES: tuple[Rule, ...] = (
    message_keys_are_known,
    weights_are_not_null,
    parts_fit_the_role,
    texts_have_no_special_tokens,
    tools_are_whole,
    tool_calls_are_whole,
    tool_messages_name_their_call,
    *TOOL_ADVICE,
)

CHAT = Format(
    name="chat",
    rules=(
        *CHAT_FORMAT.rules,
        has_only("messages", "tools", "parallel_tool_calls", "functions"),
        *_MESSAGES,
        functions_are_whole,
        parallel_tool_calls_is_a_switch,
        last_answer_is_learnt,
    ),
    advice=(answers_say_something, texts_look_ordinary, fits_the_context),
    whole=(has_enough, is_not_too_large, is_held_out),
    whole_advice=(has_no_repeats, is_large),
)

DPO = Format(
    name="dpo",
    rules=(
        *DPO_FORMAT.rules,
        has_only("input", *OUTPUTS, *MISNAMED),
        within(
            "input", has_only("messages", "tools", "parallel_tool_calls"), *_MESSAGES, parallel_tool_calls_is_a_switch
        ),
        *(of_messages(key, *_MESSAGES, is_one_message) for key in OUTPUTS),
    ),
    advice=(
        outputs_differ,
        within("input", texts_look_ordinary),
        *(of_messages(key, answers_say_something, texts_look_ordinary) for key in OUTPUTS),
        fits_the_context,
    ),
    whole=(has_enough, is_not_too_large, is_held_out),
    whole_advice=(has_no_repeats, is_large),
)

RFT = Format(
    name="rft",
    rules=(*RFT_FORMAT.rules, *_MESSAGES),
    advice=(has_a_reference, speaks_to_a_reasoning_model, texts_look_ordinary, fits_the_context),
    whole=(has_enough, is_not_too_large, is_held_out),
    whole_advice=(has_no_repeats, is_large),
)

FORMATS: Mapping[str, Format] = MappingProxyType({each.name: each for each in (CHAT, DPO, RFT)})

__all__ = ["CHAT", "DPO", "FORMATS", "RFT"]
