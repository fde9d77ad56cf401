"""What the files of a model are, by content: a digest that changes when the weights do.

Reading hundreds of megabytes takes a while, so the digest of each file is remembered in `MOTOOLS_HOME/digests`
with the file's device, inode, size, mtime_ns and ctime_ns. A file that was changed less than two seconds ago is not
remembered: another change could leave the same times.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

from motools.config import home
from motools.files import replace_text

PATTERNS = ("*.safetensors", "*.bin", "*.gguf", "*.pt", "*.pth", "*.json", "*.jinja", "*.model", "*.txt", "*.py")
"""The files of a model directory that decide what it answers: weights, configuration, tokenizer, chat template, its own code."""
OURS = "motools.json"
"""Our own note beside a model, which is no part of it."""
SETTLED = 2.0
"""Seconds without a change, after which a file's times can be trusted."""
_PIECE = 2**24


def fingerprint(directory: Path) -> str:
    """Return "sha256:…" over a model's files; that of an adapter covers the base model as well. Blocks while it reads.

    The place of the directory, and of an adapter's base, is no part of it.
    """
    total = hashlib.sha256()
    for path in sorted(
        {path for pattern in PATTERNS for path in directory.glob(pattern) if path.name != OURS and path.is_file()}
    ):
        digest = _adapter_config(path) if path.name == "adapter_config.json" else file_digest(path)
        total.update(f"{path.name} {digest}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _adapter_config(path: Path) -> str:
    config = json.loads(path.read_text(encoding="utf-8"))
    base = Path(config.get("base_model_name_or_path") or "")
    if base.name and base.is_dir():  # as it is loaded: from the working directory, where it is relative
        config["base_model_name_or_path"] = fingerprint(base)
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the sha256 of a file, from memory where the file is as it was."""
    memo = home() / "digests"
    with path.open("rb") as file:
        before = _identity(os.fstat(file.fileno()))
        note = memo / hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
        try:
            remembered = json.loads(note.read_text(encoding="utf-8"))
            if remembered["identity"] == before:
                return str(remembered["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nothing is remembered, or nothing that can be used
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        status = os.fstat(file.fileno())
    changed = max(status.st_mtime, status.st_ctime)
    if _identity(status) == before and time.time() - changed > SETTLED:
        memo.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_text(note, json.dumps({"identity": before, "sha256": digest}))
    return digest


def _identity(status: os.stat_result) -> list[int]:
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


__all__ = ["OURS", "file_digest", "fingerprint"]
