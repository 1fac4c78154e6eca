"""One row for each operator; every row buys every guarantee in test_ops.py, and a line in bench/ops.py."""

from tests.cases_color import CASES as COLOR
from tests.cases_components import CASES as COMPONENTS
from tests.cases_conceal import CASES as CONCEAL
from tests.cases_deconvolve import CASES as DECONVOLVE
from tests.cases_denoise import CASES as DENOISE
from tests.cases_distance import CASES as DISTANCE
from tests.cases_edges import CASES as EDGES
from tests.cases_filters import CASES as FILTERS
from tests.cases_hough import CASES as HOUGH
from tests.cases_inpaint import CASES as INPAINT
from tests.cases_match import CASES as MATCH
from tests.cases_morphology import CASES as MORPHOLOGY
from tests.cases_register import CASES as REGISTER
from tests.cases_shape import CASES as SHAPE
from tests.cases_skeleton import CASES as SKELETON
from tests.cases_smooth import CASES as SMOOTH
from tests.cases_warp import CASES as WARP
from tests.op_case import OpCase

CASES: list[OpCase] = [
    *COLOR,
    *COMPONENTS,
    *CONCEAL,
    *DECONVOLVE,
    *DENOISE,
    *DISTANCE,
    *EDGES,
    *FILTERS,
    *HOUGH,
    *INPAINT,
    *MATCH,
    *MORPHOLOGY,
    *REGISTER,
    *SHAPE,
    *SKELETON,
    *SMOOTH,
    *WARP,
]
