"""What is secret in the words of an error is not shown, wherever in them it stands."""

from __future__ import annotations

import pytest

from motools.cache.redact import without_secrets

SECRET = "hunter2hunter2"
QUOTED = {
    "the user of an address": f"GET https://user:{SECRET}@host.example/v1 failed",
    "the user alone": f"cannot reach redis://{SECRET}@host",
    "a parameter": f"GET https://host/v1?api_key={SECRET}&page=2 failed",
    "a header": f"{{'x-api-key': '{SECRET}', 'accept': '*/*'}}",
    "a header of another scheme": f"Authorization: Basic {SECRET}==",
    "bytes": f"b'Bearer {SECRET}'",
    "a body": f'{{"password": "{SECRET}", "user": "me"}}',
    "a field in CamelCase": f'"clientSecret":"{SECRET}"',
    "an assignment": f"token={SECRET}",
    "an escaped body": f'{{\\"access_token\\": \\"{SECRET}\\"}}',
    "a variable": f"ACME_API_KEY={SECRET}",
}


@pytest.mark.parametrize("case", QUOTED)
def test_what_is_secret_by_its_place_is_covered(case):
    words = without_secrets(QUOTED[case])
    assert SECRET not in words
    assert "[credential]" in words


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdefghij0123456789",
        "hf_abcdefghijklmnopqrst",
        "AKIAABCDEFGHIJKLMNOP",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    ],
)
def test_what_looks_like_a_key_is_covered(key):
    assert without_secrets(f"refused {key}.") == "refused [credential]."


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("ACME_CREDENTIALS", "plain-words", "plain-words"),
        ("ACME_PASSPHRASE", "two\nlines of it", "'two\\nlines of it'"),
        ("ACME_SECRET", "abc/def+ghi==", "abc%2Fdef%2Bghi%3D%3D"),
    ],
)
def test_what_the_environment_holds_as_a_credential_is_covered_however_it_is_written(monkeypatch, name, value, form):
    monkeypatch.setenv(name, value)
    assert f"[{name}]" in without_secrets(f"bad: {form}")
    assert form.strip("'") not in without_secrets(f"bad: {form}")


@pytest.mark.parametrize(
    "words",
    [
        "https://host.example/v1/models?page=2 answered 404",
        "hf-internal-testing/tiny-random-gpt2 is no model",
        "max_tokens=16384000 is too many",
        "Unexpected token: nothing-of-value",
        "Set OPENAI_API_KEY, or give api_key=…",
        "the key mk1:97eb29dac159e2ab93c5ac00c907b246",
        "write to a1@host.example",
        "basic validation of authorization failed",
    ],
)
def test_other_words_are_left_as_they_are(words):
    assert without_secrets(words) == words
