#!/usr/bin/env bash
# One picture at many λ, then the same for its whole folder:  ./choose_by_eye.sh scans/one.png 0.08
#
# Without a number: writes one_path.html, to choose in the browser. With a number: freezes that λ, and denoises the folder.
set -euo pipefail
picture=${1:?which picture?} chosen=${2:-}
name=$(basename "${picture%.*}")

if [ -z "$chosen" ]; then
    denoise path "$picture" --html "${name}_path.html" -o "${name}_path.png" --overwrite
    echo "Open ${name}_path.html, choose, and run: $0 $picture λ"
    exit
fi
denoise path "$picture" --lambdas "$chosen" --pick "$chosen" --save-config tuned.toml -o "${name}_path.png" --overwrite
denoise "$(dirname "$picture")" -o tuned/ --config tuned.toml --report tuned.html
