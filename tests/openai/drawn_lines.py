"""Lines of training files as OpenAI takes them, drawn by hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

texts = st.text(st.characters(codec="utf-8", exclude_characters="|"), max_size=12)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([0.0, 0.5, 1.0]) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def messages_from(draw: Any, role: str) -> dict[str, Any]:
    parts = st.lists(st.builds(dict, type=st.just("text"), text=texts), min_size=1, max_size=2)
    content = draw(texts | parts)
    if role == "user" and isinstance(content, list) and draw(st.booleans()):
        content.append({"type": "image_url", "image_url": {"url": "https://127.0.0.1/a.png"}})
    named = {"name": draw(names)} if draw(st.booleans()) else {}
    return {"role": role, "content": content} | named


@st.composite
def answered_calls(draw: Any) -> list[dict[str, Any]]:
    ids = draw(st.lists(names, min_size=1, max_size=2, unique=True))
    calls = [
        {"id": call, "type": "function", "function": {"name": draw(names), "arguments": draw(texts)}} for call in ids
    ]
    content = draw(st.sampled_from([{}, {"content": None}, {"content": "Let me see."}]))
    results = [{"role": "tool", "tool_call_id": call, "content": draw(texts)} for call in ids]
    return [{"role": "assistant", **content, "tool_calls": calls}, *results]


@st.composite
def exchanges(draw: Any) -> list[dict[str, Any]]:
    called = draw(st.just([]) | answered_calls())
    return [draw(messages_from("user")), *called, draw(messages_from("assistant"))]


@st.composite
def tools(draw: Any) -> dict[str, Any]:
    function = st.fixed_dictionaries(
        {"name": names},
        optional={"description": texts, "parameters": st.just({"type": "object"}), "strict": st.booleans()},
    )
    listed = st.lists(function.map(lambda each: {"type": "function", "function": each}), max_size=2)
    return draw(st.just({}) | st.builds(dict, tools=listed, parallel_tool_calls=st.booleans()))


@st.composite
def prompts(draw: Any, *, start: str = "system") -> list[dict[str, Any]]:
    before = draw(st.lists(exchanges(), max_size=1))
    return [*draw(st.lists(messages_from(start), max_size=1)), *(each for turns in before for each in turns)]


@st.composite
def chats(draw: Any) -> dict[str, Any]:
    messages = [*draw(prompts()), *draw(exchanges())]
    for message in messages[:-1]:
        if message["role"] == "assistant" and draw(st.booleans()):
            message["weight"] = draw(st.sampled_from([0, 1]))
    return {"messages": messages} | draw(tools())


@st.composite
def pairs(draw: Any) -> dict[str, Any]:
    outputs = [[{"role": "assistant", "content": text}] for text in ("Yes.", "No.")]
    asked = {"messages": [*draw(prompts()), draw(messages_from("user"))]} | draw(tools())
    return {"input": asked, "preferred_output": outputs[0], "non_preferred_output": outputs[1]}


@st.composite
def graded(draw: Any) -> dict[str, Any]:
    line = {"messages": [*draw(prompts(start="developer")), draw(messages_from("user"))]} | draw(tools())
    line.pop("parallel_tool_calls", None)
    return line | {"reference_answer": draw(junk)}
