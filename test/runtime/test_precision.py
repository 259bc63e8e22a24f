"""Which files of a model run at which precision."""

import shutil

import pytest
import yaml
from dummy_model import COMPILES, write_dummy_model, write_networks

from segan_ros.runtime.model import Model
from segan_ros.runtime.spec import ModelError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model on a CPU without bf16."""
    monkeypatch.setattr("segan_ros.runtime.providers.computes_bf16", lambda: False)
    return write_networks(write_dummy_model(tmp_path / "model"))


@COMPILES
def test_int8_takes_the_8_bit_files_there_are(folder, monkeypatch):
    monkeypatch.setattr("segan_ros.runtime.providers.multiplies_int8", lambda: True)
    with pytest.raises(ModelError, match=r"names no 8-bit network for openvino; quantise a copy"):
        Model(folder, "openvino", precision="int8")
    assert Model(folder, "openvino").precision == "fp32"
    # Only the quantised segmentor is there: without it, and without the painter's usual file,
    # nothing could run.
    name_file(folder, "segmentor", "openvino_int8_file", "eight.onnx")
    shutil.move(folder / "segmentor.onnx", folder / "eight.onnx")
    for precision in ("int8", "auto"):
        assert Model(folder, "openvino", precision=precision).precision == "int8"
    with pytest.raises(ModelError, match=r"segmentor\.onnx: no such file"):
        Model(folder, "openvino", precision="fp32")


@COMPILES
def test_the_8_bit_file_of_tensorrt_is_for_tensorrt_alone(folder):
    name_file(folder, "segmentor", "tensorrt_int8_file", "eight.onnx")
    shutil.copy(folder / "segmentor.onnx", folder / "eight.onnx")
    with pytest.raises(ModelError, match="names no 8-bit network for openvino"):
        Model(folder, "openvino", precision="int8")
    assert Model(folder, "auto", precision="int8").provider == "cpu"


def name_file(folder, network, key, file):
    description = yaml.safe_load((folder / "model.yaml").read_text())
    description[network][key] = file
    (folder / "model.yaml").write_text(yaml.safe_dump(description))


def test_unknown_precision_is_refused(folder):
    with pytest.raises(ModelError, match="precision is 'half'; choose from auto, fp32, bf16, "):
        Model(folder, "cpu", precision="half")
