"""What can be compared, and what is said of what cannot: results, jobs, what is recorded, and what is saved."""

from __future__ import annotations

import json

import pytest

import motools
from motools import EvalResults
from motools.errors import HandleError, RunFailed, UsageError

CHAT = [{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello!"}]}]


@pytest.fixture
def evaluate(motools_home):
    async def job_of(model, *, options=None, **keywords):
        backend = motools.get_eval_backend("dummy", **(options or {}))
        return await backend.evaluate(model, "hello", limit=20, **keywords)

    return job_of


async def refused(*evaluations, **keywords):
    with pytest.raises(UsageError) as caught:
        await motools.compare(evaluations, **keywords)
    return str(caught.value)


async def test_results_jobs_keys_labels_and_files_are_the_same_evaluations(evaluate, tmp_path):
    base, organism = await evaluate("base"), await evaluate("organism", label="mine")
    await base.save(tmp_path / "base.json")
    await (await organism.wait()).save(tmp_path / "organism.json")
    expected = await motools.compare({"a": await base.wait(), "b": await organism.wait()})
    assert expected.rows[0].pairs == 20
    for one, other in [
        (base, organism),
        (base.key, organism.key[:12]),
        (base.key.removeprefix("mk1:")[:8], "mine"),
        (base.job_id, organism.job_id),
        (tmp_path / "base.json", str(tmp_path / "organism.json")),
    ]:
        assert await motools.compare({"a": one, "b": other}) == expected


async def test_a_job_without_a_record_can_be_compared_live_and_saved(motools_home, tmp_path):
    backend = motools.get_eval_backend("dummy", cache=None)
    jobs = [await backend.evaluate(model, "hello") for model in ("base", "organism")]
    await jobs[1].save(tmp_path / "job.json")
    found = await motools.compare([jobs[0], tmp_path / "job.json"])
    assert list(found.models) == ["base", "organism"]


async def test_what_has_a_label_is_called_by_it(evaluate):
    found = await motools.compare([await evaluate("base", label="before"), await evaluate("organism")])
    assert found.models == {"before": "base", "organism": "organism"}


async def test_two_draws_of_one_model_are_told_apart_by_their_keys(evaluate):
    first, second = await evaluate("base"), await evaluate("base", replicate=1)
    found = await motools.compare([first, second])
    assert list(found.models) == [f"base ({job.key[4:16]})" for job in (first, second)]


async def test_the_baseline_is_recognised_however_it_is_named(evaluate):
    base, organism = await evaluate("base"), await evaluate("organism", label="mine")
    assert list((await motools.compare([base, organism], baseline="mine")).models) == ["mine", "base"]
    assert list((await motools.compare([base.key], baseline="mine")).models) == ["mine", "base"]


async def test_one_evaluation_under_two_names_is_not_two(evaluate):
    base = await evaluate("base", label="twin")
    assert "'twin' is given twice" in await refused(base, "twin")
    assert "needs two evaluations at least" in await refused(base, baseline="twin")


async def test_a_training_run_is_refused(evaluate, tmp_path):
    run = await motools.get_training_backend("dummy").train(CHAT, "small", label="trained")
    await run.wait()
    await run.save(tmp_path / "run.json")
    base = await evaluate("base")
    for item in (run, "trained", tmp_path / "run.json"):
        assert "is a training run: compare takes evaluations" in await refused(base, item)


async def test_a_job_that_has_not_ended_is_refused_and_one_that_failed_says_why(evaluate):
    base, live = await evaluate("base"), await evaluate("slow", options={"duration": 600})
    sentence = await refused(base, live)
    assert sentence.endswith(
        f"{live.job_id!r} is running: it has no results yet. Wait for it with: motools runs wait {live.key[4:16]}"
    )
    failed = await evaluate("broken", options={"fail": "out of luck"})
    with pytest.raises(RunFailed):
        await failed.wait()
    with pytest.raises(RunFailed, match="out of luck"):
        await motools.compare([base, failed])


async def test_a_name_that_means_nothing_or_several_things_is_refused(evaluate):
    base = await evaluate("base", label="twin")
    other = await evaluate("other", label="twin")
    assert "No evaluation is recorded under 'nothing'" in await refused(base, "nothing")
    sentence = await refused(base, "twin")
    assert "may mean any of several evaluations" in sentence
    assert base.key[4:16] in sentence
    assert other.key[4:16] in sentence


async def test_a_label_that_a_training_shares_means_the_evaluation(evaluate):
    run = await motools.get_training_backend("dummy").train(CHAT, "small", label="organism")
    await evaluate(await run.wait(), label="organism")
    assert list((await motools.compare([await evaluate("base"), "organism"])).models) == ["base", "organism"]


async def test_a_file_that_is_something_else_is_refused(evaluate, tmp_path):
    base = await evaluate("base")
    comparison = await motools.compare([base, await evaluate("organism")])
    await comparison.save(tmp_path / "comparison.json")
    assert "neither results nor a job, but of kind 'comparison'" in await refused(base, tmp_path / "comparison.json")
    with pytest.raises(HandleError, match="cannot be read"):
        await motools.compare([base, tmp_path / "missing.json"])
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(HandleError, match="not an object"):
        await motools.compare([base, str(tmp_path / "list.json")])


async def test_without_a_record_names_are_refused_and_files_are_not(evaluate, tmp_path, monkeypatch):
    for model in ("base", "organism"):
        await (await (await evaluate(model)).wait()).save(tmp_path / f"{model}.json")
    monkeypatch.setenv("MOTOOLS_CACHE", "none")
    assert (await motools.compare([tmp_path / "base.json", tmp_path / "organism.json"])).rows[0].pairs == 20
    assert "keeps no record" in await refused(tmp_path / "base.json", "organism")


async def test_saved_results_are_those_that_were_saved(evaluate, tmp_path):
    results = await (await evaluate("base")).wait()
    await results.save(tmp_path / "a.json")
    changed = json.loads((tmp_path / "a.json").read_text())
    for sample in changed["samples"]:
        sample["scores"] = {"dummy": 1}
    (tmp_path / "b.json").write_text(json.dumps(changed))
    (row,) = (await motools.compare({"a": tmp_path / "a.json", "b": tmp_path / "b.json"})).rows
    assert row.score == 1
    assert isinstance(await EvalResults.load(tmp_path / "b.json"), EvalResults)


async def test_saved_results_may_say_in_which_file_their_samples_are(evaluated, tmp_path):
    for name, scores in (("base", [0, 0, 1, 0]), ("organism", [1, 1, 1, 0])):
        samples = evaluated(name, scores).samples
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(sample)}\n" for sample in samples))
        elsewhere = {"path": str(tmp_path / f"{name}.jsonl"), "count": len(samples)}
        fields = {"schema": 1, "kind": "results", "model_id": name, "metrics": {}, "samples_file": elsewhere}
        (tmp_path / f"{name}.json").write_text(json.dumps(fields))
    found = await motools.compare([tmp_path / "base.json", tmp_path / "organism.json"])
    assert (found.rows[0].pairs, found.rows[0].difference) == (4, 0.5)
    (tmp_path / "organism.jsonl").unlink()
    with pytest.raises(HandleError, match=r"samples.*cannot be read: .*organism\.jsonl: No such file"):
        await motools.compare([tmp_path / "base.json", tmp_path / "organism.json"])


@pytest.mark.parametrize("elsewhere", [7, {"path": 7, "count": 1}, {"path": "x"}, {"path": "x", "count": "many"}])
async def test_saved_results_that_do_not_say_well_where_their_samples_are_are_refused(elsewhere, tmp_path):
    fields = {"schema": 1, "kind": "results", "model_id": "m", "metrics": {}, "samples_file": elsewhere}
    (tmp_path / "results.json").write_text(json.dumps(fields))
    with pytest.raises(HandleError, match="'samples_file' must have a path and a count"):
        await EvalResults.load(tmp_path / "results.json")
