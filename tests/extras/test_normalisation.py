"""Weight standardisation and scaling by the standard deviation, against golden files, finite differences, closed forms."""

import numpy as np
import pytest

from denoise_cli.extras import (
    layer_norm,
    scale_by_std,
    scale_by_std_backward,
    weight_standardize,
    weight_standardize_backward,
)

rng = np.random.default_rng(11)


@pytest.mark.parametrize("unbiased", [False, True])
def test_weight_standardisation_agrees_with_autograd(weight_case, unbiased, assert_close):
    c, kind = weight_case, "unbiased" if unbiased else "biased"
    if unbiased and c["w"][0].size == 1:
        for call in (weight_standardize, lambda *given, **how: weight_standardize_backward(c["grad_out"], *given, **how)):
            with pytest.raises(ValueError, match="0/0"):
                call(c["w"], c["eps"], unbiased=True)
        assert np.isnan(c["out_unbiased"]).all()
        return
    assert_close(weight_standardize(c["w"], c["eps"], unbiased=unbiased), c[f"out_{kind}"])
    grad = weight_standardize_backward(c["grad_out"], c["w"], c["eps"], unbiased=unbiased)
    assert_close(grad, c[f"grad_w_{kind}"])


@pytest.mark.parametrize("unbiased", [False, True])
def test_scaling_by_std_agrees_with_autograd(scale_case, unbiased, assert_close):
    c, kind = scale_case, "unbiased" if unbiased else "biased"
    if unbiased and c["x"].shape[-1] == 1:
        with pytest.raises(ValueError, match="0/0"):
            scale_by_std(c["x"], c["weight"], c["eps"], unbiased=True)
        assert np.isnan(c["out_unbiased"]).all()
        return
    assert_close(scale_by_std(c["x"], c["weight"], c["eps"], unbiased=unbiased), c[f"out_{kind}"])
    grad_x, grad_weight = scale_by_std_backward(c["grad_out"], c["x"], c["weight"], c["eps"], unbiased=unbiased)
    assert_close(grad_x, c[f"grad_x_{kind}"])
    assert_close(grad_weight, c[f"grad_weight_{kind}"])


def test_layer_norm_agrees_with_torch(scale_case, assert_close):
    c = scale_case
    assert_close(layer_norm(c["x"], c["weight"], eps=c["eps"]), c["out_centered_layer_norm"])


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("shape", [(2, 2), (3, 2, 4), (1, 7)])
def test_the_backwards_are_the_derivatives(shape, unbiased, numerical_gradient, assert_close):
    x, grad_out = rng.normal(1, 2, (2, *shape))
    weight = rng.normal(size=shape[-1])
    eps = 0.2

    grad = weight_standardize_backward(grad_out, x, eps, unbiased=unbiased)
    assert_close(grad, numerical_gradient(lambda v: float((grad_out * weight_standardize(v, eps, unbiased=unbiased)).sum()), x), 1e-7)
    grad_x, grad_weight = scale_by_std_backward(grad_out, x, weight, eps, unbiased=unbiased)

    def loss(x, weight):
        return float((grad_out * scale_by_std(x, weight, eps, unbiased=unbiased)).sum())

    assert_close(grad_x, numerical_gradient(lambda v: loss(v, weight), x), 1e-7)
    assert_close(grad_weight, numerical_gradient(lambda v: loss(x, v), weight), 1e-7)


def test_an_offset_stays_in_scale_by_std_and_leaves_layer_norm():
    x = np.array([[1.0, 3.0], [101.0, 103.0]])
    assert scale_by_std(x, [1, 1], 0).tolist() == [[1, 3], [101, 103]]
    assert layer_norm(x, [1, 1], eps=0).tolist() == [[-1, 1], [-1, 1]]


def test_layer_norm_adds_its_bias_last():
    assert layer_norm([[1.0, 3.0]], [2, 2], [10, 20], eps=0).tolist() == [[8, 22]]


def test_one_column_is_scaled_by_eps_alone(assert_close):
    assert_close(scale_by_std([[2.0], [-3.0]], [1.0]), np.array([[2.0], [-3.0]]) / np.sqrt(1e-5))


@pytest.mark.parametrize("value", [0.1, 1e12])
def test_a_constant_filter_becomes_exactly_zero(value):
    assert not weight_standardize(np.full((2, 3, 3), value)).any()


def test_float32_stays_and_all_else_becomes_float64():
    x = rng.normal(size=(3, 4))
    for function in (weight_standardize, lambda v: scale_by_std(v, np.ones(4)), lambda v: layer_norm(v, np.ones(4), np.zeros(4))):
        assert function(x.astype(np.float32)).dtype == np.float32
        assert function(x.astype(np.float16)).dtype == np.float64
        assert function((x * 10).astype(int)).dtype == np.float64
    for gradient in scale_by_std_backward(x, x.astype(np.float32), np.ones(4)):
        assert gradient.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weight_standardize([1.0, 2.0]), r"weight has shape \(2,\); give \(filters"),
        (lambda: weight_standardize([[1.0, 1.0]], 0), "row 0 is constant and eps is 0"),
        (lambda: weight_standardize([[1.0, np.nan]]), r"weight is nan at index \(0, 1\)"),
        (lambda: weight_standardize([[1e200, -1e200]]), "overflows"),
        (
            lambda: weight_standardize_backward(np.ones((2, 3)), np.ones((3, 2))),
            r"grad_out has shape \(2, 3\), weight has shape \(3, 2\)",
        ),
        (lambda: scale_by_std(np.eye(3), [1.0, 1.0]), r"weight has shape \(2,\), x has shape \(3, 3\): give 3 values"),
        (lambda: scale_by_std(1.0, [1.0]), "single number"),
        (lambda: scale_by_std([[3.0, 3.0]], [1, 1], 0), "row 0 is constant"),
        (lambda: scale_by_std([[1e300], [1.0]], [1e10]), "overflows"),
        (lambda: scale_by_std_backward(np.ones(3), np.ones((1, 3)), np.ones(3)), r"\(3,\), x has shape \(1, 3\)"),
        (lambda: layer_norm(np.eye(2), [1, 1], [1.0]), r"bias has shape \(1,\), x has shape \(2, 2\)"),
        (lambda: layer_norm(np.eye(2), [1, 1], eps=-1e-5), "eps is -1e-05"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
