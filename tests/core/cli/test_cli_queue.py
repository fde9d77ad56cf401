"""Requests that wait for their turn, as the command line shows them."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.slow  # starts many processes


@contextmanager
def waiting(*arguments):
    """Start a command that waits for its turn, and give it once it has said so."""
    command = [sys.executable, "-m", "motools", "train", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.said = ""
        try:
            while "waits for its turn" not in process.said:
                line = process.stderr.readline().decode()
                assert line, process.said
                process.said += line
            yield process
        finally:
            process.kill()


REQUEST = ("-b", "dummy", "--model", "small", "-o", "max_live_runs=1")


@pytest.fixture
def live(cli, chat):
    """A run that has the one slot."""
    done = cli("train", chat, *REQUEST, "-o", "duration=600", "--suffix", "live", "--no-wait")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def queued(cli):
    return [run for run in cli.json("runs") if run["state"] == "queued"]


def test_who_waits_is_told_so_and_shown_and_goes_on_when_there_is_a_slot(cli, chat, live):
    with waiting(chat, *REQUEST, "--suffix", "first") as first, waiting(chat, *REQUEST, "--suffix", "second") as second:
        assert "waits for its turn: it is next; a slot is expected about " in first.said
        assert "waits for its turn: 1 before it" in second.said
        [later, earlier] = queued(cli)
        assert cli.json("runs", "show", later["key"])["ahead"] == 1
        shown = cli("runs", "show", earlier["key"]).stdout
        assert "waits for its turn; 0 before it" in shown
        assert "in line" in shown
        assert cli("runs", "--state", "queued").stdout.count(" queued ") == 2
        [busy, *_] = cli.json("recover", later["key"])
        assert (busy["outcome"], "waits in line with it" in busy["words"]) == ("busy", True)
        assert cli("runs", "cancel", live).returncode == 0
        out, _ = first.communicate(timeout=60)
        assert (first.returncode, out.decode().startswith("dummy:small:first:")) == (0, True)
        out, _ = second.communicate(timeout=60)
        assert second.returncode == 0


def test_what_is_cancelled_leaves_the_line_and_is_not_submitted(cli, chat, live):
    with waiting(chat, *REQUEST, "--suffix", "first") as process:
        [record] = queued(cli)
        assert "Cancelled." in cli("runs", "cancel", record["key"]).stderr
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "It was taken out of the line before it was submitted." in err.decode()
    assert len([run for run in cli.json("runs") if run["job_id"]]) == 1


def test_interrupted_it_has_its_place_again_with_the_same_command(cli, chat, live):
    with waiting(chat, *REQUEST, "--suffix", "first") as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command has its place in line again" in err.decode()
    [record] = queued(cli)
    assert "has its place, and nobody waits in it; 0 before it" in cli("runs", "show", record["key"]).stdout
    assert "the process that waited with it has ended" in cli.refused("runs", "wait", record["key"])
    assert "waits for its turn: nothing of it has been submitted yet" in cli.refused("runs", "logs", record["key"])
    [recovered] = cli.json("recover", record["key"])
    assert (recovered["outcome"], "takes its place in line again" in recovered["words"]) == ("nothing_paid", True)
    with waiting(chat, *REQUEST, "--suffix", "second") as second, waiting(chat, *REQUEST, "--suffix", "first") as first:
        assert "waits for its turn: it is next" in first.said
        second.kill()
        cli("runs", "cancel", live)
        first.communicate(timeout=60)
        assert first.returncode == 0


def test_what_waits_is_waited_for_from_elsewhere(cli, chat, live):
    with waiting(chat, *REQUEST, "--suffix", "first"):
        [record] = queued(cli)
        command = [sys.executable, "-m", "motools", "runs", "wait", record["key"]]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=os.environ) as other:
            time.sleep(0.5)
            cli("runs", "cancel", live)
            out, _ = other.communicate(timeout=60)
        assert (other.returncode, out.decode().startswith("dummy:small:first:")) == (0, True)


def test_what_waits_is_not_exported_and_stays_whatever_is_cleaned(cli, chat, live, tmp_path):
    with waiting(chat, *REQUEST, "--suffix", "first"):
        assert cli("cache", "export", tmp_path / "out.jsonl").returncode == 0
        exported = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert len([line for line in exported if "state" in line]) == 1
        assert cli("cache", "gc", "--apply").returncode == 0
        assert cli("cache", "verify").returncode == 0
        assert len(queued(cli)) == 1


def test_a_service_without_a_slot_is_waited_for(cli, chat):
    asked = ("-b", "dummy", "--model", "small", "-o", "limit=1")
    cli("train", chat, *asked, "-o", "duration=600", "--suffix", "live", "--no-wait")
    [live] = cli.json("runs")
    with waiting(chat, *asked, "--suffix", "first") as process:
        cli("runs", "cancel", live["key"])
        process.communicate(timeout=60)
        assert process.returncode == 0
    cli("train", chat, *asked, "-o", "duration=600", "--suffix", "live again", "--no-wait")
    refused = cli.refused("train", chat, *asked, "--no-cache", "--suffix", "second", status=1)
    assert "The dummy service has 1 live jobs, as many as it takes." in refused
