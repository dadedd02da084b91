"""`denoise extras regression`: fit a linear model to a table, save it, predict with it."""

import csv
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from denoise_cli.extras.console import Overwrite, called, check_files, note, plain_errors, show

if TYPE_CHECKING:
    from denoise_cli.extras.arrays import Array
    from denoise_cli.extras.regression import DescentStep


class _FitFirst(TyperGroup):
    """`regression DATA ...` means `regression fit DATA ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args:
            args = ["--help"]
        return super().parse_args(ctx, args if args[0] in self.commands else ["fit", *args])


app = typer.Typer(
    cls=_FitFirst,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="""Linear regression by gradient descent or in closed form, and prediction.

\b
denoise extras regression rents.csv --target rent --save model.json
denoise extras regression predict model.json flats.csv""",
)


@app.command("fit")
def fit(
    ctx: typer.Context,
    data: Annotated[str, typer.Argument(metavar="DATA", help="A table: .csv, .npy, .npz, or - for CSV on standard input.")],
    target: Annotated[str, typer.Option(metavar="COLUMN", help="What to explain; 1, 2, ... where the table has no header.")],
    features: Annotated[
        str | None, typer.Option(metavar="COLUMNS", show_default="all other columns", help="What explains it: age,height.")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(show_default="half the largest stable value", help="How far each step goes down the gradient."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of gradient descent.")] = 1000,
    batch_size: Annotated[int | None, typer.Option(min=1, show_default="all rows", help="Rows per step.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the shuffling into batches.")] = 0,
    standardize: Annotated[
        bool,
        typer.Option("--standardize/--raw", help="Descend on columns scaled to mean 0, variance 1; the result is the same model."),
    ] = False,
    closed_form: Annotated[
        bool, typer.Option("--closed-form/--descent", help="Solve the least squares at once instead of descending.")
    ] = False,
    log: Annotated[str | None, typer.Option(metavar="CSV", show_default="none", help="One row per step: step,loss,grad_norm.")] = None,
    save: Annotated[
        str | None, typer.Option(metavar="JSON", show_default="none", help="The model, for 'denoise extras regression predict'.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Fit  target = sum of coefficient * feature + intercept  by least squares; 'fit' may be left out.

    Prints the coefficients, their standard errors and, beside a descent, what it descends to: the closed form. To use a
    saved model: denoise extras regression predict --help.

    \b
    Example:
      $ printf 'x,y\\n0,1\\n1,2\\n2,5\\n3,6\\n' | denoise extras regression - --target y --closed-form
      y: 4 rows, closed form
      term       coefficient  standard error
      intercept          0.8         0.52915
      x                  1.8        0.282843
      R² 0.952941
      mean squared error 0.2
    """
    if closed_form:
        for name in ("learning_rate", "steps", "batch_size", "seed", "standardize", "log"):
            source = ctx.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                raise typer.BadParameter(f"--{name.replace('_', '-')} is for gradient descent; leave it or --closed-form out.")
    check_files([data], {"stdout": "-", "--log": log}, (".csv",), overwrite=overwrite)
    check_files([data], {"stdout": "-", "--save": save}, (".json",), overwrite=overwrite)
    from denoise_cli.extras import least_squares, regression
    from denoise_cli.extras.models import write_model
    from denoise_cli.extras.tables import read_table

    with plain_errors(data):
        names: list[str] = []
        table = read_table(data, key="data", choose=_target_and_features(data, target, features, names)).values
        y, x = table[:, 0].copy(), table[:, 1:].copy()
        weight, bias = closed_weight, closed_bias = least_squares.lstsq(x, y)
        title = "closed form"
        if not closed_form:
            limit = regression.largest_stable_learning_rate(x, standardize=standardize, every_batch=batch_size is not None)
            rate = limit / 2 if learning_rate is None else learning_rate
            if rate == 0:
                raise ValueError("the values are too large for any learning rate; use --standardize or --closed-form")
            weight, bias = _descend(
                regression.linear_regression(
                    x, y, learning_rate=rate, steps=steps, batch_size=batch_size, seed=seed, standardize=standardize
                ),
                steps,
                log,
            )
            title = f"{steps} steps of gradient descent, learning rate {rate:.4g}"

        mean_squared_error, _, _ = least_squares.mse_gradients(x, y, weight, bias)
        minimum, _, _ = least_squares.mse_gradients(x, y, closed_weight, closed_bias)
        if mean_squared_error - minimum > max(1e-3 * minimum, 1e-9 * float(y.var())):
            hint = "more --steps" if standardize else "--standardize, more --steps"
            note(f"{called(data)}: the descent has not arrived at the least squares; use {hint} or --closed-form")
        errors: list[float] | None = None
        try:
            weight_errors, bias_error = least_squares.standard_errors(x, y, closed_weight, closed_bias)
            errors = [bias_error, *weight_errors.tolist()]
        except ValueError as error:
            note(f"{called(data)}: {error}")
        r_squared: float | None = None
        try:
            r_squared = least_squares.r_squared(y, least_squares.predict(x, weight, bias))
        except ValueError as error:
            note(f"{called(data)}: {error}")

        if save is not None:
            model = {
                "target": names[0],
                "features": names[1:],
                "weight": weight.tolist(),
                "bias": bias,
                "standard_error_weight": errors and errors[1:],
                "standard_error_bias": errors and errors[0],
                "r_squared": r_squared,
                "mean_squared_error": mean_squared_error,
                "rows": len(x),
                "method": title,
            }
            write_model(save, model)

        columns = [["intercept", *names[1:]], _shown([bias, *weight]), _shown(errors) if errors else ["none"] * len(names)]
        header = ["term", "coefficient", "standard error"]
        if not closed_form:
            columns.append(_shown([closed_bias, *closed_weight]))
            header.append("closed form")
        show(
            f"{names[0]}: {len(x)} rows, {title}",
            header,
            list(zip(*columns, strict=True)),
            f"R² {'undefined' if r_squared is None else f'{r_squared:.6g}'}",
            f"mean squared error {mean_squared_error:.6g}" + ("" if closed_form else f" (closed form {minimum:.6g})"),
        )


@app.command("predict")
def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What 'denoise extras regression --save' wrote.")],
    data: Annotated[str, typer.Argument(metavar="NEW", help="A table with the model's feature columns, in any order; - is CSV here.")],
    output: Annotated[str, typer.Option("-o", "--output", metavar="OUT", help="Where to: .csv, .npy, .npz, .json; - is CSV here.")] = "-",
    overwrite: Overwrite = False,
) -> None:
    """Predict the target for each row of a table with a saved model.

    \b
    Example (model.json was saved from 'x,y', '0,1', '1,3', '2,5'):
      $ printf 'x\\n10\\n20\\n' | denoise extras regression predict model.json -
      predicted_y
      21.0
      41.0
    """
    check_files([model, data], {"-o": output}, overwrite=overwrite)
    from denoise_cli.extras import least_squares
    from denoise_cli.extras.models import read_model
    from denoise_cli.extras.results import write_arrays
    from denoise_cli.extras.tables import read_table

    with plain_errors(data):
        target, features, weight, bias = read_model(model)
        table = read_table(data, key="data", choose=lambda names: [_find(data, name, names) for name in features])
        prediction = least_squares.predict(table.values, weight, bias)
        write_arrays(output, {"prediction": prediction}, [f"predicted_{target}"])


def _target_and_features(source: str, target: str, features: str | None, names: list[str]) -> Callable[[list[str]], list[int]]:
    """Picks the columns, the target first, and leaves their names in `names`."""

    def choose(columns: list[str]) -> list[int]:
        wanted = [name for name in columns if name != target] if features is None else next(csv.reader([features]), [])
        names[:] = [target.strip(), *(name.strip() for name in wanted)]
        if len(names) == 1:
            raise ValueError(f"no column is left to explain {target!r} with; give at least one feature")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"column {twice!r} is named twice; give every column one name and one role")
        return [_find(source, name, columns) for name in names]

    return choose


def _find(source: str, name: str, columns: list[str]) -> int:
    from denoise_cli.extras.results import FileError

    if columns.count(name) != 1:
        trouble = "no column" if name not in columns else "more than one column"
        listed = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
        raise FileError(f"{called(source)}: {trouble} named {name!r}; there are {listed}")
    return columns.index(name)


def _descend(descent: "Iterator[DescentStep]", steps: int, log: str | None) -> "tuple[Array, float]":
    from tqdm import tqdm

    from denoise_cli.extras.results import replacing, write_csv

    last: DescentStep | None = None

    def records() -> Iterator[tuple[int, float, float]]:
        nonlocal last
        for last in tqdm(descent, total=steps, unit="step", disable=None, leave=False):
            yield last.step, last.loss, last.grad_norm

    if log is None:
        for _ in records():
            pass
    else:
        with replacing(log) as stream:
            write_csv(stream, ["step", "loss", "grad_norm"], records())
    assert last is not None
    return last.weight, last.bias


def _shown(numbers: Iterable[float]) -> list[str]:
    return [f"{number:.6g}" for number in numbers]
