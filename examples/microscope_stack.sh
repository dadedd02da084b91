#!/usr/bin/env bash
# A stack of few photons, with the method that proves how far it is from the optimum:  ./microscope_stack.sh cells.tif
set -euo pipefail
stack=${1:?which stack?}
name=${stack%.*}

# What is in it, and whether its noise grows with the number of photons.
denoise info "$stack"
denoise noise "$stack"

# Every page by itself; type, units, axes and description come back. The residual should look like noise and like nothing else.
denoise "$stack" --method optimal --gap 1e-4 -o "${name}_denoised.tif" --residual "${name}_removed.tif" --report "${name}.html" -v
