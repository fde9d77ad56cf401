"""What a plugin's author tests with: contract suites to inherit and a pytest plugin.

    from motools.testing.training import TrainingBackendContract

    class TestAcme(TrainingBackendContract):
        @pytest.fixture
        def backend(self):
            return AcmeTrainingBackend()

So are `motools.testing.evals.EvalBackendContract`, `motools.testing.middleware.MiddlewareContract` for layers, and
`motools.testing.cache.CacheContract` for stores of paid work. `motools.testing.hygiene.PluginHygiene` is for the distribution as a whole,
whatever it offers.

Needs `pip install motools-core[testing]`. The pytest plugin `motools.testing.plugin` is active wherever that is
installed, and offers fixtures only.
"""
