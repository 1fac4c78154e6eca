"""What is wrong with this picture, and its repair.

    report = correct.diagnose(picture)          # noise, JPEG, scratches, missing regions, salt and pepper
    print(report)
    better = correct.correct(picture.pixels, report=report)

Both work on the host, on one picture of any size. A repair is a function (image, report, how) -> image in
`pipeline.REPAIRS`' order; what is inside can be exchanged without its neighbours noticing. `load` hands out the trained
networks themselves, to embed in jitted and differentiated pipelines.
"""

from jaximg.correct.diagnose import Report, diagnose
from jaximg.correct.network import load
from jaximg.correct.pipeline import STEPS, Step, correct, plan
from jaximg.correct.prior import Inversion, fill_by_prior, invert
from jaximg.correct.upscale import upscale

__all__ = [
    "STEPS",
    "Inversion",
    "Report",
    "Step",
    "correct",
    "diagnose",
    "fill_by_prior",
    "invert",
    "load",
    "plan",
    "upscale",
]
