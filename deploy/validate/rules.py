"""What has to hold of the rendered objects beyond their schemas. Each rule yields what is wrong."""

import re
import tomllib
from pathlib import Path

from kustomize import containers, templates

ROOT = Path(__file__).resolve().parents[2]
# From an endless drain to the kill: what a process needs to say goodbye.
MARGIN = 5
# KEDA's own schema is in no package: the fields used here, none beside them (KEDA 2.12).
SCALED_OBJECT = {
    "scaleTargetRef": {"apiVersion", "kind", "name"},
    "minReplicaCount": None, "maxReplicaCount": None, "pollingInterval": None, "cooldownPeriod": None,
    "fallback": {"failureThreshold", "replicas"},
    "advanced": {"horizontalPodAutoscalerConfig"},
    "triggers": {"type", "metricType", "metadata"},
}
# The answer of the endpoint.
SCALING = ROOT / "src/operate/queues/scaling.rs"
METRICS_API = {"url", "valueLocation", "targetValue"}


def problems(objects):
    for rule in (pods, references, selectors, secrets, scaling, rollouts):
        for item in rule(objects):
            yield f"{rule.__name__}: {item}"


def variables():
    """Every variable that the configuration reads."""
    text = "".join(path.read_text() for path in (ROOT / "src/config").rglob("*.rs"))
    return set(re.findall(r'"([A-Z][A-Z0-9_]+)"', text))


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def drain_deadline(objects):
    for item in objects:
        if item["kind"] == "ConfigMap" and "fanout.toml" in item["data"]:
            return seconds(tomllib.loads(item["data"]["fanout.toml"])["worker"]["drain_deadline"])
    raise SystemExit("no ConfigMap with a fanout.toml")


def pods(objects):
    read, drain = variables(), drain_deadline(objects)
    for item, pod in templates(objects):
        name = item["metadata"]["name"]
        context = pod.get("securityContext", {})
        hook = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        wanted = [
            (pod.get("enableServiceLinks") is False, "enableServiceLinks is not false"),
            (pod.get("automountServiceAccountToken") is False, "a token of the API server is mounted"),
            (pod.get("terminationGracePeriodSeconds", 30) >= hook + drain + MARGIN,
             f"the grace period is shorter than preStop ({hook} s), drain ({drain:g} s) and {MARGIN} s"),
            (context.get("runAsNonRoot") is True and context.get("runAsUser") == 65532, "not run as the user 65532"),
            (context.get("seccompProfile", {}).get("type") == "RuntimeDefault", "no seccomp profile"),
            (not any("hostPath" in volume for volume in pod.get("volumes", [])), "a path of the host is mounted"),
        ]
        yield from (f"{name}: {text}" for right, text in wanted if not right)
    for container in containers(objects):
        name = container["image"] + " " + " ".join(container.get("args", container.get("command", [])))
        context, resources = container.get("securityContext", {}), container.get("resources", {})
        probe = {kind: container.get(f"{kind}Probe", {}).get("httpGet", {}).get("path") for kind in ("startup", "liveness", "readiness")}
        wanted = [
            (context.get("readOnlyRootFilesystem") is True, "its root can be written"),
            (context.get("allowPrivilegeEscalation") is False, "it can gain rights"),
            (context.get("capabilities", {}).get("drop") == ["ALL"], "it keeps capabilities"),
            (probe == {"startup": "/live", "liveness": "/live", "readiness": "/ready"}, f"probes are {probe}"),
            ({"cpu", "memory"} <= set(resources.get("requests", {})), "no requests"),
            ("memory" in resources.get("limits", {}), "no limit of memory"),
            (not container["image"].endswith((":latest", ":")) and ":" in container["image"], "its image has no version"),
        ]
        yield from (f"{name}: {text}" for right, text in wanted if not right)
        for variable in container.get("env", []):
            plain = variable["name"].removesuffix("_FILE")
            if variable["name"] not in read and plain not in read:
                yield f"{name}: the configuration does not read {variable['name']}"


def references(objects):
    there = {(item["kind"], item["metadata"]["name"]): item for item in objects}
    for item, pod in templates(objects):
        name, mounted = item["metadata"]["name"], {}
        for volume in pod.get("volumes", []):
            for field, kind, ref in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
                if field in volume:
                    target = there.get((kind, volume[field][ref]))
                    if target is None:
                        yield f"{name}: there is no {kind} {volume[field][ref]}"
                    mounted[volume["name"]] = set(target["data"]) if target else set()
        if ("ServiceAccount", pod["serviceAccountName"]) not in there:
            yield f"{name}: there is no ServiceAccount {pod['serviceAccountName']}"
        for container in pod["containers"]:
            places = {m["mountPath"]: mounted.get(m["name"]) for m in container.get("volumeMounts", [])}
            for variable in container.get("env", []):
                if variable["name"].endswith("_FILE") or variable["name"] == "FANOUT_CONFIG":
                    folder, _, file = variable["value"].rpartition("/")
                    if file not in (places.get(folder) or ()):
                        yield f"{name}: {variable['name']}: nothing puts a file at {variable['value']}"


def selectors(objects):
    labels = [pod_of["spec"]["template"]["metadata"]["labels"] for pod_of, _ in templates(objects)]
    ports = {port["name"] for container in containers(objects) for port in container["ports"]}
    for item in objects:
        spec, name = item.get("spec", {}), f"{item['kind']} {item['metadata']['name']}"
        selector = {
            "Service": lambda: spec["selector"],
            "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
            "NetworkPolicy": lambda: spec["podSelector"]["matchLabels"],
        }.get(item["kind"])
        if selector and not any(selector().items() <= each.items() for each in labels):
            yield f"{name} selects no pod"
        if item["kind"] == "Service":
            yield from (f"{name}: no container has the port {p['targetPort']}" for p in spec["ports"] if p["targetPort"] not in ports)
    for component in ("worker-neo4j", "worker-qdrant", "gateway"):
        budgets = [i for i in objects if i["kind"] == "PodDisruptionBudget"
                   and i["spec"]["selector"]["matchLabels"].get("app.kubernetes.io/component") == component]
        if len(budgets) != 1:
            yield f"{component} has {len(budgets)} disruption budgets"


def secrets(objects):
    for container in containers(objects):
        for variable in container.get("env", []):
            if re.search(r"PASSWORD|TOKEN$|API_KEY|_URL$", variable["name"]) and not variable["name"].endswith("_FILE"):
                yield f"{container['name']}: {variable['name']} stands in the environment; use {variable['name']}_FILE"
    for item in objects:
        if item["kind"] == "ConfigMap" and re.search(r"password|token|api_key|://[^/\s]*@", "".join(item["data"].values())):
            yield f"ConfigMap {item['metadata']['name']} holds a secret"


def rollouts(objects):
    for item, _ in templates(objects):
        spec, name = item["spec"], item["metadata"]["name"]
        if item["kind"] == "Deployment" and spec["strategy"]["rollingUpdate"].get("maxUnavailable") != 0:
            yield f"{name}: a rollout takes a replica away before the new one is ready"
        if item["kind"] == "StatefulSet" and (spec.get("replicas", 1) < 2 or "volumeClaimTemplates" not in spec):
            yield f"{name}: one replica, or no volume, cannot be replaced without an interruption"


def scaling(objects):
    there = {(item["kind"], item["metadata"]["name"]) for item in objects}
    for item in objects:
        if item["kind"] != "ScaledObject":
            continue
        name, spec = item["metadata"]["name"], item["spec"]
        for field, value in spec.items():
            if field not in SCALED_OBJECT:
                yield f"{name}: KEDA knows no {field}"
            known = SCALED_OBJECT.get(field)
            for part in value if isinstance(value, list) else [value]:
                if known is not None and set(part) != known:
                    yield f"{name}: {field} has {sorted(part)}, not {sorted(known)}"
        if (spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]) not in there:
            yield f"{name}: there is no {spec['scaleTargetRef']['name']}"
        for trigger in spec["triggers"]:
            if f"pub {trigger['metadata']['valueLocation']}: " not in SCALING.read_text():
                yield f"{name}: the answer has no {trigger['metadata']['valueLocation']}"
            if trigger["type"] != "metrics-api" or set(trigger["metadata"]) != METRICS_API:
                yield f"{name}: not a trigger on our endpoint"
            if any(not isinstance(value, str) for value in trigger["metadata"].values()):
                yield f"{name}: KEDA takes texts only"
            host, path = re.fullmatch(r"http://([a-z-]+)\.fanout\.svc:8080(/.*)", trigger["metadata"]["url"]).groups()
            queue = spec["scaleTargetRef"]["name"].removeprefix("fanout-worker-")
            if ("Service", host) not in there or path != f"/scaling/{queue}":
                yield f"{name}: nobody answers at {trigger['metadata']['url']}"
