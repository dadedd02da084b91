"""Tables of the compiled row transforms (_transform.h): what depends on the length of a row alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from denoise_cli.variational.strips import Array

__all__ = ["Tables", "is_smooth", "next_smooth", "tables"]

Tables = tuple[Array, Array, Array | None, Array | None]

# Prime factors that are transformed as they are; lengths with larger ones become convolutions. At most LARGEST_RADIX of _kernels.c.
LARGEST_PRIME = 61
# Up to these, that costs about as much as a power of two.
SMOOTH = 7


def tables(length: int, cosine: bool, dtype: npt.DTypeLike) -> Tables:
    """The four tables of a Hartley or cosine transform of `length` points, complex numbers as pairs:

    * factors of the FFT's length, int32, in the order of its passes;
    * for every pass of radix r with m = what is left / r: the r-th roots (cos, sin 2πj/r) if r is odd, then e^(−2πi·jk/rm), j < m,
      k = 1 … r − 1;
    * of a cosine transform, e^(iπk/2n) for k ≤ n/2;
    * where n itself has too large a factor, e^(−iπk²/n), k < n, and the FFT of their inverses, wrapped around `padded` ≥ 2n − 1 points
      (Bluestein 1970, IEEE Trans. Audio Electroacoust. 18, 451–455).
    """
    factors = _factors(length)
    padded, chirp = length, None
    if max(factors, default=1) > LARGEST_PRIME:
        padded = next_smooth(2 * length - 1)
        factors = _factors(padded)
        turns = np.arange(length) ** 2 % (2 * length) / (2 * length)
        wave = np.exp(2j * np.pi * turns)
        wrapped = np.zeros(padded, complex)
        wrapped[:length] = wave
        wrapped[padded - length + 1 :] = wave[:0:-1]
        chirp = _pairs(np.concatenate([wave.conj(), np.fft.fft(wrapped) / padded]), dtype)
    twiddles = []
    left = padded
    for radix in factors:
        left //= radix
        if radix % 2:
            twiddles.append(np.exp(2j * np.pi * np.arange(radix) / radix))
        turns = np.outer(np.arange(left), np.arange(1, radix)).ravel() % (left * radix) / (left * radix)
        twiddles.append(np.exp(-2j * np.pi * turns))
    turn = _pairs(np.exp(0.5j * np.pi * np.arange(length // 2 + 1) / length), dtype) if cosine else None
    return np.array(factors, np.int32), _pairs(np.concatenate([*twiddles, []]), dtype), turn, chirp


def _factors(length: int) -> list[int]:
    """Fours first, one two at most, then odd primes."""
    factors = []
    for radix in (4, 2):
        while length % radix == 0:
            factors.append(radix)
            length //= radix
    radix = 3
    while length > 1:
        if radix * radix > length:
            radix = length
        if length % radix == 0:
            factors.append(radix)
            length //= radix
        else:
            radix += 2
    return factors


def is_smooth(length: int) -> bool:
    """Whether `length` has no prime factor beyond 7."""
    return max(_factors(length), default=1) <= SMOOTH


def next_smooth(least: int) -> int:
    """The smallest length from `least` on that is smooth."""
    length = least
    while not is_smooth(length):
        length += 1
    return length


def _pairs(numbers: Array, dtype: npt.DTypeLike) -> Array:
    return np.ascontiguousarray(numbers, complex).view(float).astype(dtype)
