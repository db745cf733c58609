"""A two-level emitter in an optical cavity: how much of its light leaves, and when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class CavityEmission(NamedTuple):
    """What becomes of an excitation in the emitter.

    Attributes:
        efficiency: the chance that it leaves through the cavity's mirrors.
        mean_time_s: when it leaves them, on average.
    """

    efficiency: float
    mean_time_s: float


def cavity_emission(
    coupling_rad_per_s: float, decay_rad_per_s: float, linewidth_rad_per_s: float
) -> CavityEmission:
    r"""Returns how an excited emitter decays into its cavity's mirrors.

    The amplitudes of the excited emitter and of the photon in the cavity obey

    .. math:: \dot e = -\tfrac{\Gamma}{2} e - i g c, \qquad
        \dot c = -\tfrac{\kappa}{2} c - i g e,

    whose integral gives the efficiency

    .. math:: \frac{\kappa}{\kappa+\Gamma} \frac{C}{1+C}, \qquad C = \frac{4 g^2}{\kappa\Gamma}.

    Args:
        coupling_rad_per_s: g, half the vacuum Rabi frequency.
        decay_rad_per_s: kappa, at which the cavity's energy decays.
        linewidth_rad_per_s: Gamma, at which the emitter decays into free space.

    References:
        C. K. Law and H. J. Kimble, J. Mod. Opt. 44, 2067 (1997).
    """
    g, kappa, gamma = coupling_rad_per_s, decay_rad_per_s, linewidth_rad_per_s
    # |e|^2, |c|^2 and 2 Im(e* c) close among themselves.
    rates = np.array([[-gamma, 0.0, g], [0.0, -kappa, -g], [-2 * g, 2 * g, -(kappa + gamma) / 2]])
    spent = -np.linalg.solve(rates, [1.0, 0.0, 0.0])
    later = -np.linalg.solve(rates, spent)
    return CavityEmission(float(kappa * spent[1]), float(later[1] / spent[1]))
