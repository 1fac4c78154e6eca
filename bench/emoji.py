"""Emoji at 32 x 32 from a GAN: `python -m bench.emoji --data DIR --encoder RUN --run RUN [--grid FILE.png]`.

The two runs, the encoder first; `--data DIR` has Noto's emoji in emoji72/:

    jaximg train emoji_encoder --data DIR/emoji72 --workdir ENCODER
    jaximg train emoji --data DIR/emoji72 --set judge=ENCODER --workdir RUN

The encoder tells every emoji from all others however it is changed, and has seen no generated one. In its features,
precision and recall (k = 3) of samples against as many training pictures, beside what one half of the training
pictures scores against the other; how much is remembered of them. `--grid` draws samples of the seeds from 0 on, none
picked, and below them the training picture nearest to each of the first row.
"""

import sys
from pathlib import Path

import numpy as np

from bench.table import Row, at_least, emit, parser
from jaximg import report
from jaximg.evaluate import density_coverage, frechet_distance, memorisation_ratio, precision_recall
from jaximg.train import data
from jaximg.train.trained import load, settings_of

COLUMNS, ROWS, ZOOM = 20, 8, 2


def main() -> int:
    """Measures a run."""
    arguments = parser(__doc__)
    arguments.add_argument("--encoder", type=Path, required=True, help="the run of the config emoji_encoder")
    arguments.add_argument("--run", type=Path, required=True, help="the run of the config emoji")
    arguments.add_argument("--grid", type=Path, help="draw samples")
    options = arguments.parse_args()
    if options.data is None:
        print("--data DIR, please: a folder with emoji72/ in it")
        return 2
    encoder, model, settings = load(options.encoder), load(options.run), settings_of(options.run)
    train, test = (
        data.load(options.data / "emoji72", part, holdout=settings.holdout, size=settings.size)
        for part in ("train", "test")
    )
    real = train.take(np.random.default_rng(0).permutation(len(train))).float_images()
    samples = model.samples(range(len(real)))
    a, b, unseen = (encoder.judge(x)[0] for x in (real, samples, test.float_images()))
    half = len(a) // 2
    print(f"{len(b)} samples of {options.run} after {model.step} steps, as many of {len(real)} training pictures")
    print(f"by the features of {options.encoder} ({encoder.digest}), {a.shape[1]} numbers each")
    precision, recall = precision_recall(a, b)
    table = [
        Row("precision (k = 3)", precision, target=at_least(0.6)),
        Row("recall (k = 3)", recall, target=at_least(0.3)),
        Row("coverage (k = 5)", density_coverage(a, b)[1]),
        Row("Frechet distance", frechet_distance(a, b), "", "halves of the data", frechet_distance(a[:half], a[half:])),
    ]
    for name, real_value, value in zip(
        ("precision", "recall"), precision_recall(a[:half], a[half:]), precision_recall(a[:half], b[:half]), strict=True
    ):
        table.append(Row(f"{name}, {half} of each", value, "", "halves of the data", real_value))
    table.append(Row("memorisation ratio (1 none, 0 copies)", memorisation_ratio(b, a, unseen)))
    if options.grid:
        nearest = np.argmin(np.linalg.norm(a[None] - b[:COLUMNS, None], axis=-1), 1)
        images = [*samples[: COLUMNS * ROWS], *real[nearest]]
        report.save(options.grid, report.grid([x.repeat(ZOOM, 0).repeat(ZOOM, 1) for x in images], columns=COLUMNS))
    return emit(table, options.json)


if __name__ == "__main__":
    sys.exit(main())
