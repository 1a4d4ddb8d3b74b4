"""Checks the manifests, the alerts and the dashboard. Called by scripts/validate-deploy, which has made the tools ready.

    main.py PROMTOOL
"""

import copy
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

import kustomize
import rules

DEPLOY = rules.ROOT / "deploy"
# What has no schema in the package; rules.scaling looks at it.
WITHOUT_SCHEMA = {"ScaledObject"}
failed = []


def fail(text):
    failed.append(text)
    print(f"  {text}")


def schema_problems(objects):
    for item in objects:
        if item["kind"] in WITHOUT_SCHEMA:
            continue
        try:
            kubernetes_validate.validate(item, KUBERNETES, strict=True)
        except Exception as error:  # the package has a class for each, with nothing in common
            yield f"{item['kind']} {item['metadata']['name']}: {error}"


# preStop.sleep is on by default from 1.30; the newest that the package knows.
KUBERNETES = kubernetes_validate.latest_version()


def manifests(overlay):
    print(f"manifests: {overlay.relative_to(rules.ROOT)}, against Kubernetes {KUBERNETES}")
    objects = kustomize.render(overlay)
    for text in [*schema_problems(objects), *rules.problems(objects)]:
        fail(text)
    compare(overlay, objects)
    return objects


def compare(overlay, objects):
    """With the real one, where it is there and new enough."""
    program = shutil.which("kubectl")
    command = [program, "kustomize"] if program else [shutil.which("kustomize"), "build"]
    if command[0] is None:
        return print("  no kustomize here to compare with")
    about = subprocess.run([*([program, "version", "--client"] if program else [command[0], "version"])], capture_output=True, text=True)
    version = re.search(r"v(\d+)\.\d+\.\d+\s*$", about.stdout.strip())
    if about.returncode or not version or int(version[1]) < 5:
        return print("  the kustomize here is too old to compare with")
    real = subprocess.run([*command, overlay], capture_output=True, text=True)
    if real.returncode:
        return fail(f"kustomize refuses it: {real.stderr.strip()}")
    if normal(yaml.safe_load_all(real.stdout)) != normal(objects):
        return fail("kustomize renders something else than deploy/validate/kustomize.py")
    print("  the same as the installed kustomize renders")


def normal(objects):
    """Sorted texts, without the digests in names and the line breaks in secrets."""
    texts = (json.dumps(by_name(item), sort_keys=True).replace("\\n", "") for item in objects)
    return sorted(re.sub(r'("(?:name|secretName)": "fanout-[a-z0-9-]+?)-[a-z0-9]{10}"', r'\1"', text) for text in texts)


def by_name(value):
    """Lists of what has a name in the order of the names, which is all that a merge promises."""
    if isinstance(value, dict):
        return {key: by_name(item) for key, item in value.items()}
    if isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value):
        return sorted((by_name(item) for item in value), key=lambda item: item["name"])
    return [by_name(item) for item in value] if isinstance(value, list) else value


def broken(objects):
    """The rules find what they are for: each of these must be refused."""
    def worker(change):
        damaged = copy.deepcopy(objects)
        item, pod = next(kustomize.templates(damaged))
        change(item, pod, pod["containers"][0])
        return damaged
    damages = {
        "a misspelt field": lambda i, p, c: c.update(redinessProbe={}),
        "no readiness probe": lambda i, p, c: c.pop("readinessProbe"),
        "a short grace period": lambda i, p, c: p.update(terminationGracePeriodSeconds=30),
        "a root that can be written": lambda i, p, c: c["securityContext"].update(readOnlyRootFilesystem=False),
        "an unknown variable": lambda i, p, c: c["env"].append({"name": "FANOUT_NO_SUCH", "value": "1"}),
        "a secret that is missing": lambda i, p, c: p["volumes"][1]["secret"].update(secretName="fanout-none"),
        "a secret in the environment": lambda i, p, c: c["env"].append({"name": "NEO4J_PASSWORD", "value": "x"}),
        "a rollout with a gap": lambda i, p, c: i["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1),
        "pods that no service finds": lambda i, p, c: i["spec"]["template"]["metadata"].update(labels={"a": "b"}),
    }
    for name, change in damages.items():
        damaged = worker(change)
        if not [*schema_problems(damaged), *rules.problems(damaged)]:
            fail(f"this passes, and must not: {name}")
    print(f"  {len(damages)} damaged copies are refused")


def promtool(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        fail((done.stdout + done.stderr).strip())
    return done.returncode == 0


def alerts(program):
    print("alerts: deploy/prometheus")
    folder = DEPLOY / "prometheus"
    promtool(program, "check", "config", folder / "prometheus.yaml")
    tests = sorted(folder.glob("alerts*_test.yaml"))
    promtool(program, "test", "rules", *tests)
    names = [rule["alert"] for group in yaml.safe_load((folder / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
    fired = set(re.findall(r'alertname="(\w+)"', "".join(test.read_text() for test in tests)))
    for name in names:
        if name not in fired:
            fail(f"{name} is never seen firing in a test")
    print(f"  {len(names)} alerts, each seen firing")


def dashboard(program):
    print("dashboard: deploy/grafana/fanout.json")
    board = json.loads((DEPLOY / "grafana/fanout.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    ids = [panel["id"] for panel in board["panels"]]
    if len(ids) != len(set(ids)):
        fail("two panels share an id")
    for panel in panels:
        if not panel.get("description") or not panel["targets"]:
            fail(f"the panel {panel['title']} has no description or no query")
    # promtool parses queries inside of rules only.
    plain = [query.replace("$__rate_interval", "1m").replace("$queue", ".*").replace("$job", "fanout") for query in queries]
    recorded = [{"record": f"q{number}", "expr": expr} for number, expr in enumerate(plain)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}, file)
        file.flush()
        if promtool(program, "check", "rules", file.name):
            print(f"  {len(panels)} panels, {len(queries)} queries that parse")


def main():
    program = sys.argv[1]
    base = manifests(DEPLOY / "kubernetes/overlays/example")
    broken(base)
    alerts(program)
    dashboard(program)
    if failed:
        sys.exit(f"{len(failed)} problems")


main()
