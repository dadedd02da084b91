"""Linear regression against the golden files, textbook identities, and the edge of stability."""

import itertools
import re

import numpy as np
import pytest

from denoise_cli.extras import (
    DivergenceError,
    largest_stable_learning_rate,
    linear_regression,
    lstsq,
    mse_gradients,
    predict,
    r_squared,
    standard_errors,
)

rng = np.random.default_rng(3)

# Longley 1967, J. Am. Stat. Assoc. 62, with the certified values of NIST's Statistical Reference Datasets: six columns,
# nearly dependent, in units from 1 to 500 000.
LONGLEY = np.array(
    [
        [60323, 83.0, 234289, 2356, 1590, 107608, 1947],
        [61122, 88.5, 259426, 2325, 1456, 108632, 1948],
        [60171, 88.2, 258054, 3682, 1616, 109773, 1949],
        [61187, 89.5, 284599, 3351, 1650, 110929, 1950],
        [63221, 96.2, 328975, 2099, 3099, 112075, 1951],
        [63639, 98.1, 346999, 1932, 3594, 113270, 1952],
        [64989, 99.0, 365385, 1870, 3547, 115094, 1953],
        [63761, 100.0, 363112, 3578, 3350, 116219, 1954],
        [66019, 101.2, 397469, 2904, 3048, 117388, 1955],
        [67857, 104.6, 419180, 2822, 2857, 118734, 1956],
        [68169, 108.4, 442769, 2936, 2798, 120445, 1957],
        [66513, 110.8, 444546, 4681, 2637, 121950, 1958],
        [68655, 112.6, 482704, 3813, 2552, 123366, 1959],
        [69564, 114.2, 502601, 3931, 2514, 125368, 1960],
        [69331, 115.7, 518173, 4806, 2572, 127852, 1961],
        [70551, 116.9, 554894, 4007, 2827, 130081, 1962],
    ]
)


def test_gradients_agree_with_autograd(regression_case, assert_close):
    c = regression_case
    loss, grad_weight, grad_bias = mse_gradients(c["X"], c["y"], c["w"], c["b"])
    assert_close(loss, c["loss"])
    for origin in ("seed", "autograd"):
        assert_close(grad_weight, c[f"grad_w_{origin}"])
        assert_close(grad_bias, c[f"grad_b_{origin}"])
    assert_close(grad_weight, 2 / len(c["y"]) * c["sum_grad_w"])
    assert_close(grad_bias, 2 / len(c["y"]) * c["sum_grad_b"])


def test_twenty_steps_agree_with_the_golden_descent(regression_case, assert_close):
    c = regression_case
    records = list(
        linear_regression(c["X"], c["y"], learning_rate=float(c["gd_lr"]), steps=int(c["gd_steps"]), weight=c["w"], bias=float(c["b"]))
    )
    assert [record.step for record in records] == list(range(1, 21))
    assert_close([record.loss for record in records], c["gd_losses"])
    assert_close(records[-1].weight, c["gd_w"])
    assert_close(records[-1].bias, c["gd_b"])


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (2, 6)])
def test_gradients_agree_with_finite_differences(shape, numerical_gradient, assert_close):
    x, y, weight = rng.normal(size=shape), rng.normal(size=shape[0]), rng.normal(size=shape[1])
    _, grad_weight, grad_bias = mse_gradients(x, y, weight, 0.7)
    assert_close(grad_weight, numerical_gradient(lambda w: mse_gradients(x, y, w, 0.7)[0], weight), 1e-7)
    assert_close(grad_bias, numerical_gradient(lambda b: mse_gradients(x, y, weight, b[0])[0], np.array([0.7]))[0], 1e-7)


def test_longley_agrees_with_the_certified_values():
    y, x = LONGLEY[:, 0], LONGLEY[:, 1:]
    weight, bias = lstsq(x, y)
    np.testing.assert_allclose(bias, -3482258.63459582, rtol=1e-9)
    np.testing.assert_allclose(
        weight,
        [15.0618722713733, -0.0358191792925910, -2.02022980381683, -1.03322686717359, -0.0511041056535807, 1829.15146461355],
        rtol=1e-8,
    )
    weight_errors, bias_error = standard_errors(x, y, weight, bias)
    np.testing.assert_allclose(bias_error, 890420.383607373, rtol=1e-8)
    np.testing.assert_allclose(
        weight_errors,
        [84.9149257747669, 0.0334910077722432, 0.488399681651699, 0.214274163161675, 0.226073200069370, 455.478499142212],
        rtol=1e-8,
    )
    np.testing.assert_allclose(r_squared(y, predict(x, weight, bias)), 0.995479004577296, rtol=1e-10)


def test_standardised_descent_reaches_the_closed_form_in_the_units_of_the_data():
    x = rng.normal(size=(60, 3)) * [1e-3, 1, 1e4] + [5, -2, 1e5]
    y = x @ [300.0, 2.0, 1e-3] + 7 + rng.normal(size=60)
    rate = largest_stable_learning_rate(x, standardize=True) / 2
    *_, last = linear_regression(x, y, learning_rate=rate, steps=2000, standardize=True)
    weight, bias = lstsq(x, y)
    np.testing.assert_allclose(last.weight, weight, rtol=1e-9)
    np.testing.assert_allclose(last.bias, bias, rtol=1e-9)
    assert last.grad_norm < 1e-9


def test_standardising_moves_no_starting_point():
    x, y = rng.normal(4, 2, (20, 2)), rng.normal(size=20)
    start = {"weight": [1.0, -3.0], "bias": 0.5}
    first = next(linear_regression(x, y, learning_rate=1e-12, steps=1, standardize=True, **start))
    np.testing.assert_allclose(first.loss, mse_gradients(x, y, **start)[0], rtol=1e-12)
    np.testing.assert_allclose([*first.weight, first.bias], [1, -3, 0.5], rtol=1e-9)


def test_two_over_l_is_the_edge_of_stability():
    x, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    limit = largest_stable_learning_rate(x)
    below = [r.loss for r in linear_regression(x, y, learning_rate=0.999 * limit, steps=400)]
    assert all(b <= a for a, b in itertools.pairwise(below))

    design = np.column_stack([x, np.ones(30)])
    top = np.linalg.eigh(design.T @ design)[1][:, -1]
    step = 1.001 * limit
    _, grad_weight, grad_bias = mse_gradients(x, 0 * y, top[:-1], top[-1])
    moved = top - step * np.append(grad_weight, grad_bias)
    assert np.linalg.norm(moved) > 1
    with pytest.raises(DivergenceError):
        linear_regression(x, y, learning_rate=step, steps=1)


@pytest.mark.parametrize("standardize", [False, True])
def test_the_largest_stable_value_in_the_message_is_stable(standardize):
    x, y = rng.normal(3, 5, (40, 3)), rng.normal(size=40)
    with pytest.raises(DivergenceError, match="above 2/L") as caught:
        linear_regression(x, y, learning_rate=1e3, steps=5, standardize=standardize)
    offered = float(re.search("use at most (.*), the largest stable", str(caught.value))[1])
    limit = largest_stable_learning_rate(x, standardize=standardize)
    assert 0.999 * limit < offered <= limit
    losses = [r.loss for r in linear_regression(x, y, learning_rate=offered, steps=200, standardize=standardize)]
    assert losses[-1] <= losses[0]


def test_small_batches_that_diverge_below_two_over_l_are_caught_and_given_a_safe_rate():
    x = np.zeros((100, 1))
    x[0] = 100.0
    y = np.ones(100)
    rate = 0.5 * largest_stable_learning_rate(x)
    with pytest.raises(DivergenceError, match="batches of 1") as caught:
        list(linear_regression(x, y, learning_rate=rate, steps=5000, batch_size=1, seed=0))
    safe = float(re.search("use at most (.*), the largest value", str(caught.value))[1])
    assert safe <= 1 / (1 + 100.0**2)
    losses = [r.loss for r in linear_regression(x, y, learning_rate=safe, steps=5000, batch_size=1, seed=0)]
    assert max(losses) < 2


def test_batches_walk_through_every_row_once_an_epoch():
    x = np.zeros((7, 1))
    y = np.arange(7.0)
    losses = [r.loss for r in linear_regression(x, y, learning_rate=1e-15, steps=7, batch_size=1, seed=5)]
    assert sorted(round(np.sqrt(loss)) for loss in losses) == list(range(7))
    # 3 + 3 + 1: the last batch of an epoch holds what is left.
    losses = [r.loss for r in linear_regression(x, np.ones(7), learning_rate=1e-15, steps=3, batch_size=3, seed=5)]
    np.testing.assert_allclose(losses, 1)


def test_a_seed_fixes_the_batches():
    x, y = rng.normal(size=(50, 2)), rng.normal(size=50)

    def losses(seed):
        return [r.loss for r in linear_regression(x, y, learning_rate=0.01, steps=20, batch_size=8, seed=seed)]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_a_batch_of_all_rows_is_the_full_gradient():
    x, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    full = [r.loss for r in linear_regression(x, y, learning_rate=0.05, steps=9)]
    batched = [r.loss for r in linear_regression(x, y, learning_rate=0.05, steps=9, batch_size=12, seed=0)]
    np.testing.assert_allclose(full, batched, rtol=1e-12)


def test_dependent_columns_share_the_weight_and_have_no_standard_error():
    x = rng.normal(size=(20, 1))
    y = 3 * x[:, 0] + 1
    twice = np.hstack([x, x])
    weight, bias = lstsq(twice, y)
    np.testing.assert_allclose([*weight, bias], [1.5, 1.5, 1], rtol=1e-12)
    with pytest.raises(ValueError, match="linearly dependent"):
        standard_errors(twice, y, weight, bias)


@pytest.mark.parametrize("value", [0.1, 1e12])
def test_a_constant_column_gets_no_weight(value):
    x = np.column_stack([np.arange(10.0), np.full(10, value)])
    weight, bias = lstsq(x, 2 * x[:, 0] + 5)
    np.testing.assert_allclose([*weight, bias], [2, 0, 5], atol=1e-12)
    *_, last = linear_regression(x, 2 * x[:, 0] + 5, learning_rate=0.5, steps=200, standardize=True)
    np.testing.assert_allclose([*last.weight, last.bias], [2, 0, 5], atol=1e-9)


def test_a_column_in_tiny_units_is_not_mistaken_for_noise():
    x = np.column_stack([rng.normal(size=30) * 1e12, rng.normal(size=30) * 1e-12])
    weight, bias = lstsq(x, x @ [1e-12, 1e12] + 4)
    np.testing.assert_allclose([*weight, bias], [1e-12, 1e12, 4], rtol=1e-10)


def test_float32_stays_float32():
    x, y = rng.normal(size=(2, 10, 1)).astype(np.float32)
    assert mse_gradients(x, y[:, 0], [1.0], 0)[1].dtype == np.float32
    assert lstsq(x, y[:, 0])[0].dtype == np.float32
    assert next(linear_regression(x, y[:, 0], learning_rate=0.1, steps=1)).weight.dtype == np.float32


def test_the_mean_as_prediction_has_r_squared_zero():
    y = np.array([1.0, 2.0, 6.0])
    assert r_squared(y, np.full(3, 3.0)) == 0
    assert r_squared(y, y) == 1
    assert r_squared(y, -y) < 0


X, Y = np.eye(4, 3), np.arange(4.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mse_gradients(X, Y[:, None], np.zeros(3), 0), r"y has shape \(4, 1\), x has shape \(4, 3\)"),
        (lambda: mse_gradients(X, Y[:3], np.zeros(3), 0), r"y has shape \(3,\), x has shape \(4, 3\)"),
        (lambda: mse_gradients(X[0], Y, np.zeros(3), 0), r"x has shape \(3,\); give \(samples, features\)"),
        (lambda: mse_gradients(X, Y, np.zeros(4), 0), r"weight has shape \(4,\), x has shape \(4, 3\)"),
        (lambda: mse_gradients(X, Y, np.zeros(3), [0.0, 1.0]), r"bias has shape \(2,\)"),
        (lambda: mse_gradients(X, [0, 1, np.nan, 2], np.zeros(3), 0), "y is nan at index 2"),
        (lambda: mse_gradients(X * 1e200, Y, np.full(3, 1e200), 0), "overflows"),
        (lambda: predict(X * 1e200, np.full(3, 1e200), 0), "overflows"),
        (lambda: lstsq(X * 1e200, Y), "overflows"),
        (lambda: r_squared(np.ones(3), np.ones(3)), "constant"),
        (lambda: r_squared(Y, Y[:3]), r"\(4,\), prediction has shape \(3,\)"),
        (lambda: standard_errors(X, Y, np.zeros(3), 0), "4 rows leave no residual freedom for 4 coefficients"),
        (lambda: linear_regression(X, Y, learning_rate=0, steps=1), "learning_rate is 0"),
        (lambda: linear_regression(X, Y, learning_rate=np.nan, steps=1), "learning_rate is nan"),
        (lambda: linear_regression(X, Y, learning_rate=0.1, steps=0), "steps is 0"),
        (lambda: linear_regression(X, Y, learning_rate=0.1, steps=1, batch_size=5), "batch_size is 5, x has 4 rows"),
        (lambda: linear_regression(X, Y, learning_rate=0.1, steps=1, batch_size=0), "batch_size is 0"),
        (lambda: linear_regression(X * 1e200, Y, learning_rate=0.1, steps=1), "use at most 0, the largest stable value"),
    ],
)
def test_bad_input_is_named_before_the_first_step(call, message):
    with pytest.raises(ValueError, match=message):
        call()
