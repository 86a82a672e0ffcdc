"""Judge tables of dangers and calm messages: `python -m deploy.danger.judge TABLE.toml ...`.

--at-least X   another threshold than the model's
--show         also each missed danger and each false alarm
"""

import argparse
import tomllib
from pathlib import Path

from cli.support.configuration import EXAMPLE
from deploy.danger.judgement import judge_rows, report
from router.danger.model import CALM, load_model
from router.rules.engine import compile_rules
from services.config import loader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--config", type=Path, default=EXAMPLE)
    parser.add_argument("--at-least", type=float, default=None)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    config, model = loader.load(options.config).config, load_model()
    number = config.numbers[0]
    rules = compile_rules(config, number.tenant)
    at_least = options.at_least or model.at_least
    for path in options.tables:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["messages"]
        judged = judge_rows(rows, rules, model, number.id)
        print(f"{path.name}: {len(rows)} messages, model {model.version}, from {at_least}")
        print(*(f"  {line}" for line in report(judged, at_least)), sep="\n")
        for each in judged if options.show else ():
            told = each.by_rules or each.score >= at_least
            if told == (each.kind == CALM):
                by = "rules" if each.by_rules else f"{each.score:.2f}"
                print(f"    {each.kind} {each.language} {by}: {each.text}")


if __name__ == "__main__":
    main()
