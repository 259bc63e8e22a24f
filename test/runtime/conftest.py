"""A model's folder and a cache for its engines."""

import pytest
from dummy_model import write_dummy_model, write_networks

from segan_ros.runtime.engines import Engines
from segan_ros.runtime.network import Network

PAINTER = {"canvas": (3, 32, 32)}


@pytest.fixture
def folder(tmp_path):
    return write_networks(write_dummy_model(tmp_path / "model"))


@pytest.fixture
def painter(folder):
    return Network(folder / "painter.onnx", PAINTER)


@pytest.fixture
def cache(tmp_path):
    return Engines(tmp_path / "cache", provider="openvino")
