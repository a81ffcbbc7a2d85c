"""What Google's rouge-score gives for pairs of small texts. Run in .venv-peers: python tests/parity/rouge/make.py.
Our tests read the stored output, reference.json. The texts are our own."""
import json
from importlib.metadata import version
from pathlib import Path

from rouge_score import rouge_scorer
from rouge_score.tokenizers import DefaultTokenizer

texts = [
    "The ferry leaves at nine, and the last one back is at six.",
    "At nine the ferry leaves; the last boat back is at six!",
    "the ferry leaves at nine and the last one back is at six",
    "Nobody told the cook that we'd be twelve.",
    "We'd be twelve, but nobody told the cook.",
    "Add 2 cups of flour, 1/2 tsp salt & mix_well.",
    "Mix 2 cups of flour with 1/2 tsp of salt.",
    "a a a b b a",
    "b a b a b a a",
    "one",
    "ONE two",
    "!!! ???",
    "",
    "The sea, the sea: the open sea, the blue, the fresh, the ever free.",
]
scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
tokenizer = DefaultTokenizer(use_stemmer=False)
out = {
    "versions": {"rouge-score": version("rouge-score")},
    "texts": texts,
    "words": [tokenizer.tokenize(t) for t in texts],
    "rougeL": [[scorer.score(a, b)["rougeL"].fmeasure for b in texts] for a in texts],
}
Path(__file__).with_name("reference.json").write_text(json.dumps(out) + "\n")
