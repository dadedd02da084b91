"""Batch norm against the golden files, finite differences, and what must be refused."""

import tracemalloc

import numpy as np
import pytest

from denoise_cli.extras import batch_norm_backward, batch_norm_forward

rng = np.random.default_rng(7)


def test_the_biased_pair_agrees_with_autograd(batch_norm_case, assert_close):
    c = batch_norm_case
    y, x_hat, variance = batch_norm_forward(c["x"], c["weight"], c["bias"], c["eps"])
    assert_close(y, c["y_biased"])
    assert_close(x_hat, c["normx_biased"])
    assert_close(variance, c["varx_biased"])
    grad_x, grad_weight, grad_bias = batch_norm_backward(c["grad_out"], x_hat, variance, c["eps"], c["weight"])
    for expected in ("autograd_biased_grad", "grad_{}_seed_on_biased"):
        for name, actual in (("x", grad_x), ("weight", grad_weight), ("bias", grad_bias)):
            assert_close(actual, c[expected.format(name) if "{" in expected else f"{expected}_{name}"])


def test_the_unbiased_pair_agrees_with_autograd(batch_norm_case, assert_close):
    c = batch_norm_case
    if len(c["x"]) == 1:
        with pytest.raises(ValueError, match=r"shape \(1, 4\).*0/0"):
            batch_norm_forward(c["x"], c["weight"], c["bias"], c["eps"], unbiased=True)
        return
    y, x_hat, variance = batch_norm_forward(c["x"], c["weight"], c["bias"], c["eps"], unbiased=True)
    assert_close(y, c["y_seed"])
    assert_close(x_hat, c["normx_seed"])
    assert_close(variance, c["varx_seed"])
    gradients = batch_norm_backward(c["grad_out"], x_hat, variance, c["eps"], c["weight"], unbiased=True)
    assert_close(gradients[0], c["grad_x_corrected_unbiased"])
    for name, actual in zip(("x", "weight", "bias"), gradients, strict=True):
        assert_close(actual, c[f"autograd_unbiased_grad_{name}"])


def test_mixing_the_two_reproduces_the_seed_pair_and_its_error(batch_norm_case, assert_close):
    c = batch_norm_case
    n = len(c["x"])
    if n == 1:
        pytest.skip("0/0: refused, see above")
    _, x_hat, variance = batch_norm_forward(c["x"], c["weight"], c["bias"], c["eps"], unbiased=True)
    seed = batch_norm_backward(c["grad_out"], x_hat, variance, c["eps"], c["weight"], unbiased=False)
    for name, actual in zip(("x", "weight", "bias"), seed, strict=True):
        assert_close(actual, c[f"grad_{name}_seed_pair"])
    exact = batch_norm_backward(c["grad_out"], x_hat, variance, c["eps"], c["weight"], unbiased=True)
    G = c["grad_out"] * c["weight"]
    assert_close(seed[0] - exact[0], x_hat * (G * x_hat).sum(0) / (n * (n - 1) * np.sqrt(variance + c["eps"])))


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("shape", [(2, 3), (9, 1), (5, 4, 3), (1, 2, 6), (3, 2, 2, 3)])
def test_backward_is_the_derivative_of_forward(shape, unbiased, numerical_gradient, assert_close):
    x, grad_y = rng.normal(2, 1.5, (2, *shape))
    weight, bias = rng.normal(size=(2, shape[1]))
    eps = 0.3

    def loss(x, weight, bias):
        return float((grad_y * batch_norm_forward(x, weight, bias, eps, unbiased=unbiased)[0]).sum())

    _, x_hat, variance = batch_norm_forward(x, weight, bias, eps, unbiased=unbiased)
    grad_x, grad_weight, grad_bias = batch_norm_backward(grad_y, x_hat, variance, eps, weight, unbiased=unbiased)
    assert_close(grad_x, numerical_gradient(lambda v: loss(v, weight, bias), x), 1e-7)
    assert_close(grad_weight, numerical_gradient(lambda v: loss(x, v, bias), weight), 1e-7)
    assert_close(grad_bias, numerical_gradient(lambda v: loss(x, weight, v), bias), 1e-7)


def test_channels_sit_on_axis_one_whatever_follows(assert_close):
    x = rng.normal(size=(6, 3, 4, 5))
    flat = x.transpose(0, 2, 3, 1).reshape(-1, 3)
    weight, bias = rng.normal(size=(2, 3))
    y, _, variance = batch_norm_forward(x, weight, bias)
    expected, _, expected_variance = batch_norm_forward(flat, weight, bias)
    assert_close(y.transpose(0, 2, 3, 1).reshape(-1, 3), expected, 1e-13)
    assert_close(variance, expected_variance, 1e-13)


def test_strips_meet_without_a_seam(assert_close):
    x = rng.normal(size=(70_001, 2))
    y, _, variance = batch_norm_forward(x, [1, 1], [0, 0], unbiased=True)
    assert_close(variance, x.var(0, ddof=1), 1e-12)
    assert_close(y, (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + 1e-5), 1e-12)


@pytest.mark.parametrize("offset", [0.1, 1e6, 1e12, -1e300])
def test_a_constant_channel_gives_exactly_the_bias(offset):
    y, x_hat, variance = batch_norm_forward(np.full((7, 1), offset), [3.0], [0.25])
    assert (y == 0.25).all()
    assert not x_hat.any()
    assert variance == 0


def test_a_large_offset_costs_no_digits_of_the_variance():
    x = 1e9 + np.array([[0.0], [1.0], [2.0], [3.0]])
    assert batch_norm_forward(x, [1.0], [0.0])[2] == 1.25


def test_a_million_float32_rows_are_summed_in_float64():
    x = np.full((1_000_000, 1), 0.1, np.float32)
    x[::2] += 1
    y, x_hat, variance = batch_norm_forward(x, [1.0], [0.0])
    assert y.dtype == x_hat.dtype == variance.dtype == np.float32
    assert abs(variance[0] - 0.25) < 1e-6
    assert abs(x_hat.mean(dtype=np.float64)) < 1e-7
    assert {a.dtype for a in batch_norm_backward(y, x_hat, variance, 1e-5, [1.0])} == {np.dtype(np.float32)}


def test_integers_become_float64():
    y, _, _ = batch_norm_forward([[1, 10], [3, 50]], [1, 1], [0, 0], eps=0)
    assert y.dtype == np.float64
    assert y.tolist() == [[-1, -1], [1, 1]]


def test_inputs_are_left_as_they_were():
    x, grad_y = rng.normal(size=(2, 50, 3))
    before = x.copy(), grad_y.copy()
    _, x_hat, variance = batch_norm_forward(x, np.ones(3), np.zeros(3))
    kept = x_hat.copy()
    batch_norm_backward(grad_y, x_hat, variance, 1e-5, np.ones(3))
    assert (x == before[0]).all()
    assert (grad_y == before[1]).all()
    assert (x_hat == kept).all()


def test_nothing_the_size_of_the_input_is_held_beside_the_results():
    x = rng.normal(size=(200_000, 8))
    tracemalloc.start()
    try:
        _, x_hat, variance = batch_norm_forward(x, np.ones(8), np.zeros(8))
        forward = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        held = tracemalloc.get_traced_memory()[0]
        batch_norm_backward(x, x_hat, variance, 1e-5, np.ones(8))
        backward = tracemalloc.get_traced_memory()[1] - held
    finally:
        tracemalloc.stop()
    assert forward < 2.1 * x.nbytes  # y and x_hat
    assert backward < 1.1 * x.nbytes  # grad_x


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [1.0, 2.0]}, r"x has shape \(2,\); batch norm needs \(N, C\)"),
        ({"weight": [1.0, 2.0]}, r"weight has shape \(2,\), x has shape \(4, 3\): give 3 values"),
        ({"bias": [[1.0, 2.0, 3.0]]}, r"bias has shape \(1, 3\), x has shape \(4, 3\)"),
        ({"x": [[1.0, 2.0, 3.0], [1.0, np.nan, 3.0]]}, r"x is nan at index \(1, 1\)"),
        ({"x": [[1.0, 2.0, 3.0], [-np.inf, np.inf, 3.0]]}, r"x is -inf at index \(1, 0\)"),
        ({"weight": [1.0, np.inf, 1.0]}, "weight is inf at index 1"),
        ({"x": [["a", "b", "c"]]}, "not real numbers"),
        ({"x": np.ones((2, 3), complex)}, "complex128, not real numbers"),
        ({"x": np.ones((0, 3))}, r"\(0, 3\) is empty"),
        ({"eps": -1.0}, "eps is -1.0"),
        ({"eps": np.nan}, "eps is nan"),
        ({"x": [[1.0, 2.0, 3.0], [2.0, 2.0, 4.0]], "eps": 0}, "channel 1 is constant and eps is 0"),
        ({"x": [[1e308, 0, 0], [-1e308, 0, 1]]}, "overflows"),
        ({"x": [[1e200, 0, 0], [-1e200, 0, 1]]}, "overflows"),
        ({"weight": [1.7e308, 1, 1], "x": np.eye(4, 3)}, "overflows"),
    ],
)
def test_forward_says_what_is_wrong(change, message):
    given = {"x": rng.normal(size=(4, 3)), "weight": np.ones(3), "bias": np.zeros(3), **change}
    with pytest.raises(ValueError, match=message):
        batch_norm_forward(**given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grad_y": np.ones((3, 4))}, r"grad_y has shape \(3, 4\), x_hat has shape \(4, 3\)"),
        ({"variance": np.ones(4)}, r"variance has shape \(4,\), x has shape \(4, 3\)"),
        ({"variance": [1.0, -1.0, 1.0]}, "variance is -1.0 in channel 1"),
        ({"grad_y": np.full((4, 3), np.nan)}, r"grad_y is nan at index \(0, 0\)"),
        ({"x_hat": np.full((4, 3), np.inf)}, r"x_hat is inf at index \(0, 0\)"),
        ({"grad_y": np.full((4, 3), 1e308)}, "overflows"),
        ({"variance": np.zeros(3), "eps": 0}, "channel 0 is constant"),
        ({"grad_y": np.ones((1, 3)), "x_hat": np.zeros((1, 3)), "unbiased": True}, "0/0"),
    ],
)
def test_backward_says_what_is_wrong(change, message):
    given = {
        "grad_y": np.ones((4, 3)),
        "x_hat": rng.normal(size=(4, 3)),
        "variance": np.ones(3),
        "eps": 1e-5,
        "weight": np.ones(3),
        **change,
    }
    with pytest.raises(ValueError, match=message):
        batch_norm_backward(**given)
