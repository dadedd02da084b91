# What is done every day. `just` lists it; `pip install rust-just` brings it.

python := ".venv/bin/python"

[private]
default:
    @just --list

# Style, types, layers
lint:
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
    .venv/bin/lint-imports
    .ci/kernels warnings

# All tests, or those that are named:  just test tests/noise -x
test *which:
    {{python}} -m pytest {{which}}

# The site, strictly, into build/site; needs pip install -e '.[docs]'
docs:
    {{python}} -m mkdocs build --strict --quiet

# The site at http://127.0.0.1:8000, anew after each change
serve:
    {{python}} -m mkdocs serve

# Every benchmark into docs/numbers.json, and the tables of README and the site from it; PICTURES holds Set12, BSD68, Kodak24
bench pictures="":
    {{python}} -m benchmarks all --json docs/numbers.json {{ if pictures == "" { "" } else { "--pictures " + pictures } }}
    {{python}} docs/make_numbers.py

# Figures, and the pages that are made from the code
figures:
    {{python}} docs/make_figures.py
    {{python}} docs/make_cli.py
    {{python}} docs/make_formats.py
    {{python}} docs/make_numbers.py

# The C by other compilers, without AVX, and under the sanitizers
sanitize:
    .ci/kernels warnings clang plain sanitize

# sdist and wheel into dist/
package:
    {{python}} -m build
