"""What of core is public: plugins may import it, and the reference describes it."""

from __future__ import annotations

PUBLIC_MODULES = {
    "motools": "the public API on one screen",
    "motools.errors": "the whole tree of errors",
    "motools.settings": "declaring options and hyperparameters, and checking them",
    "motools.files": "files that are either whole or not there",
    "motools.detached": "work that outlives the process that asked for it",
    "motools.datasets": "training data, and the formats that services share",
    "motools.datasets.rules": "what formats of training data are made of",
    "motools.training.backends": "the gateway to training backends",
    "motools.evals.backends": "the gateway to evaluation backends",
    "motools.weights": "what the files of a model are, by content",
    "motools.testing": "suites and fakes for the authors of plugins",
}
"""Where plugins may import from; only what is in `__all__` there."""
PUBLIC_NAMES = {
    ("motools.config", "home"): "where a plugin keeps what belongs to the user",
    ("motools.config", "current"): "which servers the user has named, and no handle can",
    ("motools.errors", "nearest"): "what a wrong name was probably meant to be, for messages",
    ("motools.plugins.hooks", "resolve_model"): "how an evaluation framework asks who knows a model",
    ("motools.cache.keys", "canonical"): "facts in the form in which keys are made of them, and a ticket has them",
    ("motools.cache.base", "Payment"): "the type of an open window",
    ("motools.cache.base", "Uploads"): "the type of a ticket's record of uploads",
    ("motools.evals.samples", "Samples"): "samples that saved results leave in a file of their own",
    ("motools.training.base", "DatasetLike"): "the type of what is trained on",
}
"""Beside those, single names. A name of `motools` may also be taken from the module that it lives in."""
