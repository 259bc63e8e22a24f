"""What the NVIDIA libraries say of themselves, asked of small stand-ins with the same functions."""

import os
import shutil
import subprocess
import sys

import pytest

from segan_ros.runtime.gpu import gpu, tensorrt_version

DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return RESULT; }
int cuDeviceGet(int *device, int ordinal) { *device = 7; return ordinal; }
int cuDeviceGetName(char *name, int room, int device) { strncpy(name, "Orin", room); return 0; }
int cuDeviceGetAttribute(int *value, int which, int device) {
  *value = which == 75 ? 8 : which == 76 ? 7 : which == 16 ? 14 : -1;
  return device != 7;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 61ul << 30; return device != 7; }
"""
TENSORRT = "int getInferLibVersion(void) { return VERSION; }"
ASK = "from segan_ros.runtime.gpu import gpu, tensorrt_version; print(gpu(), tensorrt_version())"


def compile_library(path, code):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    path.parent.mkdir(exist_ok=True)
    # Of libraries with one name, a process has the one that it loaded first.
    name = f"-Wl,-soname,{path.name}"
    command = [compiler, "-shared", "-fPIC", name, "-x", "c", "-", "-o", path]
    subprocess.run(command, input=code, text=True, check=True)


def ask(folder, driver_result):
    """What a process says that finds libraries and Python packages in `folder`."""
    compile_library(folder / "libcuda.so.1", DRIVER.replace("RESULT", str(driver_result)))
    compile_library(folder / "libnvinfer.so.10", TENSORRT.replace("VERSION", "100300"))
    path = os.pathsep.join([str(folder), os.environ.get("LD_LIBRARY_PATH", "")])
    modules = os.pathsep.join([str(folder), *sys.path])
    env = {**os.environ, "LD_LIBRARY_PATH": path, "PYTHONPATH": modules}
    command = [sys.executable, "-c", ASK]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def test_name_capability_and_version_are_read(tmp_path):
    assert ask(tmp_path, driver_result=0) == "Orin sm87 14 multiprocessors 61 GiB 100300\n"


def test_a_driver_without_a_gpu_is_no_gpu(tmp_path):
    assert ask(tmp_path, driver_result=100) == "None 100300\n"


@pytest.mark.parametrize(
    ("files", "version"),
    [
        (["libnvinfer.so.10", "libnvonnxparser.so.10"], 100900),
        (["libnvinfer.so.10"], 100300),
        (["libnvinfer.so.11", "libnvonnxparser.so.11"], 100300),
    ],
)
def test_tensorrt_of_pip_comes_first_if_it_can_be_used(tmp_path, files, version):
    for name in files:
        compile_library(tmp_path / "tensorrt_libs" / name, TENSORRT.replace("VERSION", "100900"))
    assert ask(tmp_path, driver_result=0).endswith(f" {version}\n")


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine may have a GPU")
def test_without_the_libraries_nothing_is_known():
    assert gpu() is None
    assert tensorrt_version() is None
