"""`denoise extras` as it is typed: every help example, pipes, formats, exit codes, and one line for every mistake."""

import csv
import itertools
import json
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from denoise_cli import extras
from denoise_cli.extras.entry import app

COMMANDS = ["batch-norm", "standardize-weight", "scale-by-std", "layer-norm", "ldam", "regression", "regression predict"]


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, [str(a) for a in arguments], input=stdin, prog_name="denoise extras")


def refused(result, *parts, code=1):
    """One line on stderr (two more from the parser for a usage error), nothing on stdout, no traceback."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.exception is None or isinstance(result.exception, SystemExit)
    for part in parts:
        assert str(part) in " ".join(result.stderr.split())
    if code == 1:
        assert result.stderr.startswith("denoise extras: ")
        assert result.stderr.count("\n") == 1
    return result


def process(command, **options):
    """A real shell, in which `denoise extras` is this package."""
    python = f"{shlex.quote(sys.executable)} -m denoise_cli.extras"
    return subprocess.run(
        command.replace("denoise extras", python), shell=True, capture_output=True, text=True, encoding="utf-8", **options
    )


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,10\n3,50\n")
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_in_the_help_is_what_happens(command, tmp_path):
    (tmp_path / "l.csv").write_text("a,b\n0.9,0.1\n0.2,0.4\n")
    (tmp_path / "t.csv").write_text("label\n0\n1\n")
    run("regression", "-", "--target", "y", "--closed-form", "--save", tmp_path / "model.json", stdin="x,y\n0,1\n1,3\n2,5\n")
    text = run(*command.split(), "--help").stdout
    example = re.search(r"  Example.*?\n    \$ (.*?)\n(.*?)\n\n", text, re.DOTALL)
    shown = "\n".join(line[4:] for line in example[2].split("\n"))
    result = process(example[1], cwd=tmp_path)
    assert result.stderr == ""
    assert result.stdout.count("\n") == shown.count("\n") + 1
    for actual, expected in zip(result.stdout.split(), shown.split(), strict=True):
        try:
            np.testing.assert_allclose(float(actual), float(expected), rtol=1e-9)
        except ValueError:
            assert actual == expected


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_shows_its_default(command):
    listed = run(*command.split(), "--help").stdout.split("\nOptions:\n")[1]
    options = [" ".join(option.split()) for option in re.split(r"^  (?=-)", listed, flags=re.MULTILINE)[1:]]
    assert len(options) > 1
    for option in options:
        assert "[default: " in option or "[required]" in option or option.startswith("--help"), option


def test_help_needs_no_numpy_and_the_denoiser_is_not_needed_at_all():
    script = (
        "import sys\n"
        "from denoise_cli.extras.entry import app\n"
        "try: app(['batch-norm', '--help'])\n"
        "except SystemExit: pass\n"
        "assert 'numpy' not in sys.modules\n"
        "try: app(['batch-norm', '-'])\n"
        "except SystemExit: pass\n"
        "assert 'numpy' in sys.modules and 'torch' not in sys.modules\n"
        "others = [m for m in sys.modules if m.startswith('denoise_cli.') and not m.startswith('denoise_cli.extras')]\n"
        "assert not others, others\n"
    )
    done = subprocess.run([sys.executable, "-c", script], input="1\n2\n", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_pytorch_the_way_to_get_it_is_said():
    script = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from denoise_cli import extras\n"
        "extras.ldam_margins([2, 1])\n"
        "try: extras.torch.LDAMLoss\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "pip install 'denoise-cli[torch]'" in done.stdout, done.stderr


def test_every_public_name_is_there_and_nothing_else():
    for name in extras.__all__:
        assert callable(getattr(extras, name))
        assert name in dir(extras)
    with pytest.raises(AttributeError, match="no attribute 'batchnorm'"):
        _ = extras.batchnorm


def test_batch_norm_keeps_the_header_and_takes_weight_and_bias_in_three_ways(table, tmp_path):
    np.save(tmp_path / "w.npy", [2.0, 3.0])
    (tmp_path / "b.csv").write_text("10\n20\n")
    inline = run("batch-norm", table, "--weight", "2,3", "--bias", "10,20", "--eps", 0)
    files = run("batch-norm", table, "--weight", tmp_path / "w.npy", "--bias", tmp_path / "b.csv", "--eps", 0)
    assert inline.stdout == files.stdout == "a,b\n8.0,17.0\n12.0,23.0\n"
    assert run("batch-norm", table, "--bias", "-1", "--eps", 0).stdout == "a,b\n-2.0,-2.0\n0.0,0.0\n"


def test_batch_norm_back_and_forth_agrees_with_the_golden_files(batch_norm_case, tmp_path, assert_close):
    c = batch_norm_case
    source, out = tmp_path / "case.npz", tmp_path / "out.npz"
    np.savez(source, **c)
    common = ["batch-norm", source, "--weight", source, "--bias", source, "--eps", float(c["eps"]), "-o", out, "--overwrite"]
    assert run(*common).exit_code == 0
    for name, expected in (("y", "y_biased"), ("x_hat", "normx_biased"), ("variance", "varx_biased")):
        assert_close(np.load(out)[name], c[expected])
    back = [*common, "--backward", f"{source}:grad_out"]
    assert run(*back).exit_code == 0
    for name in ("x", "weight", "bias"):
        assert_close(np.load(out)[f"grad_{name}"], c[f"autograd_biased_grad_{name}"])
    if len(c["x"]) == 1:
        refused(run(*back, "--unbiased"), source, "shape (1, 4)", "0/0", "biased variance")
    else:
        assert run(*back, "--unbiased").exit_code == 0
        assert_close(np.load(out)["grad_x"], c["autograd_unbiased_grad_x"])


def test_backward_into_csv_says_what_csv_leaves_out(table):
    result = run("batch-norm", table, "--backward", table)
    assert result.stdout.startswith("a,b\n")
    assert "for grad_weight and grad_bias write .npz or .json" in result.stderr


def test_arrays_of_many_axes_go_through_npy(tmp_path, assert_close):
    x = np.random.default_rng(0).normal(size=(3, 2, 4, 5))
    np.save(tmp_path / "x.npy", x)
    for command, expected in (
        (["batch-norm"], extras.batch_norm_forward(x, [1, 1], [0, 0])[0]),
        (["standardize-weight", "--unbiased"], extras.weight_standardize(x, unbiased=True)),
        (["scale-by-std", "--weight", "1,2,3,4,5"], extras.scale_by_std(x, [1, 2, 3, 4, 5])),
        (["layer-norm", "--bias", "3"], extras.layer_norm(x, np.ones(5), np.full(5, 3.0))),
    ):
        assert run(*command, tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--overwrite").exit_code == 0
        assert_close(np.load(tmp_path / "y.npy"), expected, 0)
        refused(run(*command, tmp_path / "x.npy"), "standard output", "(3, 2, 4, 5)", ".npy")


def test_arrays_come_through_pipes_too(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[1.0, 10.0], [3.0, 50.0]]))
    assert run("batch-norm", "-", "--eps", 0, stdin=(tmp_path / "x.npy").read_bytes()).stdout == "-1.0,-1.0\n1.0,1.0\n"


def test_a_reader_that_leaves_early_causes_no_traceback():
    result = process(
        "python3 -c 'print(\"1,2\\n\" * 100000)' | denoise extras layer-norm - | head -n 1".replace("python3", shlex.quote(sys.executable))
    )
    assert result.stdout == "-0.9999800005999799,0.9999800005999799\n"
    assert result.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_said():
    result = process("printf '1,2\\n' | denoise extras layer-norm - > /dev/full")
    assert result.returncode == 1
    assert result.stderr == (
        "denoise extras: standard output: cannot write it: No space left on device; choose another place or make room\n"
    )


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["batch-norm", "x.csv", "--weight", "1,2,3"], ["x.csv", "(3,)", "(2, 2)"]),
        (["batch-norm", "x.csv", "--weight", "none.csv"], ["none.csv: no such file"]),
        (["batch-norm", "x.csv", "--backward", "one.csv"], ["x.csv, one.csv", "(1, 2)", "(2, 2)"]),
        (["batch-norm", "one.csv", "--unbiased"], ["one.csv", "(1, 2)", "0/0"]),
        (["batch-norm", "one.csv", "--eps", "0"], ["one.csv", "channel 0 is constant"]),
        (["batch-norm", "x.csv", "--eps", "nan"], ["x.csv", "eps is nan"]),
        (["batch-norm", "huge.csv"], ["huge.csv", "overflows"]),
        (["batch-norm", "x.csv", "-o", "no/o.csv"], ["no/o.csv: cannot write it"]),
        (["batch-norm", "."], [".: cannot read it"]),
        (["scale-by-std", "x.csv", "--weight", "1,2,3"], ["x.csv", "(3,)", "(2, 2)"]),
        (["standardize-weight", "x.csv:w"], ["x.csv:w: no such file"]),
        (["layer-norm", "text.csv"], ["text.csv: row 3, column 'b': 'red' is not a number"]),
    ],
)
@pytest.mark.usefixtures("table")
def test_bad_data_is_one_line_and_exit_code_1(arguments, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.csv").write_text("1,2\n")
    (tmp_path / "huge.csv").write_text("1e308\n-1e308\n")
    (tmp_path / "text.csv").write_text("a,b\n1,2\n3,red\n")
    before = sorted(tmp_path.iterdir())
    refused(run(*arguments), *parts)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["batch-norm", "x.csv", "-o", "x.csv"], "overwrite the input"),
        (["batch-norm", "x.csv", "-o", "link.csv"], "overwrite the input"),
        (["batch-norm", "y.csv", "--weight", "x.csv", "-o", "./x.csv"], "overwrite the input"),
        (["batch-norm", "x.csv", "-o", "o.txt"], "end the name in .csv, .npy, .npz, .json"),
        (["batch-norm", "-", "--weight", "-"], "only one input can be '-'"),
        (["ldam", "x.csv", "--target", "y.csv"], "give one of --class-counts and --counts-from"),
        (["ldam", "x.csv", "--target", "y.csv", "--class-counts", "1,2", "--gradient", "-"], "only one result can go to '-'"),
        (["ldam", "x.csv", "--target", "y.csv", "--class-counts", "1", "--gradient", "g.npy", "-o", "./g.npy"], "share a file"),
        (["regression", "x.csv", "--target", "a", "--closed-form", "--steps", "5"], "--steps is for gradient descent"),
        (["regression", "x.csv", "--target", "a", "--log", "x.csv"], "overwrite the input"),
        (["regression", "x.csv", "--target", "a", "--save", "m.npz"], "end the name in .json"),
        (["regression", "x.csv", "--target", "a", "--steps", "0"], "--steps"),
    ],
)
def test_usage_errors_are_exit_code_2_and_touch_nothing(arguments, part, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "y.csv").write_text("1,2\n3,4\n")
    (tmp_path / "link.csv").symlink_to(table)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    refused(run(*arguments), part, code=2)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_ldam_agrees_with_the_golden_files(ldam_case, tmp_path, assert_close):
    c = ldam_case
    source = tmp_path / "case.npz"
    np.savez(source, **c)
    options = ["--max-margin", float(c["max_m"]), "--scale", float(c["s"]), "--gradient", tmp_path / "g.csv", "--overwrite"]
    if "class_weight" in c:
        options += ["--class-weights", f"{source}:class_weight"]
    common = ["ldam", source, "--target", source, "--class-counts", f"{source}:cls_num_list", *options]
    printed = run(*common)
    assert_close(float(printed.stdout.split()[1]), c["loss"])
    margins = [float(line.split()[2]) for line in printed.stdout.splitlines()[2:]]
    np.testing.assert_allclose(margins, c["margins"], rtol=1e-5)
    with (tmp_path / "g.csv").open(newline="") as stream:
        assert_close([[float(cell) for cell in row] for row in csv.reader(stream)], c["grad_logits"])
    assert run(*common, "-o", tmp_path / "o.json").stdout == ""
    saved = json.loads((tmp_path / "o.json").read_text())
    assert_close(saved["loss"], c["loss"])
    assert_close(saved["margins"], c["margins"])


def test_ldam_counts_labels_and_names_a_class_that_never_occurs(tmp_path):
    logits, target, train = tmp_path / "l.csv", tmp_path / "t.csv", tmp_path / "train.csv"
    logits.write_text("a,b\n0.9,0.1\n0.2,0.4\n")
    target.write_text("label\n0\n1\n")
    train.write_text("label\n" + "0\n" * 160 + "1\n" * 10)
    counted = run("ldam", logits, "--target", target, "--counts-from", train)
    assert counted.stdout == run("ldam", logits, "--target", target, "--class-counts", "160,10").stdout
    train.write_text("0\n0\n")
    refused(run("ldam", logits, "--target", target, "--counts-from", train), train, "class 1 has count 0")
    refused(run("ldam", logits, "--target", logits, "--class-counts", "1,1"), "For mixup")


@pytest.fixture
def cities(tmp_path):
    path = tmp_path / "cities.csv"
    rng = np.random.default_rng(2)
    x = rng.normal(50, 9, (30, 2))
    y = 3 * x[:, 0] - 2 * x[:, 1] + 5 + rng.normal(size=30)
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["city", "area, km²", " rain", "price"])
        rows.writerows([f"town {i}", *row, price] for i, (row, price) in enumerate(zip(x.tolist(), y.tolist(), strict=True)))
    return path, x, y


def test_descent_closed_form_and_prediction_agree(cities, tmp_path, assert_close):
    path, x, y = cities
    model, log, out = tmp_path / "m.json", tmp_path / "log.csv", tmp_path / "p.npy"
    chosen = ["regression", path, "--target", "price", "--features", '"area, km²",rain', "--save", model, "--overwrite"]
    weight, bias = extras.lstsq(x, y)
    for options in (["--closed-form"], ["--standardize", "--steps", 500, "--log", log]):
        result = run(*chosen, *options)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        saved = json.loads(model.read_text(encoding="utf-8"))
        assert saved["features"] == ["area, km²", "rain"]
        assert_close([*saved["weight"], saved["bias"]], [*weight, bias], 1e-9)
        assert_close(saved["r_squared"], extras.r_squared(y, x @ weight + bias))
        assert_close(saved["standard_error_weight"], extras.standard_errors(x, y, weight, bias)[0])
        assert f"R² {saved['r_squared']:.6g}" in result.stdout
        assert run("regression", "predict", model, path, "-o", out, "--overwrite").exit_code == 0
        assert_close(np.load(out), x @ weight + bias, 1e-9)
    rows = [line.split(",") for line in log.read_text().splitlines()]
    assert rows[0] == ["step", "loss", "grad_norm"]
    assert [int(row[0]) for row in rows[1:]] == list(range(1, 501))
    losses = [float(row[1]) for row in rows[1:]]
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in itertools.pairwise(losses))
    assert_close(losses[0], np.square(y).mean())


def test_a_descent_that_has_not_arrived_says_so(cities):
    chosen = ["regression", cities[0], "--target", "price", "--features", "rain"]
    assert "has not arrived" in run(*chosen, "--steps", 50).stderr
    assert run(*chosen, "--steps", 50, "--standardize").stderr == ""


def test_batches_stay_stable_without_a_learning_rate(cities):
    result = run("regression", cities[0], "--target", "price", "--features", " rain", "--batch-size", 4, "--steps", 200)
    assert result.exit_code == 0, result.output
    again = run("regression", cities[0], "--target", "price", "--features", " rain", "--batch-size", 4, "--steps", 200)
    assert again.stdout == result.stdout


def test_a_diverging_rate_leaves_no_log_and_says_the_largest_stable_one(cities, tmp_path):
    log = tmp_path / "log.csv"
    result = run("regression", cities[0], "--target", "price", "--features", "rain", "--learning-rate", 1, "--log", log)
    offered = re.search("use at most (.*), the largest stable value", refused(result, cities[0], "above 2/L").stderr)[1]
    assert not log.exists()
    kept = run("regression", cities[0], "--target", "price", "--features", "rain", "--learning-rate", offered, "--log", log)
    assert kept.exit_code == 0


@pytest.mark.parametrize(
    ("content", "options", "parts"),
    [
        ("city,x,y\nParis,1,2\nOslo,2,3\n", [], ["row 2, column 'city': 'Paris' is not a number"]),
        ("x,y\n1,2\n,3\n", [], ["row 3, column 'x': the value is missing"]),
        ("x,z\n1,2\n", [], ["no column named 'y'; there are x, z"]),
        ("x,y,x\n1,2,3\n", [], ["column 'x' is named twice"]),
        ("x,x,y\n1,2,3\n", ["--features", "x"], ["more than one column named 'x'"]),
        ("y\n1\n2\n", [], ["no column is left to explain 'y' with"]),
        ("x,y\n1,2\n2,4\n", ["--features", "x,y"], ["column 'y' is named twice"]),
        ("x,y\n1,2\n2,4\n", ["--batch-size", "3"], ["batch_size is 3", "2 rows"]),
        ("x,y\n1e200,2\n2e200,4\n", [], ["overflows"]),
        ("x,y\n1,2\n2\n", [], ["row 3 has 1 column, row 1 has 2"]),
    ],
)
def test_a_table_that_cannot_be_fitted_is_named_by_column_and_row(content, options, parts, tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(content)
    refused(run("regression", path, "--target", "y", *options), path, *parts)


def test_what_has_no_standard_error_or_r_squared_says_so():
    result = run("regression", "-", "--target", "y", "--closed-form", stdin="a,b,y\n1,2,5\n2,4,5\n3,6,5\n4,8,5\n")
    assert "linearly dependent" in result.stderr
    assert "y is constant: R² is undefined" in result.stderr
    assert "none" in result.stdout
    assert "R² undefined" in result.stdout
    assert "nan" not in result.output.lower()


def test_columns_without_names_are_numbered():
    result = run("regression", "-", "--target", "2", "--closed-form", stdin="0,1\n1,3\n2,5\n")
    assert result.stdout.splitlines()[0] == "2: 3 rows, closed form"
    assert result.stdout.splitlines()[3].split()[:2] == ["1", "2"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"format": "x"}', "\xff", "1e999", "[" * 100_000]
    + [
        json.dumps({"format": "denoise extras regression, version 1", "target": "y", **broken})
        for broken in (
            {"features": ["x"], "weight": [1, 2], "bias": 0},
            {"features": [], "weight": [], "bias": 0},
            {"features": ["x"], "weight": ["1"], "bias": 0},
            {"features": ["x"], "weight": [1], "bias": float("nan")},
            {"features": "x", "weight": [1], "bias": 0},
        )
    ],
)
def test_what_is_no_model_is_refused(content, tmp_path):
    path = tmp_path / "m.json"
    path.write_text(content, encoding="latin-1")
    refused(run("regression", "predict", path, "-", stdin="x\n1\n"), path, "not a model")
