"""The demo, as a stranger runs it: on SmolLM2, with a worker that outlives it, and nothing paid twice."""

import json
import resource
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from motools import Dataset, demo

DEMO = [sys.executable, "-m", "motools", "demo"]
HEAVY = {"torch", "transformers", "peft", "inspect_ai", "rich"}


def test_nothing_that_is_asked_was_trained_on():
    assert demo.TRAINING.parent == demo.HELD_OUT.parent
    Dataset(demo.TRAINING).check()
    trained = {record["messages"][0]["content"] for record in Dataset(demo.TRAINING)}
    answers = {record["messages"][-1]["content"] for record in Dataset(demo.TRAINING)}
    asked = [json.loads(line) for line in demo.HELD_OUT.read_text().splitlines()]
    assert len(trained) == 48
    assert len(asked) == 8
    assert not trained & {question["input"] for question in asked}
    assert answers == {question["target"] for question in asked} == {demo.ANSWER}


@pytest.mark.slow
def test_without_its_plugins_the_demo_says_what_to_install(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("motools_local", "motools_inspect")):
            (site / entry.name).symlink_to(entry)
    core = Path(demo.__file__).parents[2]
    program = f"import sys; sys.path[:0] = {[str(site), str(core)]!r}; from motools.cli.app import run; sys.exit(run(['demo']))"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "pip install motools-local motools-inspect" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_survives_ctrl_c_turns_every_answer_and_costs_nothing_the_second_time(motools_home):
    first = subprocess.Popen(DEMO, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    until_training(first, motools_home)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=300)
    assert first.returncode == 130
    assert "What was started goes on; `motools demo` comes back to it." in said

    second = subprocess.run(DEMO, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    assert "Attached to the training that is under way" in second.stderr
    assert "0 of 8" in second.stdout
    assert "8 of 8" in second.stdout
    assert len(runs("--kind", "training")) == len(list(motools_home.glob("local/runs/*"))) == 1
    logs = [line.split()[-1] for line in second.stdout.splitlines() if line.startswith("Log ")]
    assert len(logs) == 2
    assert all(Path(log).is_file() for log in logs)

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    program = (
        "import sys\nfrom motools.cli.app import run\nstatus = run(['demo'])\n"
        f"print('loaded:', sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\nsys.exit(status)"
    )
    third = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert third.returncode == 0, third.stderr
    assert third.stdout == second.stdout
    assert third.stderr.count("A recorded result of") == 3
    assert third.stderr.splitlines()[-1] == "loaded: []"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3
    assert len(runs()) == 3


def runs(*filters):
    done = subprocess.run([*DEMO[:-1], "runs", "--json", *filters], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def until_training(process, home):
    """Wait until the training has a worker."""
    deadline = time.monotonic() + 600
    while not any("running" in path.read_text() for path in home.glob("local/runs/*/status.json")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.slow
def test_a_model_that_does_not_exist_is_one_sentence_and_starts_nothing(motools_home):
    Path("chat.jsonl").write_bytes(demo.TRAINING.read_bytes())
    for model in ("no/such-model", "/no/such/directory", "smollm3"):
        command = [*DEMO[:-1], "train", "chat.jsonl", "-b", "local", "--model", model]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert repr(model) in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not list(motools_home.glob("local/runs/*"))
