from __future__ import annotations

import sys

import pytest

from motools import load_job, load_run
from motools.errors import BackendNotFound, HandleError
from motools.plugins.registry import job_class, run_class


@pytest.fixture
def acme(world, training, evals):
    source = training.format(name="Acme") + evals.format(name="Acme") + "\nclass OtherRun(AcmeTrainingRun):\n    pass\n"
    world.install(
        "acme",
        training={"acme": "acme:AcmeTrainingBackend"},
        evals={"acme": "acme:AcmeEvalBackend"},
        modules={"acme": source, "elsewhere": "raise RuntimeError('imported')"},
    )


@pytest.mark.usefixtures("acme")
class TestClasses:
    def test_the_class_beside_the_backend_is_the_default(self):
        assert run_class({"backend": "acme"}).__qualname__ == "AcmeTrainingRun"
        assert job_class({"backend": "acme"}).__qualname__ == "AcmeEvalJob"

    def test_a_declared_class_is_taken(self):
        import acme

        acme.AcmeTrainingBackend.run_type = acme.OtherRun
        assert run_class({"backend": "acme"}) is acme.OtherRun

    def test_a_recorded_class_of_the_plugin_is_taken(self):
        assert run_class({"backend": "acme", "run_class": "acme:OtherRun"}).__qualname__ == "OtherRun"

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("elsewhere:Run", "is not of the package 'acme' of its backend. It is not imported"),
            ("os:system", "is not of the package 'acme'"),
            ("acmelike:Run", "is not of the package 'acme'"),
            ("acme.gone:Run", "cannot be imported"),
            ("acme:AcmeTrainingBackend", "is not a subclass of motools.TrainingRun"),
            ("acme:AcmeEvalJob", "is not a subclass of motools.TrainingRun"),
            ("acme:Gone", "is not a subclass of motools.TrainingRun"),
            ("acme", "is not a subclass of motools.TrainingRun"),
            ({"not": "text"}, "is not of the package"),
        ],
    )
    def test_a_file_does_not_decide_what_code_runs(self, path, said):
        with pytest.raises(HandleError, match=said):
            run_class({"backend": "acme", "run_class": path})
        assert "elsewhere" not in sys.modules

    def test_a_backend_that_is_a_path_is_taken_only_from_what_is_imported(self, world, training):
        world.write(world.site / "loose.py", training.format(name="Loose"))
        fields = {"backend": "loose:LooseTrainingBackend"}
        with pytest.raises(HandleError, match="Import 'loose' before loading it"):
            run_class(fields)
        assert "loose" not in sys.modules
        import loose

        assert run_class(fields) is loose.LooseTrainingRun

    def test_a_handle_of_a_backend_that_is_gone_says_so(self):
        with pytest.raises(BackendNotFound, match="pip install motools-openai"):
            run_class({"backend": "openai"})

    def test_an_alias_does_not_change_whose_handle_it_is(self, world):
        world.configure('[backends.acme]\nuse = "dummy"')
        assert run_class({"backend": "acme"}).__qualname__ == "AcmeTrainingRun"

    def test_a_handle_with_a_key_is_the_cached_wrappers(self):
        assert run_class({"backend": "acme", "key": "mk1:0"}).__name__ == "CachedTrainingRun"
        assert job_class({"backend": "acme", "key": "mk1:0"}).__name__ == "CachedEvalJob"


def test_without_any_class_of_runs_the_error_names_the_backend(world, training):
    world.install(
        "odd",
        training={"odd": "odd:Odd"},
        modules={"odd": training.format(name="X") + "\nclass Odd(XTrainingBackend):\n    pass\n"},
    )
    with pytest.raises(HandleError, match="'odd' cannot be loaded: Odd declares no run_type"):
        run_class({"backend": "odd"})


async def test_a_saved_dummy_run_is_loaded_by_the_right_class(tmp_path):
    from motools import get_backend

    run = await get_backend("dummy", kind="training", middleware=[]).train([], "model")
    await run.save(tmp_path / "run.json")
    assert type(await load_run(tmp_path / "run.json")) is type(run)
    job = await get_backend("dummy", kind="eval", middleware=[]).evaluate("model", "task")
    await job.save(tmp_path / "job.json")
    assert type(await load_job(tmp_path / "job.json")) is type(job)
