"""A tokenizer with one token a word, for what becomes of a conversation to be checked by hand."""

from __future__ import annotations

SIMPLE = (
    "{% for message in messages %}[{{ message.role }}] {{ message.content }} <end> {% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
WITH_BOS = "{{ bos_token }}" + SIMPLE
STRICT = "{% if messages[0].role == 'system' %}{{ raise_exception('no system message, please') }}{% endif %}" + SIMPLE
TEXT = "<s> [system] [user] [assistant] <end> <think> Be kind. Hi. Hello, World! Bye. See you. … Two Lines"


def word_tokenizer():
    """Return a tokenizer of words, with the blank before each; it adds a token of its own in front when allowed to."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<unk>": 0, "<s>": 1, "<end>": 2}
    for word in TEXT.split():
        for form in (word, " " + word, "\n" + word):
            vocabulary.setdefault(form, len(vocabulary))
    for extra in (" ", "\n", "\n\n", " \n"):
        vocabulary.setdefault(extra, len(vocabulary))
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n+|[^\s]+| \n|\s"), "isolated")
    words.decoder = decoders.Fuse()
    words.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", unk_token="<unk>")
    tokenizer.chat_template = SIMPLE
    return tokenizer


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text} | more
