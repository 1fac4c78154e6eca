"""One image on eight virtual devices equals the same image on one; the process has its own device count."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
os.environ["JAX_PLATFORMS"] = "cpu"
from functools import partial
import jax, jax.numpy as jnp, numpy as np
from jaximg import ops

def chain(x):
    edges = ops.sobel(ops.gaussian_blur(x, 1.5, radius=6, border="edge"), 1, 0, border="symmetric")
    return ops.median_blur(ops.unsharp_mask(edges, 1.0, radius=4), 5)

rng = np.random.default_rng(0)
meshes = [jax.make_mesh((8,), ("rows",)), jax.make_mesh((4, 2), ("rows", "columns")), jax.make_mesh((1, 8), ("a", "b"))]
cases = [
    (partial(ops.gaussian_blur, sigma=1.0), 4),
    (partial(ops.filter2d, kernel=jnp.asarray(rng.standard_normal((3, 5)), jnp.float32), border="constant"), 2),
    (partial(ops.box_blur, size=9, border="edge"), 4),
    (chain, 6 + 1 + 4 + 2),
]
picture, pair = (jnp.asarray(rng.random(shape), jnp.float32) for shape in [(256, 240, 1), (2, 251, 243, 3)])
every = [*((picture, case, meshes) for case in cases), (pair, cases[-1], meshes)]
some = [*((picture, case, [mesh]) for case, mesh in zip(cases, meshes)), (picture, cases[-1], meshes[:2])]
for image, (function, halo), on in every if "every" in sys.argv else [*some, (pair, cases[-1], meshes[2:])]:
    whole = jax.jit(function)(image)
    for mesh in on:
        np.testing.assert_allclose(jax.jit(ops.sharded(function, mesh, halo=halo))(image), whole, atol=2e-6)
blur = cases[0][0]
small = jnp.asarray(rng.random((40, 24, 1)), jnp.float32)
split = jax.jit(ops.sharded(blur, meshes[0], halo=4))
np.testing.assert_allclose(split(small), blur(small), atol=1e-6)  # blocks of 5 rows: the halo spans two devices
want, slope = (jax.jit(jax.grad(lambda x, f=f: jnp.sum(jnp.square(f(x)))))(small) for f in (blur, split))
np.testing.assert_allclose(slope, want, atol=1e-5)
text = split.lower(small).compile().as_text()
assert "all-gather" not in text and "collective-permute" in text
try:
    split(small[:8])
except ValueError as error:
    assert "devices" in str(error)
else:
    raise AssertionError("a block wider than the image was accepted")
print("equal")
"""


@pytest.mark.parametrize("cases", ["some", pytest.param("every", marks=pytest.mark.slow)])
def test_eight_devices_equal_one_borders_and_gradient_included(cases):
    command = [sys.executable, "-c", PROGRAM, cases]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.strip() == "equal"


def test_a_halo_of_a_pipeline_is_a_sum(rng):
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaximg import ops

    mesh = jax.make_mesh((2,), ("rows",))
    image = jnp.asarray(rng.random((64, 20, 1)), jnp.float32)

    def twice(x):
        return ops.box_blur(ops.box_blur(x, 5), 9)

    enough, short = (jax.jit(ops.sharded(twice, mesh, halo=halo))(image) for halo in (6, 2))
    np.testing.assert_allclose(enough, twice(image), atol=1e-6)
    assert jnp.abs(short - twice(image)).max() > 1e-3
