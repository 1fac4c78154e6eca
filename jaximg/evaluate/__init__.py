"""How good is a classifier, how good is a generator: numbers, and beside them what real pictures score.

A generator is judged by the features of a classifier that took no part in training it, as the usual figures are by
those of Inception; distances in another network's features are other numbers and not to be called by their name. Say
with each which classifier, which data and how many samples.
"""

from jaximg.evaluate.batches import in_batches
from jaximg.evaluate.classes import accuracy, class_histogram, class_kl, confusion_matrix
from jaximg.evaluate.distances import frechet_distance, kernel_distance
from jaximg.evaluate.modes import Modes, channel_classes, mode_statistics
from jaximg.evaluate.neighbours import density_coverage, memorisation_ratio, precision_recall
from jaximg.evaluate.pictures import confusion_picture, curves_picture, grid
from jaximg.evaluate.report import GeneratorReport, judge_generator

__all__ = [
    "GeneratorReport",
    "Modes",
    "accuracy",
    "channel_classes",
    "class_histogram",
    "class_kl",
    "confusion_matrix",
    "confusion_picture",
    "curves_picture",
    "density_coverage",
    "frechet_distance",
    "grid",
    "in_batches",
    "judge_generator",
    "kernel_distance",
    "memorisation_ratio",
    "mode_statistics",
    "precision_recall",
]
