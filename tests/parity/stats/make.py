"""What scipy and scikit-learn compute on small columns with ties, of ratings and of bands. Run in .venv-peers:
python tests/parity/stats/make.py. Our tests read the stored output, reference.json."""
import json
import warnings
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.stats import pearsonr, rankdata, spearmanr
from sklearn.metrics import cohen_kappa_score

warnings.simplefilter("ignore")  # constant columns: NaN
rng = np.random.default_rng(5)


def number(x):
    return None if np.isnan(x) else float(x)


def columns(n, step, noise):
    """Two raters' whole ratings from 0 to 99, the second near the first; a large step makes ties."""
    a = rng.integers(0, 100, n) // step * step
    b = np.clip(a + rng.normal(0, noise, n), 0, 99).astype(int) // step * step
    return a.tolist(), b.tolist()


def case(a, b):
    labels = list(range(100))
    band = lambda xs: [0 if x < 40 else 1 if x < 70 else 2 for x in xs]
    return {
        "a": a,
        "b": b,
        "ranks": rankdata(a).tolist(),
        "pearson": number(pearsonr(a, b).statistic),
        "spearman": number(spearmanr(a, b).statistic),
        "kappa": number(cohen_kappa_score(a, b, labels=labels, weights="quadratic")),
        "band_kappa": number(cohen_kappa_score(band(a), band(b), labels=[0, 1, 2], weights="quadratic")),
    }


cases = [case(*columns(*c)) for c in [(40, 1, 8), (60, 10, 15), (25, 33, 40), (200, 1, 60), (5, 20, 5)]]
cases.append(case([3, 3, 3, 3], [1, 2, 3, 4]))
cases.append(case([0, 99, 0, 99], [99, 0, 99, 0]))
fractions = rng.normal(0, 1, 30), rng.normal(0, 1, 30)
out = {
    "versions": {"scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
    "cases": cases,
    "fractions": {
        "a": fractions[0].tolist(),
        "b": fractions[1].tolist(),
        "pearson": pearsonr(*fractions).statistic,
        "spearman": spearmanr(*fractions).statistic,
    },
}
Path(__file__).with_name("reference.json").write_text(json.dumps(out) + "\n")
