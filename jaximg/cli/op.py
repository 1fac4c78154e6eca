"""`jaximg op`: run one operator of jaximg.ops on a picture; its signature makes the command line."""

import dataclasses
import difflib
import inspect
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from jaximg.cli import show
from jaximg.cli.parse import Flag, Usage, parse

if TYPE_CHECKING:
    import numpy as np

    from jaximg.cli.signature import Signature

HELP = """usage: jaximg op NAME IN OUT [--OPTION VALUE ...]

Run one operator of jaximg.ops on a picture.

  jaximg op --list         all operators, a line each
  jaximg op NAME --help    what one takes

Pictures are on the scale [0, 1], whatever their bit depth: thresholds and intensity sigmas too. OUT is a picture;
FILE.json or FILE.npy for the exact numbers; - prints them.

  jaximg op gaussian_blur photo.jpg soft.jpg --sigma 2
  jaximg op canny photo.jpg edges.png --low 0.2 --high 0.4
  jaximg op filter2d photo.jpg edges.png --kernel "0 1 0; 1 -4 1; 0 1 0" """
MOVING = (
    *("center_crop", "flip_left_right", "flip_up_down", "pad_to_size", "random_crop", "random_flip_left_right"),
    *("random_flip_up_down", "remap", "resize", "rot90", "rotate", "warp_affine", "warp_perspective"),
)
"""What puts pixels elsewhere does so with their transparency."""
SCALE = "The picture is on the scale [0, 1], whatever its bit depth: thresholds and intensity sigmas too."


def main(argv: Sequence[str]) -> int:
    """Runs the operator that the first word names.

    Args:
      argv: the words after `jaximg op`.

    Returns:
      0.

    Raises:
      Usage: no such operator, or options that it doesn't take.
      Failure: a result that can't be written as asked.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(HELP)
        return 0 if argv else 2
    if argv[0] == "--list":
        return _list()
    return _run(_find(argv[0]), argv[1:])


def _list() -> int:
    show.pairs([(name, _summary(signature.function)) for name, signature in _signatures().items()])
    return 0


def _signatures() -> dict[str, "Signature"]:
    from jaximg import ops
    from jaximg.cli.signature import Signature

    functions = {name: getattr(ops, name) for name in ops.__all__}
    found = {name: Signature.of(function) for name, function in functions.items() if inspect.isfunction(function)}
    return {name: signature for name, signature in found.items() if signature}


def _summary(function: Any) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _find(name: str) -> "Signature":
    found = _signatures()
    name = name.replace("-", "_")
    if name not in found:
        near = difflib.get_close_matches(name, found, 3)
        hint = f"; perhaps {' or '.join(near)}" if near else ""
        raise Usage(f"no operator {name!r}{hint} (jaximg op --list shows all)")
    return found[name]


def _run(signature: "Signature", argv: Sequence[str]) -> int:
    import numpy as np

    from jaximg import io
    from jaximg.cli import paths, results

    options = parse(_options(signature), argv, prog=f"jaximg op {signature.function.__name__}")
    if options.out != "-":
        paths.refuse_existing([Path(options.out)], options.overwrite)
    with show.file(options.input):
        picture = io.read(options.input)
    picture = picture.replace(pixels=_grey(picture.pixels)) if options.gray else picture
    read = partial(_second, picture.pixels.shape, templates="template" in vars(options))
    call = partial(signature.call, options=vars(options), seed=getattr(options, "seed", 0), read=read)
    try:
        answer = call(picture.pixels)
        if picture.alpha is not None and signature.function.__name__ in MOVING:
            picture = picture.replace(alpha=np.clip(np.asarray(call(picture.alpha)), 0, 1))
    except (TypeError, ValueError) as error:
        raise Usage(f"{' '.join(str(error).split())}{_cure(error, options.gray)}") from error
    with show.file(Path(options.out)):
        for line in results.write(answer, options.out, picture, show=options.show, overwrite=options.overwrite):
            print(line)
    return 0


def _options(signature: "Signature") -> type[Any]:
    """The dataclass that tyro makes the operator's command line from."""
    from jaximg.cli.results import Show

    def general(kind: Any, text: str, **more: Any) -> Any:
        return Annotated[kind, arg(help=text, **more)]

    fields: list[Any] = [
        ("input", Positional[general(Path, "a picture", metavar="IN")]),
        ("out", Positional[general(str, "a picture, FILE.json, FILE.npy, or - to print", metavar="OUT")]),
        *(field[:2] if field[2] is dataclasses.MISSING else field for field in signature.fields),
        ("gray", general(Flag, "turn the picture grey first"), False),
        ("show", general(Show, "how a result outside [0, 1] is made visible"), "auto"),
        ("overwrite", general(Flag, "replace files that exist"), False),
    ]
    if signature.keyed:
        fields.append(("seed", general(int, "another one, other randomness"), 0))
    made = dataclasses.make_dataclass(signature.function.__name__, fields, kw_only=True)
    made.__doc__ = _with_scale(inspect.getdoc(signature.function) or "")
    return made


def _with_scale(doc: str) -> str:
    summary, _, rest = doc.partition("\n")
    return f"{summary}\n\n{SCALE}\n{rest}"


def _second(shape: tuple[int, ...], name: str, path: Path, *, templates: bool) -> "np.ndarray":
    """A second picture. A mask, unless it is a template's, has the picture's size, white where there is work to do."""
    from jaximg import io

    with show.file(path):
        if name == "mask" and not templates:
            return io.read_mask(path, shape)
        pixels = io.read(path).pixels
    return _grey(pixels) if shape[2] == 1 or name == "kernel" else pixels


def _grey(pixels: "np.ndarray") -> "np.ndarray":
    if pixels.shape[2] == 1:
        return pixels
    return (pixels @ [0.299, 0.587, 0.114])[:, :, None].astype("float32")


def _cure(error: Exception, gray: bool) -> str:
    return "; --gray makes it one" if "channels" in str(error) and not gray else ""
