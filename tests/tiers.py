"""How exact each operator is, as the rows of the table say: `python -m tests.tiers` prints what the README carries."""

from collections import defaultdict

from tests.op_cases import CASES

TITLES = {
    "bit-exact": "bit-exact",
    "1e-5": "to 1e-5",
    "deviation": "on purpose",
}


def table() -> str:
    """Markdown: a line a tier, operators by oracle, then the reasons of those that deviate."""
    tiers: dict[str, dict[str, set[str]]] = {tier: defaultdict(set) for tier in TITLES}
    mixed = {name for name in _names() if len({case.tier for case in CASES if case.op.__name__ == name}) > 1}
    for case in CASES:
        name = case.op.__name__
        shown = f"`{name}` ({case.label})" if name in mixed and case.label else f"`{name}`"
        tiers[case.tier][case.source].add(shown)
    lines = ["| equal to its oracle | oracle | operators |", "|---|---|---|"]
    for tier in ("bit-exact", "1e-5"):
        for source, names in sorted(tiers[tier].items()):
            lines.append(f"| {TITLES[tier]} | {source} | {', '.join(sorted(names))} |")
    reasons = sorted({(case.op.__name__, case.why) for case in CASES if case.tier == "deviation"})
    lines += ["", "| differs on purpose, because | operator |", "|---|---|"]
    lines += [f"| {why} | `{name}` |" for name, why in reasons]
    return "\n".join(lines)


def _names() -> set[str]:
    return {case.op.__name__ for case in CASES}


if __name__ == "__main__":
    print(table())
