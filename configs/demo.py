"""One photograph, six damages, six repairs.

    jaximg demo
    jaximg demo --config configs/demo.py -o elsewhere

time: 50 s on two cores in a fresh environment, 72 s of processor time
expect: PSNR in dB, damaged -> corrected: Noise 20.9 -> 32.1, JPEG 26.8 -> 28.2, Scratches 24.8 -> 30.8 (41.8 with
  their mask given), Missing regions 17.4 -> 31.4, Torn in two 14.8 -> 30.6, Four pieces 7.3 -> 21.8
"""

from functools import partial

from jaximg import degrade
from jaximg.cli.demo import Damage, Demo

config = Demo(
    photograph="astronaut.png",
    credit="Eileen Collins, by NASA (public domain), from scikit-image",
    damages=(
        Damage("Noise", "Gaussian noise of sigma 25 of 255.", partial(degrade.gaussian_noise, sigma=25 / 255)),
        Damage("JPEG", "Saved as a JPEG of quality 10.", lambda key, image: degrade.jpeg_real(image, 10)),
        Damage("Scratches", "Twelve curved scratches.", partial(degrade.scratches, count=12)),
        Damage("Missing regions", "Ten holes.", partial(degrade.holes, count=10, fraction=0.06, value=1.0)),
        Damage("Torn in two", "Torn in two; the smaller part was moved and turned.", degrade.tear),
        Damage("Four pieces", "Torn in four pieces, scattered and turned.", degrade.tear_pieces, pieces=True),
    ),
)
