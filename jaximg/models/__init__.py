"""Networks as Flax linen modules, one architecture a file; `MODELS` finds them by name."""

import flax.linen as nn

from jaximg.models.cnn import CNN
from jaximg.models.conv_gan import ConvDiscriminator, ConvGenerator
from jaximg.models.dcgan import DCDiscriminator, DCGenerator
from jaximg.models.mlp_gan import MLPDiscriminator, MLPGenerator
from jaximg.models.restorer import Restorer

MODELS: dict[str, type[nn.Module]] = {
    "cnn": CNN,
    "conv_discriminator": ConvDiscriminator,
    "conv_generator": ConvGenerator,
    "dcgan_discriminator": DCDiscriminator,
    "dcgan_generator": DCGenerator,
    "mlp_discriminator": MLPDiscriminator,
    "mlp_generator": MLPGenerator,
    "restorer": Restorer,
}

__all__ = [
    "MODELS",
    "CNN",
    "ConvDiscriminator",
    "ConvGenerator",
    "DCDiscriminator",
    "DCGenerator",
    "MLPDiscriminator",
    "MLPGenerator",
    "Restorer",
]
