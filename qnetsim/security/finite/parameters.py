"""Free parameters of a bound: any choice is valid, a good one costs less."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qnetsim.security.information import FloatArray

_RESTARTS = 6


def best_parameters(loss: Callable[[FloatArray], float], start: Sequence[float]) -> FloatArray:
    """Returns parameters that make a loss small, by Nelder and Mead's simplex.

    It is restarted while that helps.

    Args:
        loss: of the parameters, finite everywhere.
        start: where to begin; parameters are scaled so that steps of .1 to 1 make sense.
    """
    from scipy.optimize import minimize

    best, value = np.asarray(start, dtype=np.float64), loss(np.asarray(start))
    options = {"xatol": 1e-5, "fatol": 1e-2, "maxiter": 100 * len(best)}
    for _ in range(_RESTARTS):
        before = value
        found = minimize(loss, best, method="Nelder-Mead", options=options)
        best, value = found.x, float(found.fun)
        if before - value < max(0.1, 1e-6 * abs(value)):
            break
    return best
