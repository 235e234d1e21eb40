#!/usr/bin/env python3
"""Makes a JSON configuration of this program out of a Python one of MMSelfSup, in MMEngine's own environment.

  python3 scripts/mmselfsup_config.py CONFIG.py [OUT.json] [--host PATH]

MMEngine reads CONFIG.py and merges its _base_ files; selfsup-host says which keys it and its plugins take. What they take stays, also what has
no effect here; every other key is left out, with a line on stderr. Without OUT.json the configuration goes to stdout.
"""
import argparse
import json
import math
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCOPE = re.compile(r"^(mmcls|mmcv|mmengine|mmpretrain|mmselfsup)\.")  # of registries, which are one here
HOSTS = [ROOT / "build/release/bin/selfsup-host", ROOT.parent.parent / "bin/selfsup-host"]  # of the source tree, of an installed one


def say(text):
    print(f"mmselfsup_config: {text}", file=sys.stderr)


class Host:
    """What the host and the plugins in its folders take."""

    def __init__(self, program):
        self.program = program
        self.schemas = self.ask("inspect", "--schema")
        self.plugins = [plugin for plugin in self.ask("list", "--json")["plugins"] if plugin["loads_here"]]
        for plugin in self.plugins:
            self.schemas.update(self.ask("inspect", plugin["path"], "--schema"))

    def ask(self, *words):
        try:
            return json.loads(subprocess.run([self.program, *words], check=True, stdout=subprocess.PIPE).stdout)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"mmselfsup_config: {error}; --host names another selfsup-host")

    def component(self, kind, name):
        """The schema of a component, or None. Transforms are the host's or a plugin's."""
        kinds = [kind, "ssp.transform/0"] if kind == "transform" else [kind]
        return next((self.schemas[f"{k}:{name}"] for k in kinds if f"{k}:{name}" in self.schemas), None)

    def file_with(self, algorithm):
        return next((Path(plugin["path"]).name for plugin in self.plugins if ["ssp.algorithm/0", algorithm] in plugin["provides"]), None)


def taken(value, schema, host, path):
    """value without what the schema has no key for."""
    if isinstance(value, list):
        return [taken(item, schema.get("items", {}), host, f"{path}.{i}") for i, item in enumerate(value)]
    if not isinstance(value, dict) or schema.get("x-ssp-idle"):
        return value
    members = {**schema.get("properties", {}), **schema.get("x-ssp-claims", {})}
    if "x-ssp-component" in schema:
        component = host.component(schema["x-ssp-component"], value.get("type", "")) if "type" in value else None
        if component is None:
            say(f"{path}.type: {value.get('type', 'none')}: nothing here has this name; what is beside it stays as it is")
            return value
        members = {**component.get("properties", {}), **members}
    if "x-ssp-each" in schema:
        return {key: taken(item, schema["x-ssp-each"], host, f"{path}.{key}") for key, item in value.items()}
    if not members:
        return value  # any object
    out = {}
    for key, item in value.items():
        below = f"{path}.{key}" if path else key
        if key in members:
            out[key] = taken(item, members[key], host, below)
        else:
            say(f"{below}: left out; there is no such key here")
    return out


def plain(value, path):
    """As JSON has it: lists for tuples, names without the scope of a registry."""
    if isinstance(value, dict):
        return {str(key): SCOPE.sub("", item) if key == "type" and isinstance(item, str) else plain(item, f"{path}.{key}")
                for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{path}.{i}") for i, item in enumerate(value)]
    if value is None or isinstance(value, (bool, int, str)) or isinstance(value, float) and math.isfinite(value):
        return value
    sys.exit(f"mmselfsup_config: {path[1:]}: {value!r} has no place in JSON")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--host", default=next((str(path) for path in HOSTS if path.exists()), "selfsup-host"), help="the program that will read it")
    args = parser.parse_args()
    from mmengine.config import Config

    config = plain(Config.fromfile(args.config).to_dict(), "")
    host = Host(args.host)
    out = taken(config, host.schemas["host"], host, "")
    algorithm = out.get("model", {}).get("type")
    plugin = host.file_with(algorithm)
    if plugin:
        out = {"plugins": [plugin], **out}
    else:
        say(f"model.type: no plugin here brings {algorithm}; name one with --plugin")
    text = json.dumps(out, indent=2, ensure_ascii=False) + "\n"
    if args.out:
        Path(args.out).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
