"""The compiled passes; everything else stands in pyproject.toml. Without a compiler the package installs all the same, and uses NumPy."""

import sys

from setuptools import Extension, setup

# Contraction to fused multiply-adds would make results depend on the processor.
GCC = ["-O3", "-g0", "-std=c11", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
FLAGS = ["/O2", "/fp:precise"] if sys.platform == "win32" else GCC
HEADERS = ("arguments", "sweep", "transform", "projection", "volume", "volume_sweep")

setup(
    ext_modules=[
        Extension(
            "denoise_cli.kernels._kernels",
            ["denoise_cli/kernels/_kernels.c"],
            depends=[f"denoise_cli/kernels/_{part}.h" for part in HEADERS],
            extra_compile_args=FLAGS,
            optional=True,
        )
    ]
)
