"""The scanner reports what importlib-metadata reports, on environments that bite."""

from __future__ import annotations

import sys
import zipfile

import pytest

from motools.plugins.discovery import EntryPoint, canonical, scan

ONE = "[motools.training.v1]\none = acme.training:Backend\n"


def test_a_wheel_is_found_with_its_name_version_and_place(site) -> None:
    info = site.install("acme_openai-0.3.1.dist-info", ONE)
    (entry,) = scan([site.path])
    assert (entry.group, entry.name, entry.value) == ("motools.training.v1", "one", "acme.training:Backend")
    assert (entry.distribution, entry.version, entry.location) == ("acme-openai", "0.3.1", str(info))


def test_only_groups_that_begin_with_motools_count(site, agreed) -> None:
    site.install(
        "acme-1.dist-info",
        "[console_scripts]\nmotools = motools.cli:main\n[motools]\nno = a\n[xmotools.training.v1]\nno = a\n"
        "[motools.training.v1]\nyes = a\n[motools.other]\nalso = a\n[other]\nno = a\n",
    )
    assert agreed(site) == [("also", "acme"), ("yes", "acme")]


def test_two_distributions_with_one_entry_point_name_are_both_reported(site, agreed) -> None:
    site.install("acme_openai-1.dist-info", ONE)
    site.install("other_openai-2.dist-info", ONE)
    assert agreed(site) == [("one", "acme-openai"), ("one", "other-openai")]


def test_the_order_is_the_same_whatever_the_order_on_disk(site, later_site) -> None:
    for directory in ("b-1.dist-info", "a-1.dist-info", "c-1.dist-info"):
        site.install(directory, "[motools.training.v1]\nz = m\na = m\n")
        later_site.install(f"x{directory}", "[motools.evals.v1]\nz = m\n")
    ours = [(entry.group, entry.name, entry.distribution) for entry in scan([site.path, later_site.path])]
    assert ours == sorted(ours)
    assert len(ours) == 9


class TestShadowing:
    def test_the_first_on_the_path_wins(self, site, later_site) -> None:
        site.install("acme-2.0.dist-info", ONE)
        later_site.install("acme-1.0.dist-info", ONE)
        assert [entry.version for entry in scan([site.path, later_site.path])] == ["2.0"]
        assert [entry.version for entry in scan([later_site.path, site.path])] == ["1.0"]

    @pytest.mark.parametrize(
        "first", ["Acme.Plug_in-2.dist-info", "acme__plug.in-2.dist-info", "ACME_PLUG_IN-2.egg-info"]
    )
    def test_names_are_compared_normalised(self, site, later_site, agreed, first) -> None:
        site.install(first, "[motools.training.v1]\nfirst = m\n")
        later_site.install("acme_plug_in-1.dist-info", ONE)
        assert agreed(site, later_site) == [("first", "acme-plug-in")]

    def test_a_distribution_without_our_groups_hides_a_later_one_with_them(self, site, later_site, agreed) -> None:
        site.install("acme-2.dist-info", "[console_scripts]\nacme = acme:main\n")
        later_site.install("acme-1.dist-info", ONE)
        assert agreed(site, later_site) == []

    def test_one_that_lost_its_metadata_hides_nothing(self, site, later_site, agreed) -> None:
        site.install("acme-2.dist-info", ONE.replace("one", "left_over"), metadata=None)
        later_site.install("acme-1.dist-info", ONE)
        assert agreed(site, later_site) == [("one", "acme")]

    def test_an_egg_info_file_hides_a_later_distribution(self, site, later_site, agreed) -> None:
        (site.root / "acme-1.0-py3.11.egg-info").write_text("Metadata-Version: 1.0\nName: acme\nVersion: 1.0\n")
        later_site.install("acme-1.dist-info", ONE)
        assert agreed(site, later_site) == []

    def test_a_directory_that_is_twice_on_the_path_counts_once(self, site, agreed) -> None:
        site.install("acme-1.dist-info", ONE)
        assert agreed(site, site) == [("one", "acme")]


def test_a_name_that_only_the_metadata_knows_takes_its_turn_as_in_importlib_metadata(site, agreed, monkeypatch) -> None:
    names = ["acme.dist-info", "acme_x.dist-info", "acme--x-1.0.DIST-INFO"]
    for name in names:
        site.install(name, f"[motools.training.v1]\n{len(name)} = m\n", name=name.partition(".")[0].removesuffix("-1"))
    monkeypatch.setattr("os.listdir", lambda path: names)
    assert agreed(site) == [("14", "acme"), ("21", "acme-x")]


class TestEggs:
    def test_an_egg_info_directory_is_found_and_its_version_read_from_its_metadata(self, site, agreed) -> None:
        site.install("acme.egg-info", ONE, metadata="PKG-INFO", version="4.2")
        assert agreed(site) == [("one", "acme")]
        assert scan([site.path])[0].version == "4.2"

    def test_an_unzipped_egg_is_found_under_the_name_that_it_declares(self, tmp_path, make_site, agreed) -> None:
        egg = make_site(tmp_path / "whatever-9-py3.11.egg")
        egg.install("EGG-INFO", ONE, metadata="PKG-INFO", name="Acme.Egg", version="9")
        assert agreed(egg) == [("one", "acme-egg")]
        assert scan([egg.path])[0].version == "9"

    def test_egg_info_outside_of_an_egg_is_nothing(self, site, agreed) -> None:
        site.install("EGG-INFO", ONE, metadata="PKG-INFO", name="acme")
        assert agreed(site) == []


@pytest.mark.usefixtures("_archives_are_closed")
class TestZip:
    @pytest.fixture
    def archive(self, tmp_path):
        path = tmp_path / "zipped.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("acme-1.5.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.5\n")
            archive.writestr("acme-1.5.dist-info/entry_points.txt", ONE)
        return path

    def test_a_distribution_in_a_zip_file_on_the_path_is_found(self, archive, site, agreed) -> None:
        site.install("other-1.dist-info", ONE)
        assert agreed(site, archive) == [("one", "acme"), ("one", "other")]
        found = next(entry for entry in scan([site.path, str(archive)]) if entry.distribution == "acme")
        assert found.version == "1.5"
        assert found.location.startswith(str(archive))

    def test_shadowing_holds_between_zip_files_and_directories(self, archive, site, agreed) -> None:
        site.install("acme-2.dist-info", "[motools.training.v1]\ntwo = m\n")
        assert agreed(site, archive) == [("two", "acme")]
        assert agreed(archive, site) == [("one", "acme")]

    def test_without_its_metadata_a_distribution_beside_a_zip_file_is_reported_without_a_version(
        self, archive, site, agreed
    ) -> None:
        site.install("bare-1.dist-info", ONE, metadata=None)
        assert agreed(archive, site) == [("one", "acme"), ("one", "bare")]
        assert scan([str(archive), site.path])[1].version == ""

    def test_a_zipped_egg_is_found(self, tmp_path, agreed) -> None:
        egg = tmp_path / "acme-1-py3.11.egg"
        with zipfile.ZipFile(egg, "w") as archive:
            archive.writestr("EGG-INFO/PKG-INFO", "Metadata-Version: 1.0\nName: acme\nVersion: 1\n")
            archive.writestr("EGG-INFO/entry_points.txt", ONE)
        assert agreed(egg) == [("one", "acme")]

    def test_a_file_that_is_no_zip_file_is_passed_over(self, tmp_path, site, agreed) -> None:
        (tmp_path / "file.zip").write_text("not a zip file")
        site.install("acme-1.dist-info", ONE)
        assert agreed(tmp_path / "file.zip", site) == [("one", "acme")]

    def test_one_bad_distribution_beside_a_zip_file_fails_alone(self, archive, site) -> None:
        site.install("bad-1.dist-info", "[motools.training.v1]\nno pair\n")
        site.install("worse-1.dist-info", b"[motools.training.v1]\n\xff = m\n")
        assert [entry.distribution for entry in scan([site.path, str(archive)])] == ["acme"]


class ForeignFinder:
    """A finder of somebody else's, with one distribution of its own."""

    def __init__(self, site) -> None:
        self.site = site

    def find_spec(self, name, path=None, target=None) -> None:
        return None

    def find_distributions(self, context=None):
        import importlib_metadata

        if getattr(context, "name", None) is None:
            yield importlib_metadata.Distribution.at(self.site.root / "hidden-1.dist-info")


def test_a_finder_of_its_own_on_the_meta_path_is_asked(site, later_site, monkeypatch, agreed) -> None:
    later_site.install("hidden-1.dist-info", ONE)
    site.install("acme-1.dist-info", ONE)
    assert agreed(site) == [("one", "acme")]
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, ForeignFinder(later_site)])
    assert agreed(site) == [("one", "acme"), ("one", "hidden")]


class TestText:
    @pytest.mark.parametrize(
        "text",
        [
            "[motools.training.v1]\r\none = m:C\r\n",
            "[motools.training.v1]\rone = m:C\r",
            "\ufeff[motools.training.v1]\none = m:C\n",
            "\ufeff\n[motools.training.v1]\none = m:C\n",
            "   [motools.training.v1]\t\n\t one\t=\tm : C [extra]  \n",
            "[ motools.training.v1 ]\none = m:C\n",
            "[motools.training.v1 ]\none = m:C\n",
            "[[motools.training.v1]]\none = m:C\n",
            "[]motools.training.v1]\none = m:C\n",
            "# comment\n; = not one\n[motools.training.v1]\n#one = m\n  # two = m\nthree = m:C # no comment\n",
            "[motools.training.v1]\n\n\none = m\n[motools.training.v1]\none = m\none = m\n",
            "[motools.training.v1]\none = m\n[motools.training.v1]\ntwo = m = n\n",
            "one = m\n[motools.training.v1]\n= m\none =\n",
            "no section\n[motools.training.v1]\none = m\n",
            "[motools.training.v1]\x0bone = m\x0ctwo = m\x85three = m\u2028four = m\n",
            "[motools.training.v1]\nünï = pkg:Clàss\n",
            "[motools.training.v1]\n[half = m\nhalf] = m\n",
            "[MOTOOLS.training.v1]\none = m\n",
            "[motools.]\none = m\n",
            "[motools.training.v1]\none = m",
            "",
        ],
    )
    def test_odd_spellings_are_read_as_importlib_metadata_reads_them(self, site, agreed, text) -> None:
        site.install("acme-1.dist-info", text)
        agreed(site)

    def test_a_line_that_is_no_pair_costs_the_rest_of_its_section_only(self, site) -> None:
        site.install(
            "acme-1.dist-info",
            "[motools.evals.v1]\nyes = m\n[motools.hooks.v1] # which is no section\nno = m\n[motools.training.v1]\nyes = m\n",
        )
        site.install("other-1.dist-info", ONE)
        found = [(entry.group, entry.name) for entry in scan([site.path])]
        assert found == [("motools.evals.v1", "yes"), ("motools.training.v1", "one"), ("motools.training.v1", "yes")]

    def test_bytes_that_are_not_utf8_do_not_hide_what_is(self, site) -> None:
        site.install("acme-1.dist-info", b"# caf\xe9\n[motools.training.v1]\none = m\n")
        assert [entry.name for entry in scan([site.path])] == ["one"]

    def test_a_long_file_is_read_to_its_end(self, site, agreed) -> None:
        site.install("acme-1.dist-info", "[console_scripts]\nx = y\n" * 20_000 + ONE)
        assert agreed(site) == [("one", "acme")]


class TestUnreadable:
    def test_what_cannot_be_read_as_a_file_declares_nothing(self, site, agreed) -> None:
        site.install("acme-1.dist-info", ONE)
        (site.install("directory-1.dist-info") / "entry_points.txt").mkdir()
        (site.install("dangling-1.dist-info") / "entry_points.txt").symlink_to("nowhere")
        (site.root / "file-1.dist-info").write_text(ONE)
        (site.root / "gone-1.dist-info").symlink_to("nowhere")
        assert agreed(site) == [("one", "acme")]

    def test_a_link_to_itself_fails_alone(self, site) -> None:
        site.install("acme-1.dist-info", ONE)
        (site.install("circle-1.dist-info") / "entry_points.txt").symlink_to("entry_points.txt")
        assert [entry.distribution for entry in scan([site.path])] == ["acme"]

    def test_entries_of_the_path_that_are_nothing_are_passed_over(self, site, tmp_path, agreed) -> None:
        site.install("acme-1.dist-info", ONE)
        assert agreed(
            tmp_path / "missing", tmp_path / "python311.zip", f"{site.path}/acme-1.dist-info/METADATA/x", site
        ) == [("one", "acme")]

    def test_entries_of_the_path_that_no_import_would_take_are_passed_over(self, site) -> None:
        site.install("acme-1.dist-info", ONE)
        assert len(scan([b"/bytes", "nul\0byte", None, site.path])) == 1


class TestNames:
    @pytest.mark.parametrize(
        ("directory", "version"),
        [
            ("acme-1.0.dist-info", "1.0"),
            ("acme-1.0+local.2.dist-info", "1.0+local.2"),
            ("acme-1.0_local.dist-info", "0.0+declared"),
            ("acme-1-0.dist-info", "0.0+declared"),
            ("acme.dist-info", "0.0+declared"),
            ("acme-1.0.egg-info", "0.0+declared"),
            ("-1.0.dist-info", "0.0+declared"),
            ("ACME-1.0.DIST-INFO", "0.0+declared"),
        ],
    )
    def test_the_version_is_the_directory_s_where_that_is_sure_else_the_declared_one(
        self, site, directory, version
    ) -> None:
        site.install(directory, ONE, name="acme", version="0.0+declared")
        (entry,) = scan([site.path])
        assert (entry.distribution, entry.version) == ("acme", version)

    @pytest.mark.parametrize(
        "directory", ["-1.0.dist-info", ".dist-info", "..dist-info", "ACME-1.0.DIST-INFO", ".egg-info"]
    )
    def test_a_directory_without_a_name_has_the_declared_one(self, site, agreed, directory) -> None:
        site.install(directory, ONE, name="Acme_X")
        assert agreed(site) == [("one", "acme-x")]

    def test_a_distribution_without_name_and_metadata_is_still_reported(self, site) -> None:
        info = site.install("-1.0.dist-info", ONE, metadata=None)
        (entry,) = scan([site.path])
        assert entry.distribution == str(info)
        assert entry.version == ""

    def test_canonical_names_are_those_of_the_index(self) -> None:
        assert canonical("Acme.._-Plug--in") == "acme-plug-in"

    def test_entry_points_are_values(self) -> None:
        fields = {"group": "motools.x", "name": "n", "value": "v", "distribution": "d", "location": "/l"}
        one, same = EntryPoint(**fields), EntryPoint(**fields)
        assert one == same
        assert len({one, same}) == 1
        assert one != EntryPoint(**{**fields, "name": "m"})
        assert repr(one) == "EntryPoint([motools.x] n = v, of d at /l)"


def test_the_working_directory_counts_as_the_empty_entry_of_the_path(site, agreed, monkeypatch) -> None:
    site.install("acme-1.dist-info", ONE)
    monkeypatch.chdir(site.root)
    assert agreed("", site.path) == [("one", "acme")]


def test_the_present_path_is_the_default(site, monkeypatch) -> None:
    site.install("acme-1.dist-info", ONE)
    monkeypatch.setattr(sys, "path", [site.path])
    assert [entry.name for entry in scan()] == ["one"]


@pytest.mark.slow
def test_two_thousand_distributions_are_searched_and_agree_with_both_oracles(site, found) -> None:
    for number in range(2000):
        text = f"[console_scripts]\nx{number} = m:main\n"
        if number % 400 == 0:
            text += f"\n[motools.training.v1]\nbackend{number} = m{number}:Backend\n"
        site.install(f"synthetic_{number:04d}-1.{number}.dist-info", text)
    ours = found.by_scanner([site.path])
    assert len(ours) == 5
    assert ours == found.by_importlib_metadata([site.path])
    assert [(group, name, value) for group, name, _, value in ours] == found.by_interpreter([site.path])
