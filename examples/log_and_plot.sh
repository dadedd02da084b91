#!/usr/bin/env bash
# Every iteration of two methods on one plot:  ./log_and_plot.sh noisy.png clean.png     (pip install 'denoise-cli[plot]')
set -euo pipefail
noisy=${1:?which noisy picture?} clean=${2:?which clean picture?}

for method in matlab optimal; do
    denoise "$noisy" --lambda 0.14 --method "$method" --reference "$clean" --log "$method.csv" -o "by_$method.png" --overwrite
done
denoise plot matlab.csv optimal.csv -o convergence.svg --overwrite
denoise plot optimal.csv --terminal
