"""Image correction and generation as pure JAX functions.

`import jaximg` is cheap: the rooms load when they are first used.

    ops       filters, edges, morphology, matching, warps: pure functions on images
    degrade   noise, blur, JPEG, scratches, holes, text: what goes wrong with pictures
    quality   psnr, ssim: one number an image
    io        image files in and out
    correct   what is wrong with this picture, and its repair
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaximg import correct, degrade, io, ops, quality

__version__ = "0.1.0"
__all__ = ["correct", "degrade", "io", "ops", "quality"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return importlib.import_module(f"jaximg.{name}")
    raise AttributeError(f"module 'jaximg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
