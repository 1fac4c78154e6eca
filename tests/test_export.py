"""A pipeline written to a file and read back: any batch size, on every platform."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from jaximg import ops


def pipeline(image):
    smooth = ops.gaussian_blur(ops.median_blur(image, 3), 1.0)
    edges = ops.sobel(smooth, 1, 0)
    return ops.box_blur(ops.filter2d(edges, jnp.full((3, 3), 1 / 9)), 5) + ops.bilateral_filter(image, 5, 0.1, 2.0)


def test_a_batch_polymorphic_pipeline_survives_a_file(tmp_path, rng):
    (batch,) = export.symbolic_shape("batch")
    shape = jax.ShapeDtypeStruct((batch, 24, 20, 1), jnp.float32)
    exported = export.export(jax.jit(pipeline), platforms=("cpu", "cuda", "tpu"))(shape)
    path = tmp_path / "pipeline.jax"
    path.write_bytes(exported.serialize())
    loaded = export.deserialize(bytearray(path.read_bytes()))
    for size in (1, 3):
        images = jnp.asarray(rng.random((size, 24, 20, 1)), jnp.float32)
        np.testing.assert_allclose(loaded.call(images), pipeline(images), atol=1e-6)
