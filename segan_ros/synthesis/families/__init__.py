"""The object families: each draws a random household-like `Shape` from a generator.

`TRAIN`, `VAL` and `TEST` are the families of the splits; none is in two of them, so that no model
is scored on outlines that it learned from.
"""

from segan_ros.synthesis.families.boxes import (
    arch,
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
    spinning_top,
    spoon,
)
from segan_ros.synthesis.families.vessels import (
    bottle,
    bowl,
    can,
    funnel,
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
"""Those named twice are drawn twice as often."""

VAL: tuple[Family, ...] = (bracket, pear, ring, arch, spinning_top, funnel)

TEST: tuple[Family, ...] = (star, wrench, milk_carton, pan, goblet, dumbbell)
