"""`motools cache export` and `import`: two people join their records, and nobody else's file is trusted."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def colleague(tmp_path):
    """The environment of somebody else, who uses the same service."""
    return {"MOTOOLS_HOME": str(tmp_path / "colleague")}


@pytest.fixture
def train(chat, tmp_path):
    """The arguments of a training at a service that both use."""

    def arguments(*more):
        return ["train", chat, "-b", "dummy", "--model", "m", "-o", f"service={tmp_path / 'service'}", *more]

    return arguments


def lines():
    return [json.loads(line) for line in Path("mine.jsonl").read_text().splitlines()]


def write(*records):
    text = "".join(json.dumps(record) + "\n" for record in [lines()[0], *records, {"end": len(records)}])
    Path("changed.jsonl").write_text(text)


def actions(cli, environment, file="mine.jsonl", status=0):
    done = cli("cache", "import", file, "--json", **environment)
    assert done.returncode == status, done.stderr
    return [row["action"] for row in json.loads(done.stdout)]


def test_what_one_has_paid_for_is_a_hit_for_the_other(cli, train, colleague):
    mine = cli.json(*train("--label", "l", "--tag", "t"))
    cli("eval", "-b", "dummy", "m", "task")
    done = cli("cache", "export", "mine.jsonl")
    assert done.stderr.strip() == "2 records written to mine.jsonl."
    assert Path("mine.jsonl").stat().st_mode & 0o777 == 0o600
    assert cli("cache", "import", "mine.jsonl", **colleague).stderr.strip() == "2 records read: 2 added."
    theirs = cli.json(*train(), **colleague)
    assert theirs["recorded"]
    assert theirs["model_id"] == mine["model_id"]
    assert (theirs["label"], theirs["tags"], theirs["created_at"]) == ("l", ["t"], mine["created_at"])
    assert "accuracy" in cli("eval", "-b", "dummy", "m", "task", **colleague).stdout
    assert actions(cli, colleague) == ["same", "same"]


def test_an_export_is_json_lines_without_what_nobody_paid_for(cli, train):
    cli(*train())
    cli(*train("--replicate", "1", "-o", "submission=rejected"))
    assert cli.json("cache", "export", "mine.jsonl") == {"file": "mine.jsonl", "records": 1}
    header, record, end = lines()
    assert (header["motools"], header["version"], end) == ("records", 1, {"end": 1})
    assert record["key"].startswith("mk1:")
    assert "leased_until" not in record


def test_only_what_is_asked_for_is_exported(cli, train):
    cli(*train("--label", "a", "--tag", "t"))
    cli("eval", "-b", "dummy", "m", "task")
    for options in (["--kind", "training"], ["--label", "a"], ["--tag", "t"]):
        assert cli.json("cache", "export", "mine.jsonl", *options)["records"] == 1
    assert cli.json("cache", "export", "mine.jsonl", "-b", "local")["records"] == 0


def test_a_live_run_is_waited_for_by_the_other(cli, train, colleague):
    cli(*train("-o", "duration=0.5", "--no-wait"))
    cli("cache", "export", "mine.jsonl")
    assert actions(cli, colleague) == ["added"]
    assert cli(*train("-o", "duration=0.5"), **colleague).stdout.startswith("dummy:m:")


def test_a_result_stands_before_what_is_not_finished(cli, train, colleague):
    cli(*train("-o", "duration=600", "--no-wait"), **colleague)
    mine = cli.json(*train())
    cli("cache", "export", "mine.jsonl")
    done = cli("cache", "import", "mine.jsonl", **colleague)
    assert "1 replaced" in done.stderr
    assert "is paid for as well" in done.stderr
    assert cli.json(*train(), **colleague)["model_id"] == mine["model_id"]
    cli("cache", "export", "mine.jsonl", **colleague)
    assert actions(cli, {}) == ["same"]


def test_a_failure_does_not_take_the_place_of_a_result(cli, train, colleague):
    cli(*train("-o", "fail=x"))
    theirs = cli.json(*train(), **colleague)
    cli("cache", "export", "mine.jsonl")
    assert actions(cli, colleague) == ["kept"]
    assert cli.json("runs", **colleague)[0]["model_id"] == theirs["model_id"]


def test_of_two_different_results_the_older_stands_and_it_is_said(cli, train, colleague):
    theirs = cli.json(*train(), **colleague)
    mine = cli.json(*train())
    cli("cache", "export", "mine.jsonl")
    done = cli("cache", "import", "mine.jsonl", **colleague)
    assert done.returncode == 1
    assert f"conflict: {theirs['model_id']!r} stands" in done.stderr
    assert mine["model_id"] in done.stderr
    cli("cache", "export", "mine.jsonl", **colleague)
    assert actions(cli, {}, status=1) == ["conflict"]
    assert cli.json("runs")[0]["model_id"] == cli.json("runs", **colleague)[0]["model_id"] == theirs["model_id"]
    assert cli("cache", "verify").returncode == 0


def test_a_credential_never_leaves(cli, train):
    cli(*train("--label", "canary-0123456789"))
    sentence = cli.refused("cache", "export", "mine.jsonl", status=1, ACME_API_KEY="canary-0123456789")
    assert "holds the value of ACME_API_KEY" in sentence
    assert "canary" not in sentence
    assert not Path("mine.jsonl").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"model": 3}, "model is a JSON int"),
        ({"state": "finished"}, "there is no state 'finished'"),
        ({"spec": {"kind": "training"}}, "is not that of the request beside it"),
        ({"key": "mk1:00"}, "is not that of the request beside it"),
        ({"backend": "openai"}, "backend is not that of the request beside it"),
        ({"model_id": None}, "succeeded without a model"),
        ({"handle_class": "os; rm"}, "handle_class is not the path of a class"),
        ({"token": "a b"}, "epoch or token"),
        ({"created_at": -1}, "is no time"),
        ({"tags": [1]}, "tags is not a list of strings"),
        ({"holder": "me"}, "unknown field 'holder'"),
    ],
)
def test_a_record_that_is_not_right_is_named_by_its_line_and_nothing_is_imported(
    cli, train, colleague, change, complaint
):
    cli(*train())
    cli("eval", "-b", "dummy", "m", "task")
    cli("cache", "export", "mine.jsonl", "--kind", "training")
    (good,) = lines()[1:-1]
    write(good, good | change)
    sentence = cli.refused("cache", "import", "changed.jsonl", **colleague)
    assert sentence.startswith("changed.jsonl:3: ")
    assert complaint in sentence
    assert cli.json("runs", **colleague) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1: the file ends here"),
        ("{", ":1: is not JSON"),
        ("[]", ":1: is a JSON list"),
        ('{"motools": "other"}', ":1: is not the beginning of exported records"),
        ('{"motools": "records", "version": 2}', ":1: is of version 2; this motools reads 1"),
        ('{"motools": "records", "version": 1}\n', ":1: the file ends here, without its end: it was cut"),
        ('{"motools": "records", "version": 1}\n{"end": 7}', ":2: says that 7 records end here, and 0"),
        ('{"motools": "records", "version": 1}\n{"key": NaN}', ":2: is not JSON: NaN"),
        ('{"motools": "records", "version": 1}\n{"key": "mk1:1"}', ":2: lacks the field 'kind'"),
        ('{"motools": "records", "version": 1}\n' + "[" * 100_000, ":2: is not JSON"),
        ("\x00\xff", ":1: is not JSON"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(cli, text, complaint):
    Path("changed.jsonl").write_text(text)
    assert complaint in cli.refused("cache", "import", "changed.jsonl")


def test_a_file_that_is_not_there_is_one_sentence(cli):
    assert "No such file" in cli.refused("cache", "import", "none.jsonl")
    assert "Is a directory" in cli.refused("cache", "import", ".")
    assert "does not exist" in cli.refused("cache", "export", "no/where.jsonl")


def test_an_import_runs_no_code_whatever_is_done_with_it(shell, train):
    """Records that name classes of a module in the working directory, in every place where a class is named."""
    from motools.cache.keys import key_of

    Path("evil.py").write_text("open('it_ran', 'w').close()\n")
    shell(*train())
    shell("eval", "-b", "dummy", "m", "task")
    shell("cache", "export", "mine.jsonl")
    evaluation, training = sorted(lines()[1:-1], key=lambda record: record["kind"])
    changed = []
    for number, (record, backend, more) in enumerate(
        [
            (training, "evil:Backend", {"state": "running", "handle_class": "evil:Run"}),
            (training, "dummy", {"state": "running", "handle_class": "evil:Run"}),
            (training, "evil:Backend", {"state": "uncertain", "handle": None}),
            (evaluation, "evil:Backend", {"results_class": "evil:Results"}),
            (evaluation, "dummy", {"results_class": "evil:Results"}),
        ]
    ):
        spec = record["spec"] | {"backend": backend, "replicate": number}
        changed.append(record | more | {"backend": backend, "spec": spec, "key": key_of(spec), "label": f"e{number}"})
    write(*changed)
    assert shell("cache", "import", "changed.jsonl").returncode == 0
    for command in (
        ["runs", "--refresh"],
        ["recover"],
        ["cache", "verify"],
        ["cache", "stats"],
        ["cache", "gc"],
        ["cache", "export", "again.jsonl"],
        *(["runs", verb, f"e{number}"] for verb in ("show", "logs", "cancel", "wait") for number in range(5)),
        *(["runs", "resolve", f"e{number}", "--submitted", "x"] for number in range(5)),
        *(["cache", "why", f"e{number}"] for number in range(5)),
    ):
        done = shell(*command)
        assert "Traceback" not in done.stderr
        assert "unexpected" not in done.stderr, done.stderr
        assert not Path("it_ran").exists(), command
