"""LDAM against the golden files, finite differences, and plain cross-entropy where it must reduce to it."""

import math

import numpy as np
import pytest

from denoise_cli.extras import class_balanced_weights, ldam_loss, ldam_margins

rng = np.random.default_rng(5)


def arguments(c):
    return {
        "class_counts": c["cls_num_list"],
        "max_margin": float(c["max_m"]),
        "scale": float(c["s"]),
        "class_weights": c.get("class_weight"),
    }


def test_loss_and_gradient_agree_with_autograd(ldam_case, assert_close):
    c = ldam_case
    assert_close(ldam_margins(c["cls_num_list"], float(c["max_m"])), c["margins"])
    loss, grad = ldam_loss(c["logits"], c["target"], **arguments(c))
    assert_close(loss, c["loss"])
    assert_close(grad, c["grad_logits"])


def test_every_reduction_agrees_with_autograd(ldam_case, assert_close):
    c = ldam_case
    loss, grad = ldam_loss(c["logits"], c["target"], **arguments(c), reduction="sum")
    assert_close(loss, c["loss_sum"])
    assert_close(grad, c["grad_logits_sum"])
    losses, grads = ldam_loss(c["logits"], c["target"], **arguments(c), reduction="none")
    assert_close(losses, c["loss_per_sample_none"])
    assert_close(grads, c["grad_logits_sum"])


def test_without_margin_it_is_the_cross_entropy_that_the_source_page_computes(ldam_case, assert_close):
    # The page never applies its margins, and multiplies weighted logits by their weights.
    c = ldam_case
    given = {**arguments(c), "max_margin": 0.0}
    weighted = c["logits"] * c.get("class_weight", 1.0)
    assert_close(ldam_loss(weighted, c["target"], **given)[0], c["loss_no_scatter"])


def test_weighting_twice_is_another_loss(ldam_case, assert_close):
    c = ldam_case
    if "class_weight" not in c:
        pytest.skip("unweighted")
    w, m = c["class_weight"], c["margins"]
    rows = np.arange(len(c["target"]))
    lowered = c["logits"].copy()
    lowered[rows, c["target"]] -= m[c["target"]]
    twice, _ = ldam_loss(lowered * w, c["target"], **{**arguments(c), "max_margin": 0.0})
    assert_close(twice, c["loss_double_weight"])


@pytest.mark.parametrize("weights", [None, [0.0, 1.0, 2.5, 0.3]])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_gradient_is_the_derivative(weights, reduction, numerical_gradient, assert_close):
    logits = rng.uniform(-1, 1, (6, 4))
    target = [0, 1, 2, 3, 1, 1]

    def loss(x):
        return ldam_loss(x, target, [90, 20, 5, 1], scale=7.0, class_weights=weights, reduction=reduction)

    assert_close(loss(logits)[1], numerical_gradient(lambda x: loss(x)[0], logits), 1e-7)


def test_margins_grow_by_the_fourth_root_of_rarity():
    assert ldam_margins([1600, 100, 100 * 625]).tolist() == [0.25, 0.5, 0.1]


def test_two_equal_logits_cost_the_log_of_one_plus_e_to_the_margin():
    loss, grad = ldam_loss([[0.0, 0.0]], [0], [3, 3], max_margin=0.5, scale=2.0)
    assert math.isclose(loss, math.log1p(math.exp(1.0)))
    p = 1 / (1 + math.exp(-1.0))
    np.testing.assert_allclose(grad, [[-2 * p, 2 * p]])


def test_huge_logits_stay_exact():
    loss, grad = ldam_loss([[1e5, -1e5], [-1e5, 1e5]], [1, 1], [1, 1], max_margin=0.5, scale=30.0, reduction="none")
    np.testing.assert_allclose(loss, [30 * (2e5 + 0.5), 0])
    np.testing.assert_allclose(grad, [[30, -30], [0, 0]])


def test_balanced_weights_go_from_equal_to_inverse_counts():
    counts = [5000, 500, 50]
    np.testing.assert_allclose(class_balanced_weights(counts, 0.0), [1, 1, 1])
    inverse = 1 / np.array(counts)
    np.testing.assert_allclose(class_balanced_weights(counts, 1 - 1e-12), 3 * inverse / inverse.sum(), rtol=1e-6)
    effective = (1 - 0.9999 ** np.array(counts)) / (1 - 0.9999)
    np.testing.assert_allclose(class_balanced_weights(counts), 3 / effective / (1 / effective).sum(), rtol=1e-9)


def test_inputs_are_left_as_they_were_and_float32_stays():
    logits = rng.normal(size=(3, 2)).astype(np.float32)
    before = logits.copy()
    _, grad = ldam_loss(logits, [0, 1, 1], [2, 1])
    assert (logits == before).all()
    assert grad.dtype == np.float32


LOGITS = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": [0, 1]}, r"target has shape \(2,\), logits has shape \(3, 2\)"),
        ({"target": [[0], [1], [0]]}, r"target has shape \(3, 1\), logits has shape \(3, 2\)"),
        ({"target": [0, 2, 1]}, r"target 1 is 2, outside 0..1"),
        ({"target": [0, 1, -100]}, r"target 2 is -100, outside 0..1"),
        ({"target": [0.0, 1.0, 1.0]}, "target holds float64; give integer labels"),
        ({"target": [True, False, True]}, "target holds bool"),
        ({"target": np.full((3, 2), 0.5)}, r"soft targets.*For mixup, mix the losses"),
        ({"class_counts": [5, 0]}, "class 1 has count 0"),
        ({"class_counts": [-1, 5]}, "class 0 has count -1"),
        ({"class_counts": [5, np.nan]}, "class_counts is nan at index 1"),
        ({"class_counts": [5, 5, 5]}, r"class_counts has shape \(3,\), logits has shape \(3, 2\)"),
        ({"class_counts": 5}, r"class_counts has shape \(\)"),
        ({"class_weights": [1.0]}, r"class_weights has shape \(1,\), logits has shape \(3, 2\)"),
        ({"class_weights": [1.0, -1.0]}, "class 1 has weight -1"),
        ({"class_weights": [0.0, 1.0], "target": [0, 0, 0]}, "class weight 0: the mean is 0/0"),
        ({"logits": [[0.0, np.nan]] * 3}, r"logits is nan at index \(0, 1\)"),
        ({"logits": [0.0, 1.0, 2.0]}, r"logits has shape \(3,\)"),
        ({"logits": [[1e308, 0.0]] * 3}, "overflows"),
        ({"scale": 0.0}, "scale is 0.0"),
        ({"max_margin": -0.5}, "max_margin is -0.5"),
        ({"reduction": "average"}, "reduction is 'average'"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"logits": LOGITS, "target": [0, 1, 1], "class_counts": [2, 1], **change}
    with pytest.raises(ValueError, match=message):
        ldam_loss(given.pop("logits"), given.pop("target"), given.pop("class_counts"), **given)


def test_beta_one_is_refused():
    with pytest.raises(ValueError, match="beta is 1"):
        class_balanced_weights([1, 2], 1.0)
