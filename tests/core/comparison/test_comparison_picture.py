"""The picture: every model and number is in it, nothing is cut off, and colours are not all that tells models apart."""

from __future__ import annotations

import re
import stat
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import motools
from motools import EvalResults
from motools.errors import UsageError

pytestmark = pytest.mark.slow


@pytest.fixture
def picture():
    """Return what draws, which imports matplotlib."""
    from motools.comparison.picture import picture

    return picture


def many(model, *, tasks=2, seed=0):
    random = np.random.default_rng(seed)
    samples = [
        {
            "id": number,
            "task": f"inspect_evals/a_task_with_quite_a_long_name_{task}",
            "scores": {"match": int(random.random() < 0.3 + 0.2 * seed), "judge": {"$style$": random.normal(5, 1)}},
        }
        for task in range(tasks)
        for number in range(30)
    ]
    return EvalResults(model_id=model, metrics={}, samples=samples)


@pytest.fixture
async def comparison():
    names = ["meta-llama/Llama-3.1-8B-Instruct", f"/very/long/{'path/' * 20}organism", "ft:gpt:org:x_1$2$"]
    return await motools.compare({name: many(name, seed=seed) for seed, name in enumerate(names)})


async def test_a_png_is_one(comparison, tmp_path):
    await comparison.plot(tmp_path / "found.png")
    content = (tmp_path / "found.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert [path.name for path in tmp_path.iterdir()] == ["found.png"]


async def test_an_svg_names_models_measures_and_axes(comparison, tmp_path):
    await comparison.plot(str(tmp_path / "found.SVG"))
    text = (tmp_path / "found.SVG").read_text()
    said = re.findall(r"<!-- (.*?) -->", text, re.DOTALL)
    assert {"meta-llama…ama-3.1-8B-Instruct", "/very/long…/path/path/organism", "ft:gpt:org:x_1$2$"} <= set(said)
    assert any(one.startswith("inspect_evals/") and one.endswith(" / match") for one in said)
    assert any("$style$" in one for one in said)
    assert any(one.startswith("score") for one in said)
    assert any(one.startswith("difference from meta-llam") for one in said)
    assert sum(one.startswith("p = ") or one == "p < 0.001" for one in said) == len(comparison.rows)


async def test_an_svg_is_whole_whatever_models_are_called(evaluated, tmp_path):
    found = await motools.compare({"a--b <&> ": evaluated("a", [0, 1]), '"\\n{x}_^% $\\frac{$': evaluated("b", [1, 1])})
    await found.plot(tmp_path / "found.svg")
    assert ET.parse(tmp_path / "found.svg").getroot().tag.endswith("svg")  # noqa: S314  (our own file)


@pytest.fixture
async def alike():
    path = "/data/organisms/" + "some/quite/long/directory/" * 6
    names = [f"{path}{part}/{path}model" for part in ("one", "two", "three")]
    return await motools.compare({name: many(name, seed=seed) for seed, name in enumerate(names)})


@pytest.mark.parametrize("names", ["comparison", "alike"])
async def test_every_label_is_whole_and_none_lies_over_another(comparison, alike, names, picture):
    figure = picture({"comparison": comparison, "alike": alike}[names])
    figure.draw_without_rendering()
    whole = figure.bbox
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1
        assert whole.y0 <= box.y0 <= box.y1 <= whole.y1
        boxes = [label.get_window_extent() for label in axes.get_yticklabels() if label.get_text()]
        for upper, lower in pairwise(boxes):
            assert upper.y0 >= lower.y1
        assert len({label.get_text() for label in figure.axes[0].get_yticklabels()}) == 3
    bottom = [axes.xaxis.label.get_window_extent() for axes in figure.axes[-2:]]
    assert bottom[0].x1 < bottom[1].x0


async def test_points_and_bars_are_where_the_numbers_are(comparison, picture):
    left, right = picture(comparison).axes[:2]
    first = [row for row in comparison.scores if row.scorer == "match"][:3]
    for place, (row, drawn) in enumerate(zip(first, left.containers, strict=True)):
        assert drawn.lines[0].get_xydata()[0] == pytest.approx((row.score, place))
        (bar,) = drawn.lines[2][0].get_segments()
        assert bar[:, 0] == pytest.approx(row.interval)
    drawn = right.containers[0].lines[0].get_xydata()[0]
    assert drawn == pytest.approx((comparison.rows[0].difference, 1))


async def test_each_model_has_a_colour_and_a_shape_of_its_own(comparison, picture):
    from motools.comparison.picture import COLOURS, MARKERS

    lines = [container.lines[0] for container in picture(comparison).axes[0].containers]
    assert [line.get_color() for line in lines] == list(COLOURS[:3])
    assert [line.get_marker() for line in lines] == list(MARKERS[:3])
    assert len(set(COLOURS)) == len(set(MARKERS)) == len(COLOURS)


async def test_a_difference_without_an_interval_is_a_point(evaluated, picture):
    found = await motools.compare([evaluated("a", [0.25, 0.5]), evaluated("b", [0.5, 0.75])])
    drawn = picture(found).axes[1].containers[0]
    assert drawn.lines[2] == ()
    assert drawn.lines[0].get_xydata()[0] == pytest.approx((0.25, 1))


async def test_what_cannot_be_drawn_is_said_and_leaves_no_file(comparison, tmp_path):
    with pytest.raises(UsageError, match=r"found\.gif: name a file that ends in \.png or \.svg"):
        await comparison.plot(tmp_path / "found.gif")
    wide = await motools.compare([many("a", tasks=40), many("b", tasks=40, seed=1)])
    with pytest.raises(UsageError, match="80 measures of 2 models are too many for one picture"):
        await wide.plot(tmp_path / "wide.png")
    with pytest.raises(OSError, match="missing"):
        await comparison.plot(tmp_path / "missing" / "found.png")
    assert list(tmp_path.iterdir()) == []


async def test_a_picture_replaces_another_whole(comparison, tmp_path):
    path = tmp_path / "found.png"
    path.write_text("older")
    await comparison.plot(path)
    assert path.stat().st_size > 1000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
