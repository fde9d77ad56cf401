"""Datasets: reading, validating and digesting chat JSONL."""

from __future__ import annotations

from motools.datasets.dataset import Dataset
from motools.datasets.findings import Finding, Severity
from motools.datasets.formats import Format

__all__ = ["Dataset", "Finding", "Format", "Severity"]
