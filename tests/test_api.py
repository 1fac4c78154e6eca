"""What every public operator owes its users: annotations, a whole docstring, an order of arguments, a row."""

import inspect
import re
import typing

import pytest

from jaximg import ops
from jaximg.typing import Image
from tests.op_cases import CASES

PUBLIC = sorted(ops.__all__)
FUNCTIONS = [name for name in PUBLIC if inspect.isfunction(getattr(ops, name))]
OURS = [name for name in FUNCTIONS if getattr(ops, name).__module__.startswith("jaximg.")]
ON_IMAGES = [name for name in OURS if Image in typing.get_type_hints(getattr(ops, name)).values()]
"""The others make what those take: a matrix, a kernel."""
SECTIONS = ("Args:", "Returns:", "Raises:", "Example:", "References:")
IMAGES = ("image", "padded", "x", "a", "template")
each = pytest.mark.parametrize("name", OURS)
each_on_images = pytest.mark.parametrize("name", ON_IMAGES)


def parameters(name: str) -> list[inspect.Parameter]:
    return list(inspect.signature(getattr(ops, name)).parameters.values())


def natural(name: str) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def test_the_public_list_is_sorted_and_names_what_exists():
    assert list(ops.__all__) == sorted(set(ops.__all__), key=natural)
    assert all(hasattr(ops, name) for name in ops.__all__)


@each
def test_has_annotations(name):
    hints = typing.get_type_hints(getattr(ops, name))
    assert [p.name for p in parameters(name) if p.name not in hints] == []
    assert "return" in hints


@each
def test_has_a_complete_docstring(name):
    doc = inspect.getdoc(getattr(ops, name)) or ""
    summary, _, rest = doc.partition("\n")
    assert summary.endswith((".", "?")), summary
    wanted = SECTIONS if name in ON_IMAGES else ("Args:", "Returns:", "Example:")
    assert [section for section in wanted if f"\n{section}\n" not in rest] == []
    assert ">>> " in rest, "the example is no doctest"


@each
def test_documents_each_argument_and_no_other(name):
    doc = inspect.getdoc(getattr(ops, name)) or ""
    section = doc.partition("\nArgs:\n")[2].partition("\n\n")[0]
    described = [line.strip().partition(":")[0] for line in section.splitlines() if line[:3].count(" ") == 2]
    assert described == [p.name for p in parameters(name)]


@each_on_images
def test_the_image_comes_first_or_right_after_the_key(name):
    names = [p.name for p in parameters(name)]
    first = names[1] if names[0] == "key" else names[0]
    assert "key" not in names[1:]
    assert first in IMAGES


@each
def test_options_are_keyword_only(name):
    positional = [p for p in parameters(name) if p.kind is not p.KEYWORD_ONLY]
    assert [p.name for p in positional if p.default is not p.empty] == []


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in OURS or name in ON_IMAGES])
def test_has_a_row_in_the_table_of_operators(name):
    assert any(case.op is getattr(ops, name) for case in CASES), f"no row for {name} in tests/op_cases.py"
