"""`segan bench`: what it prints is what it measured, of two models in one run."""

import json

import onnxruntime as ort
import pytest
from dummy_model import write_dummy_model
from samples import labelled_scene

from segan_ros.commands.main import main
from segan_ros.storage.scene_writer import write_scene


def test_json_holds_each_network_of_both_models_and_their_ratio(tmp_path, capsys):
    small = write_dummy_model(tmp_path / "small", (16, 16))
    large = write_dummy_model(tmp_path / "large", (256, 256))
    options = ["--against", str(large), "--provider", "cpu", "--objects", "4", "--repeat", "3"]
    assert main(["bench", "--model", str(small), *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["provider"], found["objects"], found["runs"]) == ("cpu", 4, 3)
    for stage in ("segmentor", "painter", "total"):
        ratio = found["theirs"][stage] / found["ours"][stage]
        assert found["ratio"][stage] == pytest.approx(ratio, rel=0.2)
    assert found["ratio"]["segmentor"] > 1  # 256 times the pixels


def test_table_names_both_models(tmp_path, capsys):
    model = str(write_dummy_model(tmp_path / "m"))
    options = ["--provider", "cpu", "--objects", "1", "--repeat", "1"]
    assert main(["bench", "--model", model, "--against", model, *options]) == 0
    assert capsys.readouterr().out.count("dummy") == 2


HAS_OPENVINO = "OpenVINOExecutionProvider" in ort.get_available_providers()


@pytest.mark.parametrize("command", [["bench", "--against"], ["evaluate", "--scenes"]])
@pytest.mark.parametrize(
    ("asked", "text"),
    [
        pytest.param(
            ("openvino", "int8"),
            "int8",
            marks=pytest.mark.skipif(not HAS_OPENVINO, reason="no OpenVINO"),
        ),
        (("cpu", "fp16"), "precision is fp16 but cpu would run fp32"),
    ],
)
def test_precision_that_model_or_provider_lacks_is_refused(command, asked, text, tmp_path, capsys):
    provider, precision = asked
    model = write_dummy_model(tmp_path / "m")
    write_scene(tmp_path / "s" / "0", labelled_scene())
    other = str(model if command[0] == "bench" else tmp_path / "s")
    options = ["--model", str(model), "--provider", provider, "--precision", precision]
    assert main([*command, other, *options]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--objects", "--repeat"])
def test_counts_out_of_range_are_refused(option, capsys):
    assert main(["bench", option, "0"]) == 2
    assert f"{option} is 0; it must lie in 1..1000" in capsys.readouterr().err


def test_fewer_than_no_threads_are_refused(capsys):
    assert main(["bench", "--threads", "-1"]) == 2
    assert "--threads is -1; it must be at least 0" in capsys.readouterr().err
