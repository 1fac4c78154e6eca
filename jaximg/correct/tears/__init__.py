"""Torn pictures: finds the pieces and the tear between them, and how the pieces must move to make one picture.

    tear = find_tear(image)              # two to four parts about where they belong; nothing where none is torn
    tear = find_tear(image, pieces=True) # pieces scattered on a plain ground
    whole, filled = mend(image, tear)

Plain pixels part the picture into pieces (`plain`). Each piece is continued over its torn edge (`extend`); outlines
that fit (`outline`), straight borders that go on in each other (`borders`) and what the continuations show (`fit`)
say how it must move; the pieces are put together one after the other (`assemble`), laid and filled (`mend`).
"""

from jaximg.correct.tears.bands import Bands, find_bands, put_back
from jaximg.correct.tears.find import find_tear
from jaximg.correct.tears.mend import Tear, mend

__all__ = ["Bands", "Tear", "find_bands", "find_tear", "mend", "put_back"]
