"""A compact U-Net that fills lines, letters and scattered missing pixels, of one channel: what `jaximg correct` ships.

    jaximg train inpaint --data DIR                 # a folder of photographs, the larger the better

time: three hours on two cores for these steps; a day brings some tenths of a dB
expect: test/psnr one to two dB above test/psnr_damaged, which is that of a smooth fill
"""

from jaximg.train.config import Restoration

config = Restoration(recipe="inpaint", options={"fills": True})
