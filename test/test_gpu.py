"""What the NVIDIA libraries say of themselves, asked of small stand-ins with the same functions."""

import os
import shutil
import subprocess
import sys

import pytest

from segan_ros.gpu import gpu, tensorrt_version

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
TENSORRT = "int getInferLibVersion(void) { return 100300; }"
ASK = "from segan_ros.gpu import gpu, tensorrt_version; print(gpu(), tensorrt_version())"


def ask(folder, driver_result):
    """What a process says that finds the libraries in `folder`."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    driver = DRIVER.replace("RESULT", str(driver_result))
    for name, code in (("libcuda.so.1", driver), ("libnvinfer.so.10", TENSORRT)):
        command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", folder / name]
        subprocess.run(command, input=code, text=True, check=True)
    path = os.pathsep.join([str(folder), os.environ.get("LD_LIBRARY_PATH", "")])
    env = {**os.environ, "LD_LIBRARY_PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", ASK]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def test_name_capability_and_version_are_read(tmp_path):
    assert ask(tmp_path, driver_result=0) == "Orin sm87 14 multiprocessors 61 GiB 100300\n"


def test_a_driver_without_a_gpu_is_no_gpu(tmp_path):
    assert ask(tmp_path, driver_result=100) == "None 100300\n"


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine may have a GPU")
def test_without_the_libraries_nothing_is_known():
    assert gpu() is None
    assert tensorrt_version() is None
