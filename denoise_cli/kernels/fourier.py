"""The transforms of scipy.fft on planar pictures, over all axes but the channels, in place; and how not to wait for SciPy."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["cosine", "fourier", "inverse_cosine", "inverse_fourier"]

Array = npt.NDArray[Any]


def _axes(x: Array) -> tuple[int, ...]:
    """All but the channels."""
    return tuple(range(1, x.ndim))


def _load() -> ModuleType | None:
    """SciPy's compiled transforms, or None where this SciPy keeps them elsewhere.

    `import scipy.fft` takes longer than most pictures do (it pulls scipy.special in for the Hankel transform, 0.2 s); the extension
    module beneath it stands alone. That is SciPy's private matter, so whatever is not as expected falls back to the public functions,
    which give the same bits (tests/variational/test_pieces.py).
    """
    name = "scipy.fft._pocketfft.pypocketfft"
    if name in sys.modules:
        return sys.modules[name]
    try:
        found = importlib.util.find_spec("scipy")
        folder = Path(str(found and found.origin)).parent / "fft" / "_pocketfft"
        path = next(p for end in importlib.machinery.EXTENSION_SUFFIXES if (p := folder / f"pypocketfft{end}").exists())
        loader = importlib.machinery.ExtensionFileLoader("pypocketfft", str(path))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("pypocketfft", loader))  # type: ignore[arg-type]
        loader.exec_module(module)
        probe = np.arange(6.0).reshape(1, 2, 3)
        spectrum = module.r2c(probe, (1, 2), True, 0, None, 1)
        there = module.c2r(spectrum, (1, 2), 3, False, 2, np.empty_like(probe), 1)
        again = module.dct(module.dct(probe.copy(), 2, (1, 2), 0, None, 1), 3, (1, 2), 2, None, 1)
        return module if np.allclose(there, probe) and np.allclose(again, probe) else None
    except Exception:
        return None


_compiled = _load()

# Directions and normalisation as in scipy.fft with norm="backward": nothing forward (0), 1/n backward (2).


def fourier(x: Array, out: Array, workers: int) -> Array:
    """Real-input FFT of (channels, *spatial), in `out`: the last axis has width//2 + 1 complex numbers."""
    if _compiled is not None:
        result: Array = _compiled.r2c(x, _axes(x), True, 0, out, workers)
        return result
    from scipy import fft

    out[...] = fft.rfftn(x, axes=_axes(x), workers=workers)
    return out


def inverse_fourier(spectrum: Array, out: Array, workers: int) -> Array:
    """The real picture of a spectrum, in `out`."""
    if _compiled is not None:
        result: Array = _compiled.c2r(spectrum, _axes(spectrum), out.shape[-1], False, 2, out, workers)
        return result
    from scipy import fft

    out[...] = fft.irfftn(spectrum, s=out.shape[1:], axes=_axes(spectrum), workers=workers)
    return out


def cosine(x: Array, workers: int) -> Array:
    """DCT-II over all spatial axes, in place."""
    if _compiled is not None:
        result: Array = _compiled.dct(x, 2, _axes(x), 0, x, workers)
        return result
    from scipy import fft

    return np.asarray(fft.dctn(x, axes=_axes(x), workers=workers, overwrite_x=True))


def inverse_cosine(x: Array, workers: int) -> Array:
    """The inverse of `cosine`, in place."""
    if _compiled is not None:
        result: Array = _compiled.dct(x, 3, _axes(x), 2, x, workers)
        return result
    from scipy import fft

    return np.asarray(fft.idctn(x, axes=_axes(x), workers=workers, overwrite_x=True))
