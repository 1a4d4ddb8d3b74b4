"""Renders a kustomization, for machines without kubectl.

Knows what deploy/kubernetes uses and refuses everything else, so that it cannot be wrong in silence. Where there is a real
kustomize, main.py compares the two.
"""

import base64
import hashlib
import json
from pathlib import Path

import yaml

KNOWN = {
    "apiVersion", "kind", "namespace", "resources", "components", "configMapGenerator", "secretGenerator", "images", "patches",
}
CLUSTER_WIDE = {"Namespace"}


class Refused(Exception):
    """Something that this renderer does not know."""


def render(folder):
    """The objects of a kustomization, names with their digests."""
    return suffixed(collect(Path(folder)))


def collect(folder, before=()):
    path = folder / "kustomization.yaml"
    spec = yaml.safe_load(path.read_text())
    known(path, spec, KNOWN)
    objects = list(before)
    for entry in spec.get("resources", []):
        target = folder / entry
        objects += collect(target) if target.is_dir() else documents(target)
    for kind, key in (("ConfigMap", "configMapGenerator"), ("Secret", "secretGenerator")):
        for entry in spec.get(key, []):
            add(objects, generated(folder, path, kind, entry), entry.get("behavior", "create"), path)
    for entry in spec.get("components", []):
        objects = collect(folder / entry, objects)
    for entry in spec.get("patches", []):
        known(path, entry, {"path"})
        for patch in documents(folder / entry["path"]):
            target = one(objects, patch, folder / entry["path"])
            objects[objects.index(target)] = merged(target, patch)
    for entry in spec.get("images", []):
        known(path, entry, {"name", "newName", "newTag"})
        for container in containers(objects):
            name, _, tag = container["image"].partition(":")
            if name == entry["name"]:
                container["image"] = f"{entry.get('newName', name)}:{entry.get('newTag', tag)}"
    if "namespace" in spec:
        for item in objects:
            if item["kind"] not in CLUSTER_WIDE:
                item["metadata"]["namespace"] = spec["namespace"]
    return objects


def known(path, spec, keys):
    unknown = set(spec) - keys
    if unknown:
        raise Refused(f"{path}: {', '.join(sorted(unknown))}: teach deploy/validate/kustomize.py to render it")


def documents(path):
    return [item for item in yaml.safe_load_all(path.read_text()) if item]


def generated(folder, path, kind, entry):
    known(path, entry, {"name", "behavior", "files", "literals"})
    data = {name: (folder / name).read_text() for name in entry.get("files", [])}
    data |= dict(literal.split("=", 1) for literal in entry.get("literals", []))
    item = {"apiVersion": "v1", "kind": kind, "metadata": {"name": entry["name"]}}
    if kind == "Secret":
        item["type"] = "Opaque"
        data = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return item | {"data": data}


def add(objects, item, behavior, path):
    same = [o for o in objects if key(o) == key(item)]
    if (behavior, bool(same)) == ("create", False):
        objects.append(item | {"generated": True})
    elif (behavior, bool(same)) == ("replace", True):
        same[0]["data"] = item["data"]
    else:
        raise Refused(f"{path}: cannot {behavior} {item['metadata']['name']}")


def key(item):
    return item["kind"], item["metadata"]["name"]


def one(objects, patch, path):
    found = [item for item in objects if key(item) == key(patch)]
    if len(found) != 1:
        raise Refused(f"{path}: patches {key(patch)}, of which there are {len(found)}")
    return found[0]


def merged(base, patch):
    """A strategic merge, as far as lists are merged by `name`."""
    if isinstance(base, dict) and isinstance(patch, dict):
        result = dict(base)
        for name, value in patch.items():
            result[name] = merged(base[name], value) if name in base else value
        return {name: value for name, value in result.items() if value is not None}
    if isinstance(base, list) and isinstance(patch, list) and all(isinstance(i, dict) and "name" in i for i in base + patch):
        changed = {item["name"]: item for item in patch}
        result = [merged(item, changed.pop(item["name"], {})) for item in base]
        return result + list(changed.values())
    return patch


def templates(objects):
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            yield item, item["spec"]["template"]["spec"]


def containers(objects):
    for _, pod in templates(objects):
        yield from pod.get("initContainers", []) + pod["containers"]


def suffixed(objects):
    """Generated names end in a digest of the content, and so do the references to them."""
    names = {}
    for item in objects:
        if item.pop("generated", False):
            name, text = item["metadata"]["name"], json.dumps(item["data"], sort_keys=True)
            names[item["kind"], name] = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
            item["metadata"]["name"] = names[item["kind"], name]
    for _, pod in templates(objects):
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                rename(volume["configMap"], "name", "ConfigMap", names)
            if "secret" in volume:
                rename(volume["secret"], "secretName", "Secret", names)
    return objects


def rename(reference, field, kind, names):
    reference[field] = names.get((kind, reference[field]), reference[field])
