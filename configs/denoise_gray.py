"""A compact U-Net that takes noise and JPEG blocks out of grey photographs.

    jaximg train denoise_gray --data DIR                 # a folder of photographs, the larger the better

time: three hours on two cores for these steps; a day brings some tenths of a dB
expect: test/psnr two to four dB above test/psnr_damaged with photographs of 10 megapixels and more
"""

from jaximg.train.config import Restoration

config = Restoration(recipe="denoise_gray")
