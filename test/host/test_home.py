"""Users without a home folder: nothing needs one unless a path begins with ~."""

from pathlib import Path

import pytest

from segan_ros.host.home import NoHomeError, expanded
from segan_ros.runtime.model import model_folder
from segan_ros.runtime.spec import ModelError
from segan_ros.synthesis.assets.store import cache_folder


def test_paths_without_a_tilde_stay_as_they_are(homeless):
    assert expanded("/a/b") == Path("/a/b")
    assert model_folder("/a/b") == Path("/a/b")


def test_paths_with_a_tilde_say_what_is_missing(homeless):
    with pytest.raises(NoHomeError, match=r"~/models/a: no home folder for ~ \(HOME is not"):
        expanded("~/models/a")
    with pytest.raises(ModelError, match="give a path without ~, or set HOME"):
        model_folder("~/models/a")


def test_unknown_users_are_named():
    with pytest.raises(NoHomeError, match="no home folder for ~nobody-of-that-name"):
        expanded("~nobody-of-that-name/models")


def test_assets_lie_where_xdg_says_or_the_missing_home_is_named(homeless, monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(NoHomeError, match=r"~/\.cache: no home folder"):
        cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "segan_ros" / "assets"
