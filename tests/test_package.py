"""What is installed: the version, the command, the data; `python -m tests.test_package WHEEL` checks a wheel's."""

import dataclasses
import runpy
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import jaximg
from jaximg.cli import configs

DATA = {"jaximg/configs/demo.py": 500, "jaximg/cli/__init__.py": 500}
"""What a wheel must hold, and from how many bytes on."""


def test_the_version_is_that_of_the_installed_package():
    assert jaximg.__version__ == metadata.version("jaximg")


def test_the_command_is_installed():
    (command,) = metadata.entry_points(group="console_scripts", name="jaximg")
    assert command.value == "jaximg.cli:main"


@pytest.mark.parametrize("name", configs.names())
def test_a_config_is_frozen_and_says_how_long_it_takes_and_what_to_expect(name):
    run = runpy.run_path(str(configs.folder() / f"{name}.py"))
    assert dataclasses.is_dataclass(run["config"])
    assert type(run["config"]).__dataclass_params__.frozen
    for word in ("jaximg ", "time:", "expect:"):
        assert word in run["__doc__"]


def test_demo_is_a_config():
    assert "demo" in configs.names()


ROOMS = "jaximg.ops, jaximg.degrade, jaximg.quality, jaximg.io, jaximg.correct, jaximg.report, jaximg.cli"


def test_no_import_warns():
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {ROOMS}"], check=True)


def check_wheel(path: Path) -> None:
    """Raises SystemExit unless the wheel holds its data, and no tests or configs at its top."""
    sizes = {info.filename: info.file_size for info in zipfile.ZipFile(path).infolist()}
    missing = [name for name, least in DATA.items() if sizes.get(name, 0) < least]
    stray = sorted({name.partition("/")[0] for name in sizes} - {"jaximg", f"jaximg-{jaximg.__version__}.dist-info"})
    if missing or stray:
        raise SystemExit(f"{path.name}: missing {missing}, astray {stray}")


if __name__ == "__main__":
    check_wheel(Path(sys.argv[1]))
