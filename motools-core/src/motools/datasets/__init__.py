"""Datasets: reading, validating and digesting chat JSONL."""

from __future__ import annotations

from motools.datasets.dataset import Dataset
from motools.datasets.findings import Finding, Severity
from motools.datasets.formats import CHAT_FORMAT, DPO_FORMAT, FORMATS, RFT_FORMAT, Format
from motools.datasets.report import Report

__all__ = ["CHAT_FORMAT", "DPO_FORMAT", "FORMATS", "RFT_FORMAT", "Dataset", "Finding", "Format", "Report", "Severity"]
