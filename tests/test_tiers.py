from pathlib import Path

from tests.op_cases import CASES
from tests.tiers import TITLES, table

README = Path(__file__).parent.parent / "README.md"


def test_every_row_has_a_tier_and_every_deviation_a_reason():
    for case in CASES:
        assert case.tier in TITLES, case.id
        assert case.tier != "deviation" or case.why, case.id


def test_the_readme_carries_the_table_that_the_rows_make():
    assert table() in README.read_text(), "run `python -m tests.tiers` and paste what it prints into README.md"
