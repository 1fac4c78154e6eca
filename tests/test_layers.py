"""Who may import whom: the rooms in order, and the few packages that belong to some of them alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jaximg

ROOT = Path(jaximg.__file__).parent
LAYERS = [
    ["typing"],
    ["ops"],
    ["degrade", "quality", "io"],
    ["models"],
    ["evaluate"],
    ["train", "correct"],
    ["report"],
    ["cli"],
    ["configs", "__main__"],
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

EVERYWHERE = {"jax", "jaxlib", "numpy", "jaximg", *sys.stdlib_module_names}
"""What any file may import."""

SOME = {
    "optax": ("train", "correct"),
    "flax": ("models", "train", "correct"),
    "orbax": ("train/checkpoint.py",),
    "grain": ("train",),
    "tensorboardX": ("train/folder.py",),
    "dm_pix": ("ops", "quality"),
    "PIL": ("io", "degrade", "evaluate/pictures.py", "correct", "report"),
    "tifffile": ("io",),
    "skimage": ("cli",),
    "tyro": ("cli",),
    "rich": ("cli",),
}
"""What some rooms or files alone may import. Anything in neither table is imported by nobody."""

FILES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST) -> list[str]:
    """The full names of all modules and members that a file imports, wherever the import stands."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def offences(path: Path, names: list[str]) -> list[str]:
    room, place = room_of(path), path.relative_to(ROOT).as_posix()
    return [name for name in names if not allowed(room, place, name.split("."))]


def allowed(room: str, place: str, name: list[str]) -> bool:
    if name[0] != "jaximg":
        return name[0] in EVERYWHERE or bool({room, place} & set(SOME.get(name[0], ())))
    if room == "__init__" or name[1:2] in ([], [room], ["__version__"]):
        return True
    return LEVEL.get(name[1], len(LAYERS)) < LEVEL[room]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_imports_only_what_stands_below_it(path):
    names = imports(ast.parse(path.read_text(encoding="utf-8")))
    assert offences(path, names) == []


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("ops/filters.py", "jaximg.degrade"),
        ("ops/filters.py", "optax"),
        ("io.py", "jaximg.quality.psnr"),
        ("train/loop.py", "jaximg.correct"),
        ("correct/__init__.py", "jaximg.train.steps"),
        ("report.py", "rich.console"),
        ("train/loop.py", "orbax.checkpoint"),
        ("correct/tiles.py", "cv2"),
        ("ops/edges.py", "jaximg.nowhere"),
    ],
)
def test_the_table_forbids(place, name):
    assert offences(ROOT / place, [name]) == [name]


def test_every_room_has_its_place_in_the_table():
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms <= set(LEVEL)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_ops_pull_in_nothing_heavier_than_jax_and_dm_pix():
    assert not loaded_by("import jaximg.ops") & {"flax", "optax", "orbax", "PIL", "tyro", "rich", "skimage", "cv2"}


def test_the_package_itself_loads_nothing():
    assert not loaded_by("import jaximg") & {"jax", "numpy", "flax", "PIL", "tyro", "rich"}
