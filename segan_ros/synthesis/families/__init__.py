"""The object families: each draws a random household-like `Shape` from a generator.

`TRAIN` serves all splits. `VAL_ONLY` and `TEST_ONLY` appear in their own split alone, where a good
part of the objects come from them: nothing that a model learns from has such outlines.
"""

from segan_ros.synthesis.families.boxes import (
    block,
    book,
    bracket,
    brick,
    carton,
    milk_carton,
    pouch,
    remote,
    soap,
    star,
    wrench,
)
from segan_ros.synthesis.families.things import (
    ball,
    banana,
    dumbbell,
    fruit,
    hammer,
    pear,
    pen,
    ring,
    roll,
    screwdriver,
    spoon,
)
from segan_ros.synthesis.families.vessels import (
    bottle,
    bowl,
    can,
    goblet,
    jar,
    mug,
    pan,
    plate,
    tube,
    tumbler,
)
from segan_ros.synthesis.shapes import Family

TRAIN: tuple[Family, ...] = (
    *(carton, carton, soap, remote, book, brick, can, can, bottle, bottle, jar, mug, mug, tumbler),
    *(bowl, plate, ball, fruit, banana, tube, pouch, roll, pen, screwdriver, hammer, spoon, block),
)
"""Families of all splits; those named twice are drawn twice as often."""

VAL_ONLY: tuple[Family, ...] = (bracket, pear, ring)
"""Families of the validation split alone."""

TEST_ONLY: tuple[Family, ...] = (star, wrench, milk_carton, pan, goblet, dumbbell)
"""Families of the test split alone."""
