#!/usr/bin/env bash
# Methods under noise that you know:  ./compare_methods.sh clean.png
set -euo pipefail
clean=${1:?which clean picture?}

# Noise that everybody can make again: it follows from the seed and the pixels.
denoise add-noise "$clean" -o noisy_25.png --gaussian 25/255 --seed 1 --overwrite

# The same picture by three methods, in a table and on a sheet.
denoise noisy_25.png -o learned.png --method learned --overwrite
denoise noisy_25.png -o optimal.png --method optimal --overwrite
denoise noisy_25.png -o matlab.png --lambda 0.14 --overwrite
denoise compare "$clean" noisy_25.png learned.png optimal.png matlab.png --sheet sheet.png --csv methods.csv --overwrite

# What happens by itself, total variation and a peer, on as many pictures as you name.
denoise benchmark "$clean" --gaussian 25/255 --methods auto,optimal,nl-means
