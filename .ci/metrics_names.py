"""Holds the metrics that the dashboard, the alerts and the autoscalers name against those that the server has.

    metrics_names.py TABLE FILE...

TABLE says which there are: the text that GET /metrics answers, or a source or document in which their names stand (a counter's or a
histogram's samples go by the name in it). A FILE is a Grafana dashboard (.json) or YAML with PrometheusRules, rules of
Prometheus or of its adapter, and autoscalers. Expressions are parsed where the package promql-parser is installed, so that one that
is no PromQL is found, too.
"""

import json
import re
import sys

import yaml

try:
    import promql_parser
except ImportError:
    promql_parser = None

NAME = re.compile(r"\b(?:attune|process)_[a-z0-9_]+\b")
# Prometheus' own.
OWN = {"up"}
# What Grafana and the adapter put in before Prometheus sees an expression.
FILLED_IN = [(re.compile(r"\$__rate_interval"), "5m"), (re.compile(r"\$instance"), ".*"), (re.compile(r"<<\.Series>>"), "attune_jobs"),
             (re.compile(r"<<\.LabelMatchers>>"), ""), (re.compile(r"<<\.GroupBy>>"), "pod")]  # fmt: skip


def main():
    table, *files = sys.argv[1:]
    with open(table) as file:
        there = {base(name) for name in NAME.findall(file.read())}
    faults, seen = [], set()
    for path in files:
        for what, expression in expressions(path):
            names = {base(name) for name in NAME.findall(expression)}
            seen |= names
            faults += [f"{path}: {what}: {name} is not in {table}" for name in sorted(names - there)]
            if promql_parser:
                faults += [f"{path}: {what}: {error}" for error in unparsed(expression)]
    if not seen:
        faults.append("no metric is named at all")
    print("\n".join(faults) or f"{len(seen)} metrics of {len(files)} files are all in {table} ({len(there)} there)")
    sys.exit(1 if faults else 0)


def base(name):
    return re.sub(r"_(?:bucket|sum|count)$", "", name)


def unparsed(expression):
    for pattern, value in FILLED_IN:
        expression = pattern.sub(value, expression)
    try:
        promql_parser.parse(expression)
    except Exception as error:  # noqa: BLE001 (the package raises what it likes)
        yield f"no PromQL: {error}: {expression}"


def expressions(path):
    """(where it stands, PromQL)"""
    with open(path) as file:
        documents = [json.load(file)] if path.endswith(".json") else list(yaml.safe_load_all(file))
    for document in documents:
        yield from walk(document, "")


def walk(value, where):
    if isinstance(value, list):
        for item in value:
            yield from walk(item, where)
    elif isinstance(value, dict):
        where = value.get("title") or value.get("alert") or value.get("metadata", {}).get("name") or where
        for key, item in value.items():
            if key in ("expr", "metricsQuery", "seriesQuery") and isinstance(item, str):
                yield where, item
            elif key == "definition":
                yield where, re.sub(r"label_values\((.*), \w+\)$", r"\1", item)
            elif key == "metric" and isinstance(item, dict):
                yield where, item["name"]
            else:
                yield from walk(item, where)


if __name__ == "__main__":
    main()
