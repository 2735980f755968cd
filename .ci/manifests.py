"""Holds rendered manifests against Kubernetes' schemas and against each other.

    manifests.py RENDERED.yaml...

Every object by the strict schema of its kind, of the oldest and the newest release that is supported; the Prometheus operator's by its
models, unknown fields among them. Then what no schema sees: names that lead nowhere, selectors that find no pod or another's,
probes of ports that are not there, pods that are weaker than the *restricted* standard, and a grace period that is shorter than what
the server may need to drain.
"""

import sys

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator

RELEASES = ["1.30", "1.37"]
# Of attune, for a training job's checkpoint.
CHECKPOINT_SECONDS = 30
MADE_ELSEWHERE = {"attune-state"}


def main():
    faults = [f"{path}: {fault}" for path in sys.argv[1:] for fault in check(path)]
    print("\n".join(faults) or f"{len(sys.argv) - 1} renderings are valid for Kubernetes {' and '.join(RELEASES)}")
    sys.exit(1 if faults else 0)


def check(path):
    with open(path) as file:
        objects = [thing for thing in yaml.safe_load_all(file) if thing]
    for thing in objects:
        for fault in by_schema(thing):
            yield f"{thing['kind']} {thing['metadata']['name']}: {fault}"
    yield from together(objects)


def by_schema(thing):
    if thing["apiVersion"].startswith("monitoring.coreos.com/"):
        model = getattr(operator, thing["kind"]).model_validate(thing)
        yield from unknown(thing, model.model_dump(mode="json", by_alias=True, exclude_unset=True), thing["kind"])
        return
    for release in RELEASES:
        try:
            kubernetes_validate.validate(thing, release, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{release}: {'.'.join(map(str, error.path))}: {error.message}"


def unknown(given, known, path):
    """Fields that the model did not take over: it knows none of that name."""
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            if key in known:
                yield from unknown(value, known[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is not known"
    elif isinstance(given, list) and isinstance(known, list):
        for index, (one, other) in enumerate(zip(given, known)):
            yield from unknown(one, other, f"{path}[{index}]")


def together(objects):
    named = {(thing["kind"], thing["metadata"]["name"]): thing for thing in objects}
    pods = {name: thing["spec"]["template"] for (kind, name), thing in named.items() if kind in ("Deployment", "Job")}
    if len(named) != len(objects):
        yield "an object stands there twice"
    for name, pod in pods.items():
        for fault in of_pod(pod, named):
            yield f"{name}: {fault}"
    for (kind, name), thing in named.items():
        spec = thing.get("spec", {})
        selector = spec.get("selector") if kind == "Service" else (spec.get("selector") or spec.get("podSelector") or {}).get("matchLabels")
        if kind in ("Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment") and selector:
            found = {other for other, pod in pods.items() if selector.items() <= pod["metadata"]["labels"].items()}
            if not found or (kind == "Deployment" and found != {name}):
                yield f"{kind} {name} selects {sorted(found) or 'no pod'}"
            ports = {port["name"] for other in found for c in pods[other]["spec"]["containers"] for port in c.get("ports", [])}
            for port in spec.get("ports", []) if kind == "Service" else []:
                if port["targetPort"] not in ports:
                    yield f"Service {name} leads to the port {port['targetPort']}, which no pod has"
        if kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            scaled = named.get((target["kind"], target["name"]))
            if scaled is None or "replicas" in scaled["spec"]:
                yield f"{kind} {name} scales nothing, or an object that sets its replicas itself"
    monitors = [thing for thing in objects if thing["kind"] == "ServiceMonitor"]
    for monitor in monitors:
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        seen = [thing for (kind, _), thing in named.items() if kind == "Service" and wanted <= thing["metadata"].get("labels", {}).items()]
        if len(seen) != 1:
            yield f"ServiceMonitor {monitor['metadata']['name']} sees {len(seen)} services"


def of_pod(pod, named):
    spec = pod["spec"]
    settings, drain = {}, 0
    for container in spec["containers"]:
        for source in container.get("envFrom", []):
            (kind, reference), = source.items()
            kind = {"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind]
            if (kind, reference["name"]) not in named and reference["name"] not in MADE_ELSEWHERE:
                yield f"{kind} {reference['name']} is nowhere"
            settings |= named.get((kind, reference["name"]), {}).get("data", {})
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container and container[probe]["httpGet"]["port"] not in ports:
                yield f"{probe} asks a port that is not there"
        secure = container.get("securityContext", {})
        if secure.get("allowPrivilegeEscalation") is not False or not secure.get("readOnlyRootFilesystem") or secure.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{container['name']} may do more than it needs"
        if "memory" not in container.get("resources", {}).get("limits", {}):
            yield f"{container['name']} has no limit of memory"
        if container["image"].endswith(":latest") or ":" not in container["image"].rpartition("/")[2]:
            yield f"{container['image']} has no version"
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"{mount['name']} is not a volume"
        if container.get("args") == ["serve"]:
            wait = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            drain = wait + int(settings.get("ATTUNE_DRAIN_TIMEOUT", 30)) + CHECKPOINT_SECONDS
            if int(settings.get("ATTUNE_REQUEST_TIMEOUT", 600)) > int(settings.get("ATTUNE_DRAIN_TIMEOUT", 30)):
                yield "a request may take longer than the drain"
    for volume in spec.get("volumes", []):
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim and ("PersistentVolumeClaim", claim) not in named:
            yield f"the claim {claim} is nowhere"
    if drain >= spec.get("terminationGracePeriodSeconds", 30):
        yield f"it may need {drain} s to stop and gets {spec.get('terminationGracePeriodSeconds', 30)}"
    secure = spec.get("securityContext", {})
    if not secure.get("runAsNonRoot") or secure.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "the pod is not restricted"


if __name__ == "__main__":
    main()
