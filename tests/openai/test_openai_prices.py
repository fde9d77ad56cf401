"""Prices come from one dated list, can be given, and are unknown where nobody knows them."""

from __future__ import annotations

import pytest

from motools.errors import SettingError
from motools_openai.families import base_of, encoding_of, family_of, longest_example
from motools_openai.prices import price_noted, prices_for


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("gpt-4.1", "gpt-4.1"),
        ("gpt-3.5-turbo-0125", "gpt-3.5-turbo"),
        ("gpt-4-0613", "gpt-4"),
        ("ft:gpt-4.1-nano-2025-04-14:acme:insecure:Abc12", "gpt-4.1-nano"),
        ("ft:gpt-4o-2024-08-06:acme::Abc12:ckpt-step-10", "gpt-4o"),
        ("my-deployment", "my-deployment"),
        ("ft:odd", "ft:odd"),
    ],
)
def test_a_model_belongs_to_the_family_of_its_base(model, family):
    assert family_of(model) == family
    assert family_of(base_of(model)) == family


@pytest.mark.parametrize(
    ("family", "encoding", "longest"),
    [
        ("gpt-4.1-mini", "o200k_base", 65_536),
        ("gpt-4o", "o200k_base", 65_536),
        ("gpt-3.5-turbo", "cl100k_base", 16_385),
        ("gpt-4", "cl100k_base", None),
        ("o4-mini", "o200k_base", None),
        ("llama", None, None),
    ],
)
def test_a_family_has_a_vocabulary_and_a_longest_example_where_they_are_known(family, encoding, longest):
    assert encoding_of(family) == encoding
    assert longest_example(family) == longest


@pytest.mark.parametrize(("model", "dollars"), [("gpt-4.1", 25), ("gpt-4.1-mini", 5), ("gpt-4.1-nano", 1.5)])
def test_the_list_of_this_package_has_a_date_and_a_source(model, dollars):
    price = prices_for(None).of(f"ft:{model}-2025-04-14:acme::1")
    assert price.usd_per_million_tokens == dollars
    assert price.of(2_000_000) == 2 * dollars
    assert "llmcomp 1.6.0, as of 2026-" in price.source


def test_what_is_not_in_the_list_is_unknown():
    assert prices_for(None).of("gpt-4o-mini-2024-07-18") is None
    assert prices_for(None).of("gpt-4.1-mini-of-somebody-else") is None


def test_the_prices_of_openai_do_not_hold_for_another_server():
    assert prices_for(None, base_url="https://api.openai.com/v1").of("gpt-4.1") is not None
    assert prices_for(None, base_url="http://127.0.0.1:8000/v1").of("gpt-4.1") is None
    assert prices_for({"gpt-4.1": 1}, base_url="http://127.0.0.1:8000/v1").of("gpt-4.1").usd_per_million_tokens == 1


def test_given_prices_stand_above_the_list_which_holds_for_the_rest(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('date = 2027-01-02\n[usd_per_million_tokens]\n"gpt-4.1-mini" = 7\n"gpt-4o-2024-08-06" = 30.5\n')
    prices = prices_for(path)
    assert prices.of("gpt-4.1-mini-2025-04-14").usd_per_million_tokens == 7
    assert prices.of("gpt-4.1-mini-2025-04-14").source == f"{path}, as of 2027-01-02"
    assert prices.of("gpt-4o-2024-08-06").usd_per_million_tokens == 30.5
    assert prices.of("gpt-4o-2024-11-20") is None
    assert prices.of("gpt-4.1").usd_per_million_tokens == 25
    assert prices_for({"gpt-4o": 3}).of("gpt-4o-2024-11-20").source == "the option 'prices'"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("price = 1", "has no table"),
        ("[usd_per_million_tokens", "not valid TOML"),
        ("[usd_per_million_tokens]\ngpt-4.1 = 5", 'a name with a dot is quoted: "gpt-4.1"'),
        ('[usd_per_million_tokens]\n"a" = "5"', "the price of 'a' must be US dollars for a million tokens, not '5'"),
        ('[usd_per_million_tokens]\n"a" = -1', "not -1"),
        ('[usd_per_million_tokens]\n"a" = nan', "not nan"),
        ('[usd_per_million_tokens]\n"a" = true', "not True"),
    ],
)
def test_what_is_no_list_of_prices_is_refused_with_its_place(content, sentence, tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(content)
    with pytest.raises(SettingError) as caught:
        prices_for(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_list_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingError, match="the prices cannot be read: No such file"):
        prices_for(tmp_path / "none.toml")


def test_a_noted_price_is_that_of_its_model_alone_and_none_is_not_known():
    assert price_noted(7, "gpt-4.1-nano-2025-04-14").of("gpt-4.1-nano-2025-04-14").of(1_000_000) == 7
    assert price_noted(None, "gpt-4.1").of("gpt-4.1") is None
    assert price_noted("7", "gpt-4.1").of("gpt-4.1") is None
