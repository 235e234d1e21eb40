#!/usr/bin/env python3
"""Writes the tables of docs/config.md from the schemas that the host and its plugins print.

  python3 scripts/config_tables.py [--check] [--host build/release/bin/selfsup-host]

A table stands between <!-- keys: WHAT --> and <!-- end -->. WHAT is top-level keys of a configuration, one of the host's
kinds (optimizer, scheduler, dataset, transform), or a plugin's file name. --check writes nothing, and fails if a table is not what
the schemas say, or if a key, a kind or a plugin has no table.
"""
import argparse
import difflib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/config.md"
TABLE = re.compile(r"(<!-- keys: (.+?) -->\n)(.*?)(<!-- end -->)", re.S)
HEAD = "| key | type | default | meaning |\n|---|---|---|---|\n"


def code(value):
    return f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def type_text(schema):
    """Type and range in words."""
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else list(names)
    choices = " ".join(code(value) for value in schema.get("enum", []))
    if choices:
        python_types = {"string": str, "boolean": bool, "integer": int, "number": float}
        names = [n for n in names if not any(isinstance(value, python_types.get(n, ())) for value in schema["enum"])]
    limits = ", ".join(f"{sign} {schema[word]:{',' if isinstance(schema[word], int) else 'g'}}" for word, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤")) if word in schema)
    for i, name in enumerate(names):
        if name in ("integer", "number"):
            names[i] = f"{name} {limits}".strip()
        elif name == "object" and "x-ssp-component" in schema:
            kind = schema["x-ssp-component"]
            names[i] = f"`{kind}`" if "/" in kind else f"[{kind}](#types-of-{kind}s)"
        elif name == "array":
            low, high = schema.get("minItems"), schema.get("maxItems")
            count = "" if low is None else f" of {low}" if low == high else f" of {low}–{high}" if high else f" of {low} or more"
            names[i] = f"list{count}" + (f": {type_text(schema['items'])}" if "items" in schema else "")
    return " or ".join(filter(None, [choices, *names]))


def row(key, schema, required):
    default = "required" if required else code(schema["default"]) if schema.get("default", "") != "" else ""
    meaning = "no effect" if schema.get("x-ssp-idle") else schema.get("description", "").rstrip(".").replace("<", "&lt;").replace("|", "&#124;")
    return "| " + " | ".join([f"`{key}`", type_text(schema), default, meaning]).replace("  ", " ") + (" |" if meaning else "|")


def rows(schema, path=""):
    """One row a key, nested ones with their path; `<part>` stands for a free key, `[]` for a place in a list."""
    out = []
    for key, inner in schema.get("properties", {}).items():
        if key == "type" and "description" not in inner and "enum" not in inner:
            continue  # the component's own name
        below = f"{path}{key}"
        members = {**inner.get("properties", {}), **inner.get("x-ssp-claims", {})}
        if not members or "description" in inner or inner["type"] != "object" or "x-ssp-component" in inner or inner.get("x-ssp-idle"):
            out.append(row(below, inner, key in schema.get("required", [])))
        if inner.get("x-ssp-idle"):
            continue
        out += rows({"properties": members, "required": inner.get("required", [])}, below + ".")
        if "x-ssp-each" in inner:
            out += rows(inner["x-ssp-each"], below + ".<part>.")
    return out


def short(names, all_names):
    """Names of types in few words: "all", and … for all endings of a stem, or all stems of an ending."""
    if set(names) == set(all_names):
        return "all"
    left, out = list(names), []
    ending = r"(LR|Momentum|ParamScheduler)$"
    for pattern in (ending, r"^.*?(?=LR$|Momentum$|ParamScheduler$)"):
        for stub in dict.fromkeys(re.sub(pattern, "…", name) for name in left):
            family = {name for name in all_names if re.sub(pattern, "…", name) == stub}
            if "…" in stub and family <= set(left):
                left = [name for name in left if name not in family]
                out.append(stub)
    return " ".join(f"`{name}`" for name in out + left)


def tables(schemas):
    """One table for types that have keys in common, with a column that says whose each key is; else a table for each, or for those that are
    equal."""
    groups, owners = {}, {}
    for name, schema in schemas.items():
        body = rows(schema)
        groups.setdefault(json.dumps([schema.get("description", ""), body]), []).append(name)
        for line in body:
            owners.setdefault(line, []).append(name)
    if len(groups) > 1 and any(len(names) == len(schemas) for names in owners.values()):
        lines = sorted(owners.items(), key=lambda item: len(item[1]) < len(schemas))
        return HEAD.replace("|", "| of |", 1).replace("|---|", "|---|---|", 1) + "".join(
            f"| {short(names, schemas)} {line}\n" for line, names in lines)
    out = []
    for text, names in groups.items():
        description, body = json.loads(text)
        out.append(f"**{', '.join(f'`{name}`' for name in names)}** {description.rstrip('.')}\n"
                   + (f"\n{HEAD}" + "\n".join(body) + "\n" if body else ""))
    return "\n".join(out)


def family_tables(schemas):
    """Types of one description are a family: a heading and a table for each."""
    families = {}
    for name, schema in schemas.items():
        families.setdefault(schema.get("description", ""), {})[name] = schema
    out = []
    for description, family in families.items():
        body = tables(family)
        heading = f"**{', '.join(f'`{name}`' for name in family)}** {description.rstrip('.')}\n\n"
        out.append(body if len(families) == 1 or body.startswith("**") else heading + body)
    return "\n".join(out)


class Schemas:
    """What the host prints, read once; remembers what was asked for."""

    def __init__(self, host):
        self.host = host
        self.environment = {key: value for key, value in os.environ.items() if key != "SELFSUP_PLUGIN_PATH"}  # our own plugins only
        printed = self.ask()
        self.top = printed.pop("host")
        self.kinds = {}
        for name, schema in printed.items():
            kind, type_name = name.split(":", 1)
            self.kinds.setdefault(kind, {})[type_name] = schema
        self.plugins = {Path(plugin["path"]).name for plugin in self.run("list", "--json")["plugins"]}
        self.missing = set(self.top["properties"]) | set(self.kinds) | self.plugins

    def run(self, *words):
        return json.loads(subprocess.run([self.host, *words], check=True, stdout=subprocess.PIPE, text=True, env=self.environment).stdout)

    def ask(self, *plugin):
        return self.run("inspect", "--schema", *plugin)

    def table(self, what):
        if unknown := [name for name in what.split() if name not in self.missing]:
            raise SystemExit(f"config_tables: {DOCUMENT.name}: <!-- keys: {what} -->: nothing is called {unknown[0]}, or it has a table already")
        self.missing -= set(what.split())
        if what in self.plugins:
            return family_tables({name.split(":", 1)[1]: schema for name, schema in self.ask(what).items()})
        if what in self.kinds:
            return tables(self.kinds[what])
        part = {key: self.top["properties"][key] for key in what.split()}
        return HEAD + "\n".join(rows({"properties": part, "required": self.top["required"]})) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--host", default=ROOT / "build/release/bin/selfsup-host")
    arguments = parser.parse_args()
    schemas = Schemas(arguments.host)
    before = DOCUMENT.read_text(encoding="utf-8")
    after = TABLE.sub(lambda match: match.group(1) + schemas.table(match.group(2)) + match.group(4), before)
    if schemas.missing:
        raise SystemExit(f"config_tables: {DOCUMENT.name} has no table for {', '.join(sorted(schemas.missing))}: "
                         "add the name to a <!-- keys: … --> line, or a line for it")
    if not arguments.check:
        DOCUMENT.write_text(after, encoding="utf-8")
    elif after != before:
        sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True), "docs/config.md", "the schemas", n=0))
        raise SystemExit("config_tables: docs/config.md is stale; run python3 scripts/config_tables.py")


if __name__ == "__main__":
    main()
