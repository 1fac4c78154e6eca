import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import ops


@pytest.mark.parametrize(
    "conceal", [lambda x, m: ops.pixelate(x, 5, mask=m), lambda x, m: ops.blur_region(x, 2.0, mask=m)]
)
def test_what_the_mask_keeps_is_untouched_and_the_rest_changes(conceal, rng):
    image = rng.random((20, 23, 3)).astype(np.float32)
    mask = np.ones((20, 23, 1), np.float32)
    mask[4:15, 6:18] = 0
    out = np.asarray(conceal(image, mask))
    kept = mask[..., 0] == 1
    np.testing.assert_array_equal(out[kept], image[kept])
    assert (np.abs(out - image)[~kept] > 1e-4).mean() > 0.9


def test_a_mask_without_channel_axis_serves_a_batch(rng):
    batch = jnp.asarray(rng.random((2, 8, 9, 3)), jnp.float32)
    mask = np.zeros((8, 9), bool)
    np.testing.assert_allclose(ops.pixelate(batch, 4, mask=mask), ops.pixelate(batch, 4), atol=1e-6)


def test_a_mask_of_another_size_is_refused(rng):
    with pytest.raises(ValueError, match="mask has shape"):
        ops.pixelate(rng.random((8, 9, 3)), 4, mask=np.ones((9, 8)))
