"""A checkpoint counts when it is whole."""

from __future__ import annotations

import pytest

from motools_local.checkpoints import is_whole, last_whole, prune, seal


def make_checkpoint(directory, step):
    checkpoint = directory / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights").write_text(f"after {step}")
    (checkpoint / "optimizer").write_text(f"at {step}")
    return checkpoint


def test_the_last_whole_checkpoint_is_found_and_broken_ones_after_it_are_removed(tmp_path):
    for step in (8, 9, 10, 11):
        seal(make_checkpoint(tmp_path, step))
    make_checkpoint(tmp_path, 12)  # never sealed
    (tmp_path / "checkpoint-11" / "weights").write_text("after 1_")  # as long as it was
    (tmp_path / "checkpoint-10" / "optimizer").unlink()
    (tmp_path / "checkpoint-x").mkdir()
    assert last_whole(tmp_path) == tmp_path / "checkpoint-9"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-8", "checkpoint-9", "checkpoint-x"]


@pytest.mark.parametrize("marker", ["", "[]", '{"files": 3}', '{"files": {"weights": 3}}'])
def test_a_torn_marker_is_no_marker(tmp_path, marker):
    checkpoint = make_checkpoint(tmp_path, 3)
    (checkpoint / "whole.json").write_text(marker)
    assert not is_whole(checkpoint)
    assert last_whole(tmp_path) is None


def test_two_checkpoints_are_kept(tmp_path):
    for step in (9, 10, 100):
        seal(make_checkpoint(tmp_path, step))
    prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-100"]
