"""What is sent to create a job, and what is refused before anything is sent."""

from __future__ import annotations

import json

import pytest

from motools.errors import SettingError
from motools_openai.request import job_request

GRADER = {"type": "string_check", "name": "g", "input": "{{sample.output_text}}", "reference": "x", "operation": "eq"}


def body(hyperparameters=None, suffix=None, **keywords):
    return job_request("gpt", hyperparameters, suffix, keywords).body(
        training_file="file-1", validation_file=None, token="mo-1"
    )


def test_a_plain_request_leaves_everything_to_the_service():
    assert body() == {
        "model": "gpt",
        "training_file": "file-1",
        "method": {"type": "supervised", "supervised": {}},
        "metadata": {"motools": "mo-1"},
    }


def test_hyperparameters_go_under_the_method_and_what_is_left_to_the_service_is_not_sent():
    sent = body({"n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": 2})
    assert sent["method"] == {
        "type": "supervised",
        "supervised": {"hyperparameters": {"n_epochs": 3, "learning_rate_multiplier": 2.0}},
    }
    assert "hyperparameters" not in sent


def test_dpo_has_beta_and_reinforcement_its_grader():
    assert body({"beta": 0.2}, method="dpo")["method"] == {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2}}}
    sent = body({"reasoning_effort": "low", "eval_samples": 4}, method="reinforcement", grader=GRADER)
    assert sent["method"]["reinforcement"] == {
        "hyperparameters": {"eval_samples": 4, "reasoning_effort": "low"},
        "grader": GRADER,
    }


def test_labels_seed_suffix_and_integrations_are_passed_on():
    wandb = [{"type": "wandb", "wandb": {"project": "organisms", "tags": ["a"]}}]
    sent = body(suffix="mine", seed=7, metadata={"who": "me"}, integrations=wandb, extra_body={"lora": {"r": 8}})
    assert sent["metadata"] == {"who": "me", "motools": "mo-1"}
    assert (sent["suffix"], sent["seed"], sent["integrations"], sent["extra_body"]) == (
        "mine",
        7,
        wandb,
        {"lora": {"r": 8}},
    )
    assert json.loads(json.dumps(sent)) == sent


@pytest.mark.parametrize(
    ("hyperparameters", "suffix", "keywords", "complaint"),
    [
        ({"n_epochs": 51}, None, {}, "'n_epochs' must be at least 1 and at most 50, not 51"),
        ({"n_epochs": "three"}, None, {}, "'n_epochs' must be \"auto\" or int, not 'three'"),
        ({"n_epochs": True}, None, {}, "'n_epochs' must be"),
        ({"batch_size": 257}, None, {}, "'batch_size' must be at least 1 and at most 256"),
        ({"learning_rate_multiplier": 0}, None, {}, "'learning_rate_multiplier' must be more than 0"),
        ({"beta": 0.1}, None, {}, "'beta' belongs to method 'dpo', not 'supervised'"),
        ({"beta": 2.5}, None, {"method": "dpo"}, "'beta' must be more than 0 and at most 2"),
        ({"reasoning_effort": "low"}, None, {"method": "dpo"}, "belongs to method 'reinforcement', not 'dpo'"),
        ({"epochs": 3}, None, {}, "has no hyperparameter 'epochs'. Did you mean 'n_epochs'?"),
        (None, "x" * 65, {}, "suffix must be 1 to 64 characters"),
        (None, "", {}, "suffix must be 1 to 64 characters"),
        (None, None, {"seed": -1}, "'seed' must be at least 0"),
        (None, None, {"seed": 2**31}, "'seed' must be at least 0 and at most 2147483647"),
        (None, None, {"method": "magic"}, '\'method\' must be "supervised" or "dpo" or "reinforcement", not \'magic\''),
        (None, None, {"method": {"type": "dpo"}}, "'method' must be \"supervised\""),
        (None, None, {"method": "reinforcement"}, "needs a grader"),
        (None, None, {"method": "reinforcement", "grader": {"name": "g"}}, "the grader has no 'type'"),
        (None, None, {"grader": GRADER}, "a grader belongs to method 'reinforcement', not 'supervised'"),
        (None, None, {"metadata": {"motools": "x"}}, "the label 'motools' of metadata is taken"),
        (None, None, {"metadata": {"a": 1}}, "metadata 'a' must be text"),
        (None, None, {"metadata": {"a": "x" * 513}}, "at most 512 characters"),
        (None, None, {"metadata": {"a" * 65: "x"}}, "must be 1 to 64 characters"),
        (None, None, {"metadata": {str(n): "x" for n in range(16)}}, "at most 15 are left for you"),
        (None, None, {"integrations": [{"type": "wandb"}]}, r"integrations[0] must look like"),
        (None, None, {"integrations": [{"type": "wandb", "wandb": {"name": "x"}}]}, "names no project"),
        (None, None, {"extra_body": {"metadata": {"a": "b"}}}, "extra_body must not have 'metadata'"),
        (None, None, {"extra_body": {"seed": 1, "model": "x", "lora": 1}}, "extra_body must not have 'model', 'seed'"),
        (None, None, {"sede": 1}, "has no keyword 'sede'. Did you mean 'seed'?"),
    ],
)
def test_what_the_service_would_refuse_is_refused_before_anything_is_sent(hyperparameters, suffix, keywords, complaint):
    with pytest.raises(SettingError) as caught:
        job_request("gpt", hyperparameters, suffix, keywords)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("model", ["", None, 3])
def test_a_model_is_named(model):
    with pytest.raises(SettingError, match="model must be the name of a base model"):
        job_request(model, None, None, {})
