"""What scipy, statsmodels and lm-evaluation-harness compute of scores and pairs of them, on made-up hits and shares. Run in an
environment of its own: pip install scipy==1.17.1 statsmodels==0.15.0 sacrebleu, then pip install --no-deps lm-eval==0.4.13,
then python tests/parity/stats/make_paired.py. Our tests read the stored output, paired.json."""
import json
import math
from importlib.metadata import version
from pathlib import Path

import numpy as np
import scipy
import statsmodels.api as sm
from lm_eval.api.metrics import mean_stderr, pooled_sample_stderr
from scipy import special, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

rng = np.random.default_rng(11)
plain = lambda xs: [float(x) for x in xs]


def distributions():
    zs = [-38, -20, -8, -3.0001, -3, -1.5, -1e-3, 0, 0.3, 2, 3, 5, 8]
    ps = [1e-300, 1e-20, 1e-6, 0.001, 0.025, 0.2, 0.4999, 0.5, 0.51, 0.8, 0.975, 0.995, 1 - 1e-9]
    dfs = [0.7, 1, 2, 3, 5.5, 12, 56, 299, 14041]
    ts = [0, 1e-3, 0.4, 1, 1.96, 3, 8, 40]
    binomials = [(0, 1), (0, 6), (3, 7), (3, 6), (7, 7), (40, 100), (12, 100), (2400, 5000), (2000, 5000)]
    betas = [(0.5, 0.5, 0.2), (2, 3, 0.6), (7020.5, 0.5, 0.999), (100, 300, 0.25), (2501, 2500, 0.5), (1e-2, 4, 0.9)]
    return {
        "log_gamma": [[x, special.gammaln(x)] for x in [0.01, 0.5, 1.5, 3, 10.25, 200, 14000.5]],
        "beta": [[*c, special.betainc(*c)] for c in betas],
        "normal_cdf": [[z, stats.norm.cdf(z)] for z in zs],
        "normal_quantile": [[p, stats.norm.ppf(p)] for p in ps],
        "student_two_sided": [[t, df, 2 * stats.t.sf(t, df)] for df in dfs for t in ts],
        "student_quantile": [[p, df, stats.t.ppf(p, df)] for df in dfs for p in ps[2:]],
        "binomial_cdf": [[k, n, p, stats.binom.cdf(k, n, p)] for k, n in binomials for p in (0.5, 0.3)],
    }


def wilson():
    cases = [(0, 1), (1, 1), (0, 60), (60, 60), (1, 60), (33, 60), (604, 1172), (5000, 10042)]
    return [[k, n, *proportion_confint(k, n, 0.05, "wilson")] for k, n in cases]


def clustered(n, groups, spread, share):
    """Values of n items in groups that err alike; hits where share, else fractions."""
    group = rng.integers(0, groups, n)
    value = 0.5 + spread * rng.normal(0, 1, groups)[group] + 0.2 * rng.normal(0, 1, n)
    value = (value > 0.5).astype(float) if share else value
    ols = sm.OLS(value, np.ones(n))
    robust = ols.fit(cov_type="cluster", cov_kwds={"groups": group}, use_t=True)
    return {
        "values": plain(value),
        "clusters": group.tolist(),
        "mean": float(value.mean()),
        "stderr": float(stats.sem(value)),
        "harness_stderr": mean_stderr(plain(value)),
        "interval": plain(stats.t.interval(0.95, n - 1, value.mean(), stats.sem(value))),
        "clustered_stderr": float(robust.bse[0]),
        "clustered_interval": plain(robust.conf_int()[0]),
        "clustered_p": float(robust.pvalues[0]),
        "p": float(stats.ttest_1samp(value, 0).pvalue),
    }


def pooled(sizes):
    columns = [plain(rng.random(n) < p) for n, p in zip(sizes, rng.random(len(sizes)))]
    stderrs = [mean_stderr(c) for c in columns]
    return {"columns": columns, "stderrs": stderrs, "sizes": sizes, "pooled": float(pooled_sample_stderr(stderrs, sizes))}


def discordant(b, c):
    result = mcnemar([[0, b], [c, 0]], exact=True)
    mid = min(1.0, 2 * stats.binom.cdf(min(b, c), b + c, 0.5) - stats.binom.pmf(min(b, c), b + c, 0.5))
    return [b, c, float(result.pvalue), float(mid)]


def welch(ses, dfs):
    """Degrees of freedom of the mean of two means, from scipy's unequal-variance t test of columns with those errors."""
    a, b = (rng.normal(0, 1, df + 1) for df in dfs)
    a, b = (se * math.sqrt(len(x)) * (x - x.mean()) / x.std(ddof=1) for se, x in zip(ses, (a, b)))
    return [ses, dfs, float(stats.ttest_ind(a, b, equal_var=False).df)]


families = [[0.01, 0.04, 0.03, 0.005], [0.5], [0.2, 0.2, 0.9, 0.01, 0.01], plain(rng.random(30) ** 3)]
out = {
    "versions": {"scipy": scipy.__version__, "statsmodels": version("statsmodels"), "lm-eval": version("lm-eval")},
    "distributions": distributions(),
    "wilson": wilson(),
    "clustered": [clustered(*c) for c in [(60, 6, 0.3, True), (200, 57, 0.05, False), (40, 2, 0.1, False), (12, 40, 0.1, True)]],
    "pooled": [pooled(s) for s in ([12, 30, 7], [60] * 6, [2, 2])],
    "mcnemar": [discordant(*c) for c in [(1, 0), (6, 0), (3, 9), (9, 3), (5, 5), (20, 41), (480, 520), (1000, 1400)]],
    "holm": [[f, plain(multipletests(f, method="holm")[1])] for f in families],
    "welch": [welch([0.01, 0.03], [299, 9]), welch([0.02, 0.02], [5, 50])],
}
Path(__file__).with_name("paired.json").write_text(json.dumps(out) + "\n")
