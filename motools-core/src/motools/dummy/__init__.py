"""A service that does nothing, for tests and for trying things out: what the two dummy backends share.

The service is a directory with a JSON file for each job that it accepted. How a job stands is a function of its file and
the clock, so any number of processes see the same, nothing has to run in the background, and the bill is the number of
files. Removing a file makes the service forget the job.

    job.py      what the service knows of a job, and how that stands at a time
    service.py  the directory of jobs
    handle.py   what runs and evaluation jobs do alike
"""

from __future__ import annotations

from motools.dummy.handle import DummyHandle
from motools.dummy.job import DummyJob
from motools.dummy.service import DummyOptions, DummyService

__all__ = ["DummyHandle", "DummyJob", "DummyOptions", "DummyService"]
