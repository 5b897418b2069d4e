"""Fits the coefficients of rows_amd64.h and rows_generic.go.

usage: python fit.py   (needs numpy and scipy)

Minimax fits by Lawson's reweighted least squares. Coefficients are rounded to
float32 one after the other, from the lowest degree up, and the rest is fitted again.
"""
import numpy as np
from scipy.special import log_ndtr


def round32(v):
    return float(np.float32(v))


def chebyshev(a, b, n):
    return (a + b) / 2 - (b - a) / 2 * np.cos(np.pi * (np.arange(n) + 0.5) / n)


def lawson(columns, y, weight, rounds=300):
    """The coefficients c that make the largest weight·|columns·c - y| smallest, and that largest."""
    u = np.ones(len(y)) / len(y)
    best = (np.inf, None)
    for _ in range(rounds):
        w = weight * np.sqrt(u)
        c = np.linalg.lstsq(columns * w[:, None], y * w, rcond=None)[0]
        e = np.abs(weight * (columns @ c - y))
        if e.max() < best[0]:
            best = (e.max(), c)
        u = u * (e / e.max() + 1e-3)
        u /= u.sum()
    return best


def polynomial(x, y, weight, degrees, fixed):
    """float32 coefficients of the given degrees beside the fixed ones, and the largest weighted error."""
    fixed = dict(fixed)
    scale = x.max()
    for _ in degrees:
        left = [k for k in degrees if k not in fixed]
        columns = np.stack([(x / scale) ** k for k in left], 1)
        rest = y - sum(c * x**k for k, c in fixed.items())
        _, c = lawson(columns, rest, weight)
        fixed[left[0]] = round32(c[0] / scale ** left[0])
    return fixed, np.abs(weight * (sum(c * x**k for k, c in fixed.items()) - y)).max()


def rational(s, y, m, n, p, q, rounds=400):
    """P (degree m) and Q (degree n) with the least relative error of P/Q to y; p and q hold fixed coefficients."""
    left_p = [k for k in range(m + 1) if k not in p]
    left_q = [k for k in range(n + 1) if k not in q]
    u, values, scale, best = np.ones(len(s)) / len(s), np.ones(len(s)), s.max(), (np.inf,)
    for _ in range(rounds):
        w = np.sqrt(u) / (y * values)
        columns = [(s / scale) ** k for k in left_p] + [-y * (s / scale) ** k for k in left_q]
        rest = y * sum(c * s**k for k, c in q.items()) - sum(c * s**k for k, c in p.items())
        c = np.linalg.lstsq(np.stack(columns, 1) * w[:, None], rest * w, rcond=None)[0] if columns else []
        P = {**p, **{k: v / scale**k for k, v in zip(left_p, c)}}
        Q = {**q, **{k: v / scale**k for k, v in zip(left_q, c[len(left_p) :])}}
        values = sum(v * s**k for k, v in Q.items())
        e = np.abs(sum(v * s**k for k, v in P.items()) / values / y - 1)
        if e.max() < best[0] and (values > 0).all():
            best = (e.max(), P, Q)
        if not columns:
            break
        u = u * (e / e.max() + 1e-3)
        u /= u.sum()
    return best


def show(name, error, coefficients):
    print(f"{name}: error {error:.2g}")
    for k, v in sorted(coefficients.items()):
        print(f"  {k} 0x{np.float32(v).view(np.uint32):08x} {v:.9g}")


x = chebyshev(-0.3475, 0.3475, 1500)
c, e = polynomial(x, np.exp(x), np.exp(-x), [2, 3, 4, 5, 6], {0: 1.0, 1: 1.0})
show("exp: e^r", e, c)

x = chebyshev(-0.501, 0.501, 1500)
c, e = polynomial(x, 2**x, 2**-x, [1, 2, 3, 4, 5, 6], {0: 1.0})
show("pow: 2^f", e, c)

x = chebyshev(1e-3, 14, 6000)
y = log_ndtr(-x) / np.log(2)
c, e = polynomial(x, y, np.maximum(x * np.exp2(y) * np.log(2), 1e-12), list(range(1, 9)), {0: -1.0})
show("phi: log2 of the normal distribution at -a, weight of its part in GELU", e, c)

s = chebyshev(1e-6, 9.02**2, 4000)
y = np.tanh(np.sqrt(s)) / np.sqrt(s)
p, q = {0: 1.0}, {0: 1.0}
for k in range(1, 5):
    p[k] = round32(rational(s, y, 4, 4, p, q)[1][k])
    q[k] = round32(rational(s, y, 4, 4, p, q)[2][k])
e, p, q = rational(s, y, 4, 4, p, q)
show("tanhP", e, p)
show("tanhQ", e, q)
