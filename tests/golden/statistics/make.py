"""Writes statistics.json beside it: reference numbers for src/run/statistics, by other ways than Hone's and with 40 digits.

python make.py   (needs mpmath)
"""

import itertools
import json
import random
from fractions import Fraction
from math import comb
from pathlib import Path

from mpmath import diff, findroot, log, matrix, mp, mpf, sqrt

mp.dps = 40
Z = mpf("1.959963984540054")
random.seed(20)


def wilson(right, total):
    """The two shares whose score statistic is z², found as roots; not the closed form."""
    p = mpf(right) / total
    f = lambda share: (p - share) ** 2 - Z**2 * share * (1 - share) / total
    ends = []
    # 0 and 1 are roots of their own where no or every answer is right: the other root is searched beside them.
    edge = mpf(10) ** -9
    for low, high in ((mpf(0), p), (p + (edge if right == 0 else 0), mpf(1))) if right < total else ((mpf(0), p - edge), (p, mpf(1))):
        if right == 0 and high == p:
            ends.append(mpf(0))
        elif right == total and low == p:
            ends.append(mpf(1))
        else:
            ends.append(findroot(f, (low, high), solver="anderson", tol=mpf(10) ** -35))
    return [float(end) for end in ends]


def mcnemar(b, c):
    n, least = b + c, min(b, c)
    chance = lambda k: Fraction(comb(n, k), 2**n)
    p = min(Fraction(1), 2 * sum(chance(k) for k in range(least + 1)))
    # Twice the one-sided mid-p, P(X < least) + P(X = least) / 2.
    mid = min(Fraction(1), 2 * (sum(chance(k) for k in range(least)) + chance(least) / 2))
    return [float(p), float(mid)]


def sign_flip(differences):
    observed = abs(sum(differences))
    flips = list(itertools.product((1, -1), repeat=len(differences)))
    hits = sum(abs(sum(s * d for s, d in zip(flip, differences))) >= observed for flip in flips)
    return float(Fraction(hits, len(flips)))


def newcombe(e, f, g, h):
    """Newcombe 1998, method 10, as in his table of formulas: second share less the first one's."""
    n = e + f + g + h
    p1, p2 = mpf(e + f) / n, mpf(e + g) / n
    (l1, u1), (l2, u2) = wilson(e + f, n), wilson(e + g, n)
    a = (e + f) * (g + h) * (e + g) * (f + h)
    top = e * h - f * g
    top = max(mpf(top) - mpf(n) / 2, 0) if top > 0 else mpf(top)
    phi = top / sqrt(a) if a else mpf(0)
    # For p1 − p2 = (f − g)/n; the other direction is its mirror.
    delta = sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
    epsilon = sqrt((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2)
    theta = p1 - p2
    return [float(-(theta + epsilon)), float(-(theta - delta))]


def bradley_terry(wins, anchor):
    """Newton's method on the log-likelihood by logarithms of strengths; without an anchor the first is fixed at 0."""
    n = len(wins)
    free = list(range(n)) if anchor else list(range(1, n))

    def logs(x):
        all_logs = [mpf(0)] * n
        for place, player in enumerate(free):
            all_logs[player] = x[place]
        return all_logs

    def gradient(*x):
        s = logs(x)
        out = []
        for i in free:
            g = sum(
                (mpf(wins[i][j]) - (mpf(wins[i][j]) + wins[j][i]) / (1 + mp.e ** (s[j] - s[i]))) for j in range(n) if j != i
            )
            g += mpf(anchor) / 2 - mpf(anchor) / (1 + mp.e ** (-s[i]))
            out.append(g)
        return out

    start = [mpf(0)] * len(free)
    x = findroot(gradient, start, tol=mpf(10) ** -30, maxsteps=200) if len(free) > 1 else [findroot(lambda v: gradient(v)[0], 0.1)]
    x = [v for v in x]
    # The information by numerical derivatives of the gradient.
    info = matrix(len(free), len(free))
    for a in range(len(free)):
        for b in range(len(free)):
            orders = tuple(1 if k == b else 0 for k in range(len(free)))
            info[a, b] = -diff(lambda *v: gradient(*v)[a], tuple(x), orders)
    cov_free = info**-1
    cov = matrix(n, n)
    for a, i in enumerate(free):
        for b, j in enumerate(free):
            cov[i, j] = cov_free[a, b]
    centre = matrix(n, n)
    for i in range(n):
        for j in range(n):
            centre[i, j] = (1 if i == j else 0) - mpf(1) / n
    centred = centre * cov * centre.T
    s = logs(x)
    mean = sum(s) / n
    return {"log": [float(v - mean) for v in s], "error": [float(sqrt(centred[i, i])) for i in range(n)]}


def kappa(table):
    """κ with its variance by the delta method: numerical derivatives of κ by the cells, multinomial covariance."""
    n = sum(map(sum, table))
    size = len(table)
    cells = [mpf(v) / n for row in table for v in row]

    def of(*p):
        total = sum(p)
        p = [v / total for v in p]
        rows = [sum(p[i * size : (i + 1) * size]) for i in range(size)]
        columns = [sum(p[j::size]) for j in range(size)]
        po = sum(p[i * size + i] for i in range(size))
        pe = sum(a * b for a, b in zip(rows, columns))
        return (po - pe) / (1 - pe)

    slopes = [diff(of, tuple(cells), tuple(1 if k == c else 0 for k in range(len(cells)))) for c in range(len(cells))]
    mean = sum(p * d for p, d in zip(cells, slopes))
    variance = (sum(p * d * d for p, d in zip(cells, slopes)) - mean**2) / n
    return [float(of(*cells)), float(sqrt(variance))]


counts = [(0, 20), (1, 29), (15, 148), (81, 263), (5, 5), (1, 1), (0, 1), (500, 1000), (999, 1000), (19999, 20000)]
splits = [(0, 0), (1, 0), (0, 5), (3, 3), (4, 9), (12, 2), (1, 11), (45, 30), (200, 260), (900, 1100)]
flips = [[1, -1, 1], [3, 2, -1, 0, 5], [-2, -2, -2, 1], [0, 0], [5, 5, 5, 5, 5, -1, 2], [1] * 10 + [-1] * 3]
pairs = [(36, 12, 2, 0), (53, 2, 0, 1), (0, 5, 9, 20), (30, 0, 0, 0), (0, 30, 0, 0), (212, 27, 14, 47), (1, 1, 1, 1)]
citations = [[714, 730, 498, 221], [33, 425, 68, 17], [320, 813, 1072, 142], [284, 276, 325, 188]]
circle = [[0, 3, 1], [1, 0, 3], [3, 1, 0]]
swept = [[0, 8, 9.5], [0, 0, 4.5], [0.5, 3.5, 0]]
tables = [[[75, 1, 4], [5, 4, 1], [0, 0, 10]], [[20, 5], [10, 15]], [[0, 10], [10, 0]], [[7, 1, 0], [2, 9, 3], [1, 0, 6]]]

golden = {
    "wilson": [{"right": r, "total": n, "interval": wilson(r, n)} for r, n in counts],
    "mcNemar": [{"counts": s, "p": mcnemar(*s)[0], "midP": mcnemar(*s)[1]} for s in splits],
    "signFlip": [{"differences": d, "p": sign_flip(d)} for d in flips],
    "pairedDifference": [{"counts": p, "interval": newcombe(*p)} for p in pairs],
    "bradleyTerry": [
        {"wins": w, "anchor": a, **bradley_terry(w, a)}
        for w, a in [(citations, 0), (citations, 1), (circle, 0), (circle, 2), (swept, 1), (swept, 0.5), ([[0, 9], [4, 0]], 0)]
    ],
    "kappa": [{"table": t, "kappa": kappa(t)[0], "error": kappa(t)[1]} for t in tables],
}
Path(__file__).with_name("statistics.json").write_text(json.dumps(golden, indent=1) + "\n")
