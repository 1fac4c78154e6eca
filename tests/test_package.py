"""What is installed: the version, the command, the data; `python -m tests.test_package WHEEL ROOT` checks a wheel's."""

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

PLACES = {"jaximg": "jaximg", "configs": "jaximg/configs"}
"""What a wheel takes from the checkout, and where it puts it."""


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


def packaged(root: Path) -> dict[str, int]:
    """The files of the checkout that belong into a wheel, under their names there, with their sizes."""
    return {
        f"{place}/{path.relative_to(root / folder).as_posix()}": path.stat().st_size
        for folder, place in PLACES.items()
        for path in (root / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def check_wheel(wheel: Path, root: Path) -> None:
    """Raises SystemExit unless the wheel holds every file of the checkout whole, and no tests or configs at its top."""
    sizes = {info.filename: info.file_size for info in zipfile.ZipFile(wheel).infolist()}
    missing = sorted(name for name, size in packaged(root).items() if sizes.get(name) != size)
    stray = sorted({name.partition("/")[0] for name in sizes} - {"jaximg", f"jaximg-{jaximg.__version__}.dist-info"})
    if missing or stray:
        raise SystemExit(f"{wheel.name}: missing {missing}, astray {stray}")


if __name__ == "__main__":
    check_wheel(Path(sys.argv[1]), Path(sys.argv[2]))
