"""Facts about windows over a frame and about the derivative of what they choose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import ops
from jaximg.ops import borders, element, windows, winners
from jaximg.typing import BORDERS

ROWS, COLUMNS = (1, 0), (2, 1)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("shape", [(2, 12, 11, 3), (3, 4, 1)])
def test_over_frame_equals_the_window_of_the_padded_image(border, shape, rng):
    image = jnp.asarray(rng.random(shape), jnp.float32)

    def window(see):
        return 2 * see(0, 0) - see(1, 3) + see(1, 1)

    padded = windows.pad(image, ROWS, COLUMNS, border)
    want = window(lambda i, j: windows.shifted(padded, i, j, *shape[-3:-1]))
    np.testing.assert_array_equal(jax.jit(lambda x: borders.over_frame(window, x, ROWS, COLUMNS, border))(image), want)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("hw", [(7, 6), (2, 3)])
def test_what_windows_choose_has_the_derivatives_of_a_plain_choice_at_every_border(border, hw, rng):
    offsets, size = ((0, 0), (0, 2), (1, 1), (2, 1)), (3, 3)
    index = jnp.asarray(rng.integers(0, 5, (*hw, 2)), jnp.uint8)
    x, g = (jnp.asarray(rng.standard_normal(index.shape), jnp.float32) for _ in range(2))

    def plain(x):
        padded = windows.pad(x, (1, 1), (1, 1), border)
        return sum(jnp.where(index == k, windows.shifted(padded, *offset, *hw), 0) for k, offset in enumerate(offsets))

    def ours(x):
        return winners.take_chosen(x, index, offsets, size, border)

    (out, back), (want, want_back) = (jax.vjp(f, x) for f in (ours, plain))
    np.testing.assert_array_equal(out, want)
    np.testing.assert_allclose(back(g)[0], want_back(g)[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(jax.jvp(ours, (x,), (g,))[1], ours(g))
    np.testing.assert_array_equal(jax.linear_transpose(lambda g: back(g)[0], g)(x)[0], out)


def test_a_rank_filter_passes_its_gradient_to_the_pixel_chosen_in_a_batch_and_vmapped(rng):
    x = jnp.asarray(rng.permutation(2 * 9 * 8).reshape(2, 9, 8, 1), jnp.float32)

    def total(x):
        return ops.rank_filter(x, 3, 2, border="symmetric").sum()

    chosen = np.asarray(ops.rank_filter(x, 3, 2, border="symmetric"), int)
    want = np.bincount(chosen.ravel(), minlength=x.size)[np.asarray(x, int)]
    np.testing.assert_array_equal(jax.grad(total)(x), want)
    np.testing.assert_array_equal(jax.vmap(jax.grad(total))(x), want)
    assert not jax.jvp(jax.grad(total), (x,), (x,))[1].any()


def test_a_large_element_passes_its_gradient_to_the_pixels_that_win(rng, monkeypatch):
    monkeypatch.setattr(element, "UNROLLED_PIXELS", 3)
    shape = np.array([[0, 1, 0, 0], [1, 1, 1, 0], [1, 0, 1, 1]])
    x = jnp.asarray(rng.permutation(11 * 12).reshape(11, 12, 1), jnp.float32)
    won = jax.grad(lambda x: ops.dilate(x, shape).sum())(x)
    dilated = np.asarray(ops.dilate(x, shape), int)
    np.testing.assert_array_equal(won, np.bincount(dilated.ravel(), minlength=x.size)[np.asarray(x, int)])
