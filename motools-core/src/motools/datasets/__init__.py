"""Datasets: reading, validating and digesting chat JSONL."""

from __future__ import annotations

from motools.datasets.dataset import Dataset
from motools.datasets.findings import Finding, Severity

__all__ = ["Dataset", "Finding", "Severity"]
