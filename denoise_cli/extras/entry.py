"""What can be typed after `denoise extras`: numbers from files or pipes in, numbers out. NumPy is imported by the commands."""

from typing import Annotated

import typer

from denoise_cli.extras import linear_models
from denoise_cli.extras.console import Overwrite, check_files, note, plain_errors, show, source_of, vector

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="""Batch norm, normalisations, linear regression and the LDAM loss, exact and tested.

Tables come in as CSV (with or without a header row), .npy or .npz (FILE.npz:NAME picks an array; - reads standard input) and
go out as CSV, .npy, .npz or JSON by the suffix of the output; - writes CSV to standard output.

\b
denoise extras batch-norm x.csv --weight 2,3 -o y.npz""",
)

_Eps = Annotated[float, typer.Option(help="Added to the variance, in the units of the input squared.")]
_Output = Annotated[str, typer.Option("-o", "--output", metavar="OUT", help="Where to: .csv, .npy, .npz, .json; - is CSV here.")]
_Weight = Annotated[str, typer.Option(metavar="W", help="Gain: one number for all, one per column (1,0.5,2), or a file.")]
_Bias = Annotated[str, typer.Option(metavar="B", help="Offset: one number for all, one per column (0,0,1), or a file.")]


@app.command("batch-norm")
def batch_norm(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="Samples as rows, channels as columns; (N, C, ...) from .npy.")],
    weight: _Weight = "1",
    bias: _Bias = "0",
    eps: _Eps = 1e-5,
    unbiased: Annotated[
        bool, typer.Option("--unbiased/--biased", help="Divide the variance by N - 1, or by N (what batch norm means).")
    ] = False,
    backward: Annotated[
        str | None,
        typer.Option(
            metavar="GRAD_Y", show_default="none: forward", help="Go back: from the loss gradient of y, a file, to that of INPUT."
        ),
    ] = None,
    output: _Output = "-",
    overwrite: Overwrite = False,
) -> None:
    """Normalise each column to mean 0 and variance 1, then weight it and add bias.

    y = weight * (x - mean) / sqrt(variance + eps) + bias, over the rows. CSV and .npy hold y; .npz and .json hold x_hat
    and variance too. With --backward they hold grad_x; .npz and .json hold grad_weight and grad_bias too.

    \b
    Example:
      $ printf 'a,b\\n1,10\\n3,50\\n' | denoise extras batch-norm - --eps 0
      a,b
      -1.0,-1.0
      1.0,1.0
    """
    check_files([source, source_of(weight), source_of(bias), backward], {"-o": output}, overwrite=overwrite)
    from denoise_cli.extras.batch_norm import batch_norm_backward, batch_norm_forward
    from denoise_cli.extras.results import write_arrays
    from denoise_cli.extras.tables import read_table

    with plain_errors(source, source_of(weight), source_of(bias), backward):
        table = read_table(source, key="x")
        channels = table.values.shape[1] if table.values.ndim > 1 else 1
        gain = vector(weight, "weight", channels)
        y, x_hat, variance = batch_norm_forward(table.values, gain, vector(bias, "bias", channels), eps, unbiased=unbiased)
        arrays = {"y": y, "x_hat": x_hat, "variance": variance}
        if backward is not None:
            grad_y = read_table(backward, key="grad_y").values
            gradients = batch_norm_backward(grad_y, x_hat, variance, eps, gain, unbiased=unbiased)
            arrays = dict(zip(("grad_x", "grad_weight", "grad_bias"), gradients, strict=True))
        write_arrays(output, arrays, table.header)
    if backward is not None and not output.lower().endswith((".npz", ".json")):
        note("this holds grad_x alone; for grad_weight and grad_bias write .npz or .json")


@app.command("standardize-weight")
def standardize_weight(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="One filter per row; (filters, ...) from .npy.")],
    eps: _Eps = 1e-5,
    unbiased: Annotated[
        bool, typer.Option("--unbiased/--biased", help="Divide the variance by the fan-in less 1, or by the fan-in.")
    ] = False,
    output: _Output = "-",
    overwrite: Overwrite = False,
) -> None:
    """Standardise each filter (row) of a layer's weights to mean 0 and variance 1.

    \b
    Example:
      $ printf '1,3\\n10,50\\n' | denoise extras standardize-weight - --eps 0
      -1.0,1.0
      -1.0,1.0
    """
    check_files([source], {"-o": output}, overwrite=overwrite)
    from denoise_cli.extras.normalisation import weight_standardize
    from denoise_cli.extras.results import write_arrays
    from denoise_cli.extras.tables import read_table

    with plain_errors(source):
        table = read_table(source, key="weight")
        write_arrays(output, {"weight": weight_standardize(table.values, eps, unbiased=unbiased)}, table.header)


@app.command("scale-by-std")
def scale_by_std(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="Each row is scaled; the last axis of (..., C) from .npy.")],
    weight: _Weight = "1",
    eps: _Eps = 1e-5,
    unbiased: Annotated[bool, typer.Option("--unbiased/--biased", help="Divide the variance by C - 1, or by C.")] = False,
    output: _Output = "-",
    overwrite: Overwrite = False,
) -> None:
    """Divide each row by its standard deviation, without subtracting the mean (bias-free layer norm).

    \b
    Example:
      $ printf 'a,b\\n1,3\\n10,50\\n' | denoise extras scale-by-std - --eps 0
      a,b
      1.0,3.0
      0.5,2.5
    """
    check_files([source, source_of(weight)], {"-o": output}, overwrite=overwrite)
    from denoise_cli.extras import normalisation
    from denoise_cli.extras.results import write_arrays
    from denoise_cli.extras.tables import read_table

    with plain_errors(source, source_of(weight)):
        table = read_table(source, key="x")
        gain = vector(weight, "weight", table.values.shape[-1])
        write_arrays(output, {"y": normalisation.scale_by_std(table.values, gain, eps, unbiased=unbiased)}, table.header)


@app.command("layer-norm")
def layer_norm(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="Each row is normalised; the last axis of (..., C) from .npy.")],
    weight: _Weight = "1",
    bias: _Bias = "0",
    eps: _Eps = 1e-5,
    output: _Output = "-",
    overwrite: Overwrite = False,
) -> None:
    """Normalise each row to mean 0 and variance 1, then weight it and add bias.

    \b
    Example:
      $ printf 'a,b\\n1,3\\n10,50\\n' | denoise extras layer-norm - --eps 0
      a,b
      -1.0,1.0
      -1.0,1.0
    """
    check_files([source, source_of(weight), source_of(bias)], {"-o": output}, overwrite=overwrite)
    from denoise_cli.extras import normalisation
    from denoise_cli.extras.results import write_arrays
    from denoise_cli.extras.tables import read_table

    with plain_errors(source, source_of(weight), source_of(bias)):
        table = read_table(source, key="x")
        gain, offset = (vector(text, key, table.values.shape[-1]) for text, key in ((weight, "weight"), (bias, "bias")))
        write_arrays(output, {"y": normalisation.layer_norm(table.values, gain, offset, eps)}, table.header)


@app.command("ldam")
def ldam(
    source: Annotated[str, typer.Argument(metavar="LOGITS", help="One sample per row, one class per column.")],
    target: Annotated[str, typer.Option(metavar="TARGETS", help="One integer label per row, 0 for the first class.")],
    class_counts: Annotated[
        str | None,
        typer.Option(
            metavar="COUNTS",
            show_default="none: give this or --counts-from",
            help="Training samples per class: 5000,500,50, or a file.",
        ),
    ] = None,
    counts_from: Annotated[
        str | None,
        typer.Option(metavar="TARGETS", show_default="none", help="Count the classes in this file of labels instead."),
    ] = None,
    max_margin: Annotated[float, typer.Option(help="Margin of the rarest class, in the units of the logits.")] = 0.5,
    scale: Annotated[float, typer.Option(help="Multiplies the logits; 30 is made for cosines in [-1, 1].")] = 30.0,
    class_weights: Annotated[str, typer.Option(metavar="W", help="Class weights: one number for all, one per class, or a file.")] = "1",
    gradient: Annotated[
        str | None,
        typer.Option(metavar="OUT", show_default="none", help="Write the gradient of the logits: .csv, .npy, .npz, .json."),
    ] = None,
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="OUT", help="Margins to .csv or .npy; loss too in .npz, .json; - is text here."),
    ] = "-",
    overwrite: Overwrite = False,
) -> None:
    """The label-distribution-aware margin loss of a table of logits, averaged over its rows, and each class's margin.

    \b
    Example (l.csv holds 'a,b', '0.9,0.1', '0.2,0.4'; t.csv holds 'label', '0', '1'):
      $ denoise extras ldam l.csv --target t.csv --class-counts 160,10 --scale 10
      loss 1.5263328974221564
      class  count  margin
      a        160    0.25
      b         10     0.5
    """
    if (class_counts is None) == (counts_from is None):
        raise typer.BadParameter("give one of --class-counts and --counts-from.")
    counted = None if counts_from == target else counts_from
    files = [source, target, source_of(class_counts), counted, source_of(class_weights)]
    check_files(files, {"-o": output, "--gradient": gradient}, overwrite=overwrite)
    import numpy as np

    from denoise_cli.extras.ldam import ldam_loss, ldam_margins
    from denoise_cli.extras.results import write_arrays
    from denoise_cli.extras.tables import read_labels, read_table

    with plain_errors(*files):
        table = read_table(source, key="logits")
        classes = table.values.shape[-1]
        labels = read_labels(target, classes)
        if class_counts is not None:
            counts = vector(class_counts, "class_counts", 1)
        else:
            counts = np.bincount(labels if counted is None else read_labels(counted, classes), minlength=classes).astype(float)
        loss, grad_logits = ldam_loss(
            table.values,
            labels,
            counts,
            max_margin=max_margin,
            scale=scale,
            class_weights=vector(class_weights, "class_weights", classes),
        )
        margins = ldam_margins(counts, max_margin)
        if gradient is not None:
            write_arrays(gradient, {"grad_logits": grad_logits}, table.header)
        if output != "-":
            write_arrays(output, {"margins": margins, "class_counts": counts, "loss": np.array(loss)}, table.header)
            return
        names = table.header or [str(index) for index in range(classes)]
        rows = [[name, f"{count:g}", f"{margin:.6g}"] for name, count, margin in zip(names, counts, margins, strict=True)]
        show(f"loss {loss!r}", ["class", "count", "margin"], rows)


app.add_typer(linear_models.app, name="regression")
