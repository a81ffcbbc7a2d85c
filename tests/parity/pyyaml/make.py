"""Writes expected.json: what PyYAML reads in cases.yaml.txt, every scalar as text.

Run: .venv-peers/bin/python tests/parity/pyyaml/make.py
"""
import json
from pathlib import Path

import yaml

here = Path(__file__).parent
value = yaml.load((here / "cases.yaml.txt").read_text(), Loader=yaml.BaseLoader)
(here / "expected.json").write_text(json.dumps({"pyyaml": yaml.__version__, "value": value}, indent=1) + "\n")
