"""Random numbers as R makes them, so that published examples can be computed again to the digit."""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

_WORD = 0xFFFFFFFF
_TWO_TO_27 = 134_217_728


def rnorm(seed: int, count: int) -> npt.NDArray[np.float64]:
    """`set.seed(seed); rnorm(count)` of R 3 and later: Mersenne Twister, inversion."""
    for _ in range(50):
        seed = (69_069 * seed + 1) & _WORD
    words = []
    for _ in range(625):
        seed = (69_069 * seed + 1) & _WORD
        words.append(seed)
    twister = np.random.MT19937()
    twister.state = {
        "bit_generator": "MT19937",
        "state": {"key": np.array(words[1:], np.uint32), "pos": 624},
    }
    uniform = twister.random_raw(2 * count).astype(np.float64) * 2.3283064365386963e-10
    fine = (np.floor(_TWO_TO_27 * uniform[::2]) + uniform[1::2]) / _TWO_TO_27
    normal: npt.NDArray[np.float64] = ndtri(fine)
    return normal
