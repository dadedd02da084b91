"""The PyTorch module, and autograd as the judge of every NumPy gradient on random shapes. Skipped without PyTorch."""

import numpy as np
import pytest

from denoise_cli import extras

torch = pytest.importorskip("torch")
rng = np.random.default_rng(23)


def tensor(values, grad=False):
    return torch.tensor(np.asarray(values), requires_grad=grad)


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("trial", range(8))
def test_batch_norm_agrees_with_autograd(trial, unbiased, assert_close):
    shape = tuple(rng.integers(2, 7, rng.integers(2, 5)))
    eps = float(10 ** rng.uniform(-8, 0))
    x, grad_y = rng.normal(trial, 2, (2, *shape))
    weight, bias = rng.normal(size=(2, shape[1]))
    xt, wt, bt = tensor(x, True), tensor(weight, True), tensor(bias, True)
    axes = [0, *range(2, len(shape))]
    per_channel = (1, -1, *[1] * (len(shape) - 2))
    variance, mean = torch.var_mean(xt, axes, keepdim=True, correction=int(unbiased))
    yt = (xt - mean) / torch.sqrt(variance + eps) * wt.reshape(per_channel) + bt.reshape(per_channel)
    yt.backward(tensor(grad_y))
    y, x_hat, v = extras.batch_norm_forward(x, weight, bias, eps, unbiased=unbiased)
    assert_close(y, yt.detach().numpy())
    for actual, leaf in zip(extras.batch_norm_backward(grad_y, x_hat, v, eps, weight, unbiased=unbiased), (xt, wt, bt), strict=True):
        assert_close(actual, leaf.grad.numpy(), 1e-9)
    if not unbiased:
        assert_close(y, torch.nn.functional.batch_norm(xt, None, None, wt, bt, True, eps=eps).detach().numpy())


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("trial", range(6))
def test_normalisations_agree_with_autograd(trial, unbiased, assert_close):
    shape = tuple(rng.integers(2, 7, rng.integers(2, 5)))
    eps = float(10 ** rng.uniform(-6, 0))
    x, grad = rng.normal(trial, 2, (2, *shape))
    weight = rng.normal(size=shape[-1])

    xt = tensor(x, True)
    variance, mean = torch.var_mean(xt, list(range(1, len(shape))), keepdim=True, correction=int(unbiased))
    ((xt - mean) / torch.sqrt(variance + eps)).backward(tensor(grad))
    assert_close(extras.weight_standardize_backward(grad, x, eps, unbiased=unbiased), xt.grad.numpy(), 1e-9)

    xt, wt = tensor(x, True), tensor(weight, True)
    (xt / torch.sqrt(xt.var(-1, keepdim=True, correction=int(unbiased)) + eps) * wt).backward(tensor(grad))
    grad_x, grad_weight = extras.scale_by_std_backward(grad, x, weight, eps, unbiased=unbiased)
    assert_close(grad_x, xt.grad.numpy(), 1e-9)
    assert_close(grad_weight, wt.grad.numpy(), 1e-9)


@pytest.mark.parametrize("trial", range(6))
def test_mse_gradients_agree_with_autograd(trial, assert_close):
    rows, columns = rng.integers(1, 9, 2)
    x, y, weight = rng.normal(size=(rows, columns)), rng.normal(size=rows), rng.normal(size=columns)
    wt, bt = tensor(weight, True), tensor(float(trial), True)
    loss = torch.nn.functional.mse_loss(tensor(x) @ wt + bt, tensor(y))
    loss.backward()
    for actual, expected in zip(extras.mse_gradients(x, y, weight, trial), (loss.detach(), wt.grad, bt.grad), strict=True):
        assert_close(actual, expected.numpy())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("trial", range(4))
def test_module_and_function_agree_through_autograd(trial, reduction, assert_close):
    batch, classes = rng.integers(1, 9), rng.integers(2, 9)
    counts, weights = rng.integers(1, 1000, classes), rng.uniform(0.1, 3, classes)
    logits, target = rng.uniform(-1, 1, (batch, classes)), rng.integers(0, classes, batch)
    given = {"max_margin": 0.4, "scale": 3.0 + trial, "class_weights": weights, "reduction": reduction}
    module = extras.torch.LDAMLoss(counts, dtype=torch.float64, **given)
    xt = tensor(logits, True)
    lost = module(xt, tensor(target))
    lost.sum().backward()
    loss, grad = extras.ldam_loss(logits, target, counts, **given)
    assert_close(lost.detach().numpy(), loss)
    assert_close(xt.grad.numpy(), grad)


def test_module_agrees_with_the_golden_loss(ldam_case, assert_close):
    c = ldam_case
    module = extras.torch.LDAMLoss(
        c["cls_num_list"],
        max_margin=float(c["max_m"]),
        scale=float(c["s"]),
        class_weights=c.get("class_weight"),
        dtype=torch.float64,
    )
    xt = tensor(c["logits"], True)
    loss = module(xt, tensor(c["target"]))
    loss.backward()
    assert_close(loss.detach().numpy(), c["loss"])
    assert_close(xt.grad.numpy(), c["grad_logits"])


def test_autograd_passes_gradcheck():
    module = extras.torch.LDAMLoss([9, 3, 1], scale=5, dtype=torch.float64)
    logits = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: module(x, torch.tensor([0, 1, 2, 2])), (logits,))


def test_ignored_labels_count_for_nothing():
    module = extras.torch.LDAMLoss([9, 3, 1], class_weights=[1.0, 2.0, 3.0])
    logits = torch.rand(4, 3, requires_grad=True)
    loss = module(logits, torch.tensor([0, -100, 2, -100]))
    loss.backward()
    torch.testing.assert_close(loss, module(logits[[0, 2]], torch.tensor([0, 2])))
    assert not logits.grad[[1, 3]].any()
    other = extras.torch.LDAMLoss([9, 3, 1], ignore_index=1)
    torch.testing.assert_close(other(logits, torch.tensor([0, 1, 2, 1])), other(logits[[0, 2]], torch.tensor([0, 2])))


@pytest.mark.parametrize("rows", [0, 3])
def test_a_batch_that_weighs_nothing_has_loss_zero_and_no_gradient(rows):
    module = extras.torch.LDAMLoss([9, 3])
    logits = torch.rand(rows, 2, requires_grad=True)
    loss = module(logits, torch.full((rows,), -100))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_half_precision_logits_are_lifted_to_float32():
    module = extras.torch.LDAMLoss([900, 3])
    for dtype in (torch.float16, torch.bfloat16):
        logits = torch.tensor([[0.25, -0.5]], dtype=dtype, requires_grad=True)
        loss = module(logits, torch.tensor([1]))
        loss.backward()
        assert loss.dtype == torch.float32
        assert logits.grad.dtype == dtype
        torch.testing.assert_close(loss, module(logits.float(), torch.tensor([1])))


def test_margins_and_weights_follow_the_module_and_its_state():
    module = extras.torch.LDAMLoss([9, 3], reweight_epoch=1)
    assert set(module.state_dict()) == {"margins", "class_weights"}
    assert module.to("meta").margins.is_meta
    module = extras.torch.LDAMLoss([9, 3], reweight_epoch=1)
    module.set_epoch(1)
    resumed = extras.torch.LDAMLoss([9, 3], reweight_epoch=1)
    resumed.load_state_dict(module.state_dict())
    assert torch.equal(resumed.class_weights, module.class_weights)
    assert not torch.equal(resumed.class_weights, torch.ones(2))
    assert module.double().margins.dtype == torch.float64


def test_reweighting_waits_for_its_epoch():
    counts = [5000, 500, 50]
    module = extras.torch.LDAMLoss(counts, reweight_epoch=3, beta=0.999, dtype=torch.float64)
    for epoch in (0, 1, 2):
        module.set_epoch(epoch)
        assert torch.equal(module.class_weights, torch.ones(3, dtype=torch.float64))
    for epoch in (3, 4):
        module.set_epoch(epoch)
        np.testing.assert_allclose(module.class_weights.numpy(), extras.class_balanced_weights(counts, 0.999), rtol=1e-15)
    module.set_epoch(0)
    assert torch.equal(module.class_weights, torch.ones(3, dtype=torch.float64))


def test_float64_weights_keep_their_digits():
    module = extras.torch.LDAMLoss([9, 3], class_weights=[0.1, 0.3], dtype=torch.float64)
    assert module.class_weights.tolist() == [0.1, 0.3]


def test_the_callers_weights_are_copied():
    weights = torch.ones(2, dtype=torch.float64)
    module = extras.torch.LDAMLoss([9, 3], class_weights=weights)
    weights.fill_(7)
    assert module.class_weights.tolist() == [1, 1]


@pytest.mark.parametrize("counts", [[9, 3], (9.0, 3.0), np.array([9, 3]), torch.tensor([9, 3])])
def test_counts_may_be_a_list_an_array_or_a_tensor(counts):
    np.testing.assert_allclose(extras.torch.LDAMLoss(counts).margins.numpy(), extras.ldam_margins([9, 3]), rtol=1e-6)


LOGITS, TARGET = torch.zeros(3, 2), torch.tensor([0, 1, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: extras.torch.LDAMLoss([5, 0]), "class 1 has count 0"),
        (lambda: extras.torch.LDAMLoss([5, 1], class_weights=[1.0]), r"class_weights has shape \(1,\)"),
        (lambda: extras.torch.LDAMLoss([5, 1], class_weights=[1.0, -1.0]), "0 or more"),
        (lambda: extras.torch.LDAMLoss([5, 1], class_weights=30), r"class_weights has shape \(\)"),
        (lambda: extras.torch.LDAMLoss([5, 1], class_weights=[1.0, 1.0], reweight_epoch=2), "give one of them"),
        (lambda: extras.torch.LDAMLoss([5, 1], reduction="average"), "reduction is 'average'"),
        (lambda: extras.torch.LDAMLoss([5, 1], scale=0), "scale is 0"),
        (lambda: extras.torch.LDAMLoss([5, 1]).set_epoch(1), "no re-weighting to defer"),
        (lambda: extras.torch.LDAMLoss([5, 1])(LOGITS[:, :1], TARGET), r"logits has shape \(3, 1\); give \(samples, 2\)"),
        (lambda: extras.torch.LDAMLoss([5, 1])(LOGITS, TARGET[:2]), r"target has shape \(2,\), logits has shape \(3, 2\)"),
        (lambda: extras.torch.LDAMLoss([5, 1])(LOGITS, LOGITS), "For mixup, mix the losses"),
        (lambda: extras.torch.LDAMLoss([5, 1])(LOGITS, TARGET.float()), r"target holds torch.float32"),
        (lambda: extras.torch.LDAMLoss([5, 1])(LOGITS, TARGET + 1), "outside 0..1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_positional_scale_is_refused_rather_than_taken_for_weights():
    with pytest.raises(TypeError):
        extras.torch.LDAMLoss([5, 1], 0.5, 30)
