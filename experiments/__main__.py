"""The command: `python -m experiments NAME ...`, `--all`, `--list`, `--pages`."""

from __future__ import annotations

import argparse
import json
import sys

from experiments import pages, results


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments", description="Measure what the rules' mistakes cost.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="experiments to run")
    parser.add_argument("--all", action="store_true", help="run all of them")
    parser.add_argument("--tiny", action="store_true", help="only see whether they run: a few steps, nothing is written")
    parser.add_argument("--list", action="store_true", help="list the experiments and their plans")
    parser.add_argument("--pages", action="store_true", help="write pictures and pages from the results")
    options = parser.parse_args()
    if not (options.names or options.all or options.list or options.pages):
        parser.error("name an experiment, or see --list")
    if options.names or options.all or options.list:
        try:
            status = run(options)
        except ModuleNotFoundError as error:
            print(f"{error}: `pip install -e '.[experiments]'` brings what is needed", file=sys.stderr)
            return 2
        if status:
            return status
    if options.pages or (options.names and not options.tiny):
        pages.write()
    return 0


def run(options: argparse.Namespace) -> int:
    """Run or list; 2 where a name is unknown."""
    from experiments import measuring, plan, plans

    known = plans.experiments()
    unknown = [name for name in options.names if name not in known]
    if unknown:
        print(f"unknown experiment {unknown[0]!r}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in known if options.all or options.list else options.names:
        experiment = known[name]
        if options.list:
            print(plans.described(experiment))
            continue
        result = measuring.run(plan.tiny(experiment) if options.tiny else experiment)
        if options.tiny:
            print(json.dumps(result)[:300])
        else:
            results.save(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
