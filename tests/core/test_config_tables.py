"""The reader of simple TOML never answers otherwise than tomllib."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings, strategies as st

from motools.tables import _BeyondError, _Reader, read

SIMPLE = [
    "",
    "# nothing\n",
    "a = 1",
    'cache = "sqlite"  # or a URL\nhome = \'~/x\'\r\n[backends.cheap]\r\nuse = "openai"\r\n',
    "[a]\n[a.b]\nc = true\n[a.d]\n",
    "[a.b]\nx = 1\n[a]\ny = 2\n",
    "[ a . 'b c' . \"d\" ]\n'e f' = false\n\"\" = ''\n",
    "a = [1, 2,\n # three\n 3, ]\nb = [ ]\nc = [[1], ['x'], {y = 2}]\n",
    "a = { b = 1, c = { d = [1,\n2] } , e='x'}\nf = {}\n",
    "a = +1\nb = -0\nc = 0\nd = -1.5\ne = 1e-5\nf = 2E+07\ng = 0.0\nh = 3.25e3\n",
    '\ta\t=\t"tab\tin a string"\t# and\tafter\n',
    'name = "ünï"\n',
]

BEYOND = [
    'a = "\\n"',
    'a = """x"""',
    "a = '''x'''",
    "a.b = 1",
    "[[a]]\nb = 1",
    "a = 1979-05-27",
    "a = 07:32:00",
    "a = 0x1f",
    "a = 1_000",
    "a = inf",
    "a = 123456789012345678901234567890",
    "a = " + "[" * 30 + "]" * 30,
]

BAD = [
    "a",
    "a =",
    "= 1",
    "a = 1 b = 2",
    "a = 1\na = 2",
    "[a]\n[a]",
    "[a]\nb = 1\n[a.b]",
    "a = {}\n[a.b]",
    "a = {b = {}}\n[a.b.c]",
    "[a.b]\n[a]\nb = 1",
    "a = []\n[a]",
    "a = 01",
    "a = 1.",
    "a = .5",
    "a = 1.e5",
    "a = 1e",
    "a = --1",
    "a = +",
    "a = ٣",
    "a = True",
    "a = 'x\ny'",
    'a = "x',
    "a = {b = 1,}",
    "a = {b = 1\n}",
    "a = {b = 1, b = 2}",
    "a = [1 2]",
    "a = [,]",
    "[a",
    "[]",
    "[a.]",
    "[a] b = 1",
    "é = 1",
    "a = 'x\x00'",
    "a = 1\rb = 2",
    "# \x07",
    "\ufeffa = 1",
    "a = \xa01",
]


@pytest.mark.parametrize("text", SIMPLE)
def test_what_nearly_every_file_is_written_in_is_read_without_tomllib(text) -> None:
    assert _Reader(text.replace("\r\n", "\n")).document() == tomllib.loads(text)


@pytest.mark.parametrize("text", BEYOND)
def test_all_of_toml_is_understood(text) -> None:
    with pytest.raises(_BeyondError):
        _Reader(text).document()
    assert read(text) == tomllib.loads(text)


@pytest.mark.parametrize("text", BAD)
def test_what_is_not_toml_is_refused_in_tomllib_s_words(text) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as theirs:
        tomllib.loads(text)
    with pytest.raises(tomllib.TOMLDecodeError) as ours:
        read(text)
    assert str(ours.value) == str(theirs.value)


KEYS = st.sampled_from(["a", "b", "c-d", "1", "'x y'", '"q"', "a.b", "é", "", "'"])
VALUES = st.recursive(
    st.one_of(
        st.integers().map(str),
        st.floats().map(repr),
        st.sampled_from(
            ["true", "false", "1e5", "-1.5E-3", "+0", "0x1", "1_0", "00", "1.", "nan", "1979-05-27", "True"]
        ),
        st.text(max_size=5).map(lambda text: f'"{text}"'),
        st.text(max_size=5).map(lambda text: f"'{text}'"),
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda items, comma: "[" + comma.join(items) + "]",
            st.lists(inner, max_size=3),
            st.sampled_from([",", " , ", ",\n", "\n,#c\n", " "]),
        ),
        st.builds(
            lambda pairs, comma: "{" + comma.join(f"{key} = {value}" for key, value in pairs) + "}",
            st.lists(st.tuples(KEYS, inner), max_size=3),
            st.sampled_from([",", " , ", ",\n", ",,"]),
        ),
    ),
    max_leaves=5,
)
LINES = st.one_of(
    st.builds(lambda key, value, end: f"{key} = {value}{end}", KEYS, VALUES, st.sampled_from(["", " # c", "\t", " x"])),
    st.builds(lambda keys: f"[{'.'.join(keys)}]", st.lists(KEYS, min_size=1, max_size=3)),
    st.sampled_from(["", "# note", "[[a]]", "[ a . b ]", "\t", "\r"]),
)
DOCUMENTS = st.builds(lambda lines, end: end.join(lines), st.lists(LINES, max_size=6), st.sampled_from(["\n", "\r\n"]))


def same(text: str) -> None:
    """Check that both readers say the same of a text: the same values of the same types, or the same refusal."""
    try:
        expected: object = tomllib.loads(text)
    except ValueError as error:
        expected = str(error)
    try:
        answer: object = read(text)
    except ValueError as error:
        answer = str(error)
    assert repr(answer) == repr(expected)


@pytest.mark.slow
@settings(deadline=None, max_examples=500)
@given(text=DOCUMENTS)
def test_any_document_is_read_or_refused_as_tomllib_does(text) -> None:
    same(text)


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(text=st.text(alphabet="ab=.[]{}'\"#,\\ \t\n\r01e-+_tru\x00é\xa0", max_size=30))
def test_any_text_is_read_or_refused_as_tomllib_does(text) -> None:
    same(text)


@pytest.mark.soak
@settings(deadline=None, max_examples=50_000)
@given(text=DOCUMENTS)
def test_very_many_documents_are_read_or_refused_as_tomllib_does(text) -> None:
    same(text)
