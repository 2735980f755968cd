"""Writes the part of the service's description that the generator understands: schema.py OPENAPI OUT.

Left out are OpenAI's routes (their own client speaks them), operations over files, forms and streams (attune_client/client.py
speaks them), and the answers that are problems (the client raises them before generated code sees them).
"""

import json
import sys

JSON = "application/json"


def reduced(operation):
    """The operation with its successes in JSON alone, or None where it has another form."""
    answers = {status: answer for status, answer in operation["responses"].items() if status in ("200", "201", "202", "204")}
    bodies = [body for body in [operation.get("requestBody", {}), *answers.values()] if body.get("content")]
    if "openai" in operation["tags"] or not all(JSON in body["content"] for body in bodies):
        return None
    for body in bodies:
        body["content"] = {JSON: body["content"][JSON]}
    for answer in answers.values():
        answer.setdefault("description", "Done.")
    return dict(operation, responses=answers)


def merged(*schemas):
    """One object with the properties of all."""
    properties, required = {}, []
    for schema in schemas:
        properties |= schema.get("properties", {})
        required += schema.get("required", [])
    return {"type": "object", "properties": properties, "required": required}


def split_train_job(schemas):
    """A job to train is a choice of two objects within an object, which the generator cannot read: it gets two objects."""
    _, common = schemas["TrainJob"]["allOf"]
    for kind in schemas.pop("JobKind")["oneOf"]:
        reference, own = kind["allOf"]
        parameters = schemas.pop(reference["$ref"].rpartition("/")[2])
        name = "Train" + own["properties"]["kind"]["enum"][0].capitalize()
        schemas[name] = merged(parameters, own, common)
    choices = [{"$ref": f"#/components/schemas/{name}"} for name in ("TrainAdapter", "TrainGenerator")]
    schemas["TrainJob"] = {"oneOf": choices, "description": schemas["TrainJob"]["description"]}


def references(node):
    """The names of the schemas that a part of the description refers to."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from references(part)


def main(source, out):
    with open(source, encoding="utf-8") as file:
        api = json.load(file)
    schemas = api["components"]["schemas"]
    split_train_job(schemas)
    for name in schemas:
        if name.startswith("List_"):  # its rows are written out there once more
            schemas[name]["properties"]["data"]["items"] = {"$ref": f"#/components/schemas/{name[len('List_'):]}"}
    paths = {path: {method: reduced(operation) for method, operation in item.items()} for path, item in api["paths"].items()}
    api["paths"] = {path: kept for path, item in paths.items() if (kept := {m: o for m, o in item.items() if o})}
    # What operations by hand speak of is wanted too.
    wanted, found = set(), {"Problem", "TokenEvent", *references(api["paths"])}
    while found:
        wanted |= found
        found = {name for known in found for name in references(schemas[known])} - wanted
    api["components"]["schemas"] = {name: schema for name, schema in schemas.items() if name in wanted}
    with open(out, "w", encoding="utf-8") as file:
        json.dump(api, file)


main(*sys.argv[1:])
