"""Builds message packages from their definitions and installs them into this Python's environment.

For tests that talk to the node as other packages do: ``test/interfaces/<package>/msg/*.msg``, and
``srv/*.srv``, become ROS 2 packages, with C and Python alone, as rclpy needs them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

INTERFACES = Path(__file__).resolve().parents[1] / "test" / "interfaces"

CMAKE = """\
cmake_minimum_required(VERSION 3.20)
project({name})
find_package(ament_cmake REQUIRED)
find_package(rosidl_default_generators REQUIRED)
{finds}
rosidl_generate_interfaces(${{PROJECT_NAME}} {files} DEPENDENCIES {needs})
ament_package()
"""

PACKAGE = """\
<package format="3">
  <name>{name}</name><version>0.0.0</version><description>for tests</description>
  <maintainer email="nobody@example.org">nobody</maintainer><license>see the definitions</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
"""


def interfaces(package: Path) -> list[Path]:
    """The definitions of a package."""
    return sorted([*package.glob("msg/*.msg"), *package.glob("srv/*.srv")])


def needs(package: Path) -> set[str]:
    """Other packages whose messages those of `package` hold."""
    text = "\n".join(p.read_text() for p in interfaces(package))
    return set(re.findall(r"^(\w+)/\w+", text, re.MULTILINE)) - {package.name}


def in_order(packages: list[Path]) -> list[Path]:
    """`packages`, each after those that it needs."""
    ordered: list[Path] = []
    while left := [p for p in packages if p not in ordered]:
        known = {p.name for p in left}
        ready = [p for p in left if not needs(p) & known]
        if not ready:
            raise SystemExit(f"{', '.join(p.name for p in left)} need each other")
        ordered += ready
    return ordered


def build(package: Path, work: Path) -> None:
    """Generate, compile and install `package`."""
    source = work / package.name
    shutil.copytree(package, source)
    wanted = sorted(needs(package))
    files = " ".join(str(p.relative_to(package)) for p in interfaces(package))
    finds = "\n".join(f"find_package({n} REQUIRED)" for n in wanted)
    (source / "CMakeLists.txt").write_text(
        CMAKE.format(name=package.name, finds=finds, files=files, needs=" ".join(wanted))
    )
    (source / "package.xml").write_text(PACKAGE.format(name=package.name))
    environment = {**os.environ, "AMENT_PREFIX_PATH": sys.prefix}
    environment["PATH"] = f"{sys.prefix}/bin{os.pathsep}{environment['PATH']}"
    wheels = Path(__file__).with_name("wheels.cmake")
    configure = [
        *("cmake", "-S", str(source), "-B", str(source / "build"), "-G", "Ninja"),
        *(f"-DCMAKE_INSTALL_PREFIX={sys.prefix}", f"-DCMAKE_PREFIX_PATH={sys.prefix}"),
        *(f"-DCMAKE_PROJECT_{package.name}_INCLUDE={wheels}", "-DBUILD_TESTING=OFF"),
        "-DCMAKE_BUILD_TYPE=Release",
    ]
    subprocess.run(configure, env=environment, check=True)
    install = ["cmake", "--build", str(source / "build"), "--target", "install"]
    subprocess.run(install, env=environment, check=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        for package in in_order(sorted(p for p in INTERFACES.iterdir() if p.is_dir())):
            build(package, Path(work))


if __name__ == "__main__":
    main()
