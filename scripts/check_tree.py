#!/usr/bin/env python3
"""Checks the rules that keep the source tree in order: who includes what, sizes, names, format.

  python3 scripts/check_tree.py [--root FOLDER] [RULE...]       all rules without RULE; --list names them

Prints one line a violation: FILE:LINE: [rule] what, and exits with 1 if there is any; else with 77 if a rule could not be checked
here, which a line says too.
"""
import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDERS = ["host", "sdk", "plugins", "tests", "scripts", "cmake", "bench", "configs", "docs", ".ci"]
HEADERS = {".h", ".hh", ".hpp", ".hxx", ".inl", ".ipp", ".cuh"}
CPP = HEADERS | {".c", ".cc", ".cpp", ".cxx", ".cu"}
CODE = CPP | {".cmake", ".sh", ".py"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')

# A room may include itself and rooms of a lower rank.
RANK = {"base": 1, "config": 2, "launch": 3, "data": 4, "model": 4, "fused": 4, "distributed": 4, "device": 4, "plugin": 4, "cli": 5, "bridge": 5, "checkpoint": 5,
        "report": 5, "input": 6, "exchange": 6, "train": 7, "evaluate": 7, "run": 8, "start": 9}
KNOWS_LIBTORCH = {"device", "distributed", "model", "fused", "bridge", "input", "train", "evaluate", "run"}
LIBTORCH = re.compile(r"^(ATen|c10|torch|caffe2|gloo)/")
CUDA = re.compile(r"^(cuda\w*\.h|cuda/.*|nccl\.h|cublas\w*\.h|cudnn\w*\.h|c10/cuda/.*|ATen/cuda/.*|torch/.*(NCCL|Nccl).*)$")
# Header pattern -> the files of host/ that may include it.
ONLY = [(re.compile(r"^boost/dll"), re.compile(r"^plugin/loader\.cpp$")),
        (re.compile(r"^(json/|jsoncpp/)"), re.compile(r"^base/json_parse\.cpp$")),
        (re.compile(r"^spdlog/"), re.compile(r"^base/log\.cpp$")),
        (CUDA, re.compile(r"^device/cuda/"))]

# Whole parts of an identifier, and names distinctive enough to be found anywhere in it.
SHORT_NAMES = {"mae", "vit", "cae", "odc", "eva", "npid"}
LONG_NAMES = re.compile("simclr|mocov?[123]?$|moco_|byol|simsiam|swav|dinov|^dino|beit|barlow|densecl|deepcluster|interclr|relativeloc|rotationpred"
                        "|simmim|mixmim|maskfeat|milan|pixmim|sparsk|resnet|visiontransformer|swintransformer")
LINK = re.compile(r"\]\(([^)\s]+)\)")
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(work|root|home|tmp)/\w")


class Tree:
    """The files below a root, and the violations found in them."""

    def __init__(self, root):
        self.root = root
        self.violations = []
        self.unchecked = {}  # rule -> why
        self.files = sorted(p for f in FOLDERS for p in (root / f).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        self.files += sorted(p for p in root.iterdir() if p.is_file() and p.name != "LICENSE")
        self.texts = {}

    def name(self, path):
        return path.relative_to(self.root).as_posix()

    def lines(self, path):
        if path not in self.texts:
            try:
                self.texts[path] = path.read_text(encoding="utf-8").splitlines()
            except UnicodeDecodeError:
                self.texts[path] = []
        return self.texts[path]

    def below(self, folder, suffixes=CPP):
        return [p for p in self.files if self.name(p).startswith(folder) and p.suffix in suffixes]

    def includes(self, path):
        for number, line in enumerate(self.lines(path), 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1)

    def fail(self, rule, path, line, text):
        self.violations.append(f"{self.name(path)}:{line}: [{rule}] {text}")


def room_of(tree, path):
    parts = path.relative_to(tree.root / "host").parts
    return parts[0] if len(parts) > 1 else "host"


def arrows(tree):
    """host/: a room includes itself and rooms below it"""
    for path in tree.below("host/"):
        room = room_of(tree, path)
        if room not in RANK:
            tree.fail("arrows", path, 1, f"{room}/ is no room; the rooms are {', '.join(RANK)}")
            continue
        for line, header in tree.includes(path):
            other = header.split("/")[0]
            if other in RANK and "/" in header and other != room and RANK[other] >= RANK[room]:
                tree.fail("arrows", path, line, f"{room}/ must not include {header}: arrows point from start down to base")


def libtorch_rooms(tree):
    """host/: only device, distributed, fused, model, bridge, input, train, evaluate and run include LibTorch"""
    for path in tree.below("host/"):
        if room_of(tree, path) in KNOWS_LIBTORCH:
            continue
        for line, header in tree.includes(path):
            if LIBTORCH.match(header):
                tree.fail("libtorch-rooms", path, line, f"{header}: this part of the host knows no LibTorch")


def sdk_and_libtorch(tree):
    """host/: only bridge/ includes both SDK and LibTorch"""
    for path in tree.below("host/"):
        if room_of(tree, path) == "bridge":
            continue
        found = list(tree.includes(path))
        sdk = [line for line, header in found if header.startswith("ssp/")]
        if sdk and any(LIBTORCH.match(header) for _, header in found):
            tree.fail("sdk-and-libtorch", path, sdk[0], "only bridge/ includes both SDK and LibTorch headers")


def one_includer(tree):
    """host/: Boost.DLL, jsoncpp, spdlog and CUDA have one includer each"""
    for path in tree.below("host/"):
        inside = path.relative_to(tree.root / "host").as_posix()
        for line, header in tree.includes(path):
            for pattern, allowed in ONLY:
                if pattern.match(header) and not allowed.match(inside):
                    tree.fail("one-includer", path, line, f"{header} may be included by {allowed.pattern} only")


def plugin_includes(tree):
    """plugins/: nothing of the host, nothing of LibTorch"""
    for path in tree.below("plugins/"):
        for line, header in tree.includes(path):
            if LIBTORCH.match(header) or (header.split("/")[0] in RANK and (tree.root / "host" / header).exists()):
                tree.fail("plugin-includes", path, line, f"{header}: a plugin includes the SDK and the standard library")


def file_size(tree):
    """no source file over 400 lines"""
    for path in tree.files:
        if (path.suffix in CODE or path.name == "CMakeLists.txt") and len(tree.lines(path)) > 400:
            tree.fail("file-size", path, len(tree.lines(path)), f"{len(tree.lines(path))} lines; 400 are allowed")


def main_size(tree):
    """host/start/main.cpp stays under 150 lines"""
    for path in tree.below("host/start/main.cpp"):
        if len(tree.lines(path)) >= 150:
            tree.fail("main-size", path, len(tree.lines(path)), f"{len(tree.lines(path))} lines; fewer than 150 are allowed")


def algorithm_name(tree):
    """host/ and the SDK's C headers name no algorithm or backbone"""
    for path in tree.below("host/") + sdk_headers(tree):
        for number, line in enumerate(tree.lines(path), 1):
            for word in re.findall(r"[A-Za-z_]\w*", line):
                parts = set(re.split(r"[\d_]+", word.lower()))
                if parts & SHORT_NAMES or "MAE" in word or "ViT" in word or LONG_NAMES.search(word.lower()):
                    tree.fail("algorithm-name", path, number, f"`{word}` names an algorithm: that belongs to a plugin")


def sdk_headers(tree):
    return [p for p in tree.below("sdk/include/ssp/", {".h"}) if p.parent.name != "cpp"]


def sdk_includes(tree):
    """the SDK's C headers include stdint.h, stddef.h and each other"""
    for path in sdk_headers(tree):
        for line, header in tree.includes(path):
            if header not in ("stdint.h", "stddef.h") and not (header.startswith("ssp/") and (tree.root / "sdk/include" / header).exists()):
                tree.fail("sdk-includes", path, line, f"{header}: only <stdint.h>, <stddef.h> and other SDK headers are allowed")


def sdk_size(tree):
    """the SDK's C headers stay under 200 lines"""
    for path in sdk_headers(tree):
        if len(tree.lines(path)) >= 200:
            tree.fail("sdk-size", path, len(tree.lines(path)), f"{len(tree.lines(path))} lines; fewer than 200 are allowed")


def sdk_licence(tree):
    """each file of the SDK, which plugins' authors copy, names its licence in its first lines"""
    for path in tree.below("sdk/", CODE | {".txt"}):
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in tree.lines(path)[:3]):
            tree.fail("sdk-licence", path, 1, "begins with a comment: SPDX-License-Identifier: Apache-2.0")


def sdk_compiles(tree):
    """each C header of the SDK compiles alone as C11, C17, C++17 and C++20, with gcc, and clang if there"""
    headers = sdk_headers(tree)
    if not headers:
        return
    for compiler in ("gcc", "clang"):
        if not shutil.which(compiler):
            continue
        for language, standard in (("c", "c11"), ("c", "c17"), ("c++", "c++17"), ("c++", "c++20")):
            done = subprocess.run([compiler, "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic-errors",
                                   "-fsyntax-only", "-I", tree.root / "sdk/include", *headers], capture_output=True, text=True)
            if done.returncode:
                first = next((l for l in done.stderr.splitlines() if "error" in l), done.stderr.strip()[:200])
                tree.fail("sdk-compiles", headers[0].parent, 0, f"{compiler} -std={standard}: {first}")


def opening_comment(tree):
    """every header of host/ begins with a comment that says what it owns"""
    for path in tree.below("host/", HEADERS):
        lines = tree.lines(path)
        if not lines or not re.match(r"^(//|/\*) ?\w.{15,}", lines[0]):
            tree.fail("opening-comment", path, 1, "a header begins with a sentence: what it owns, what it must not know")


def run_on(tree, rule, command, files, pattern):
    """Runs a checker in batches on two processes, and turns its lines into violations."""
    if not shutil.which(command[0]):
        tree.fail(rule, tree.root, 0, f"{command[0]} is not installed; it is Debian's package of that name, and scripts/setup.sh installs it")
        return
    half = (len(files) + 1) // 2
    running = [subprocess.Popen([*command, *map(str, part)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for part in (files[:half], files[half:]) if part]
    for process in running:
        output = process.communicate()[0]
        matches = {(m.group(1), m.group(2)): m.group(3) for m in re.finditer(pattern, output, re.M)}
        for (file, line), text in matches.items():
            tree.fail(rule, Path(file), line, text)
        if process.returncode and not matches:
            tree.fail(rule, files[0], 0, output.strip()[:300])


def formatting(tree):
    """C and C++ files are as clang-format 14 leaves them (other versions have other ideas)"""
    version = shutil.which("clang-format") and subprocess.run(["clang-format", "--version"], capture_output=True, text=True).stdout
    if version and " 14." not in version:
        tree.unchecked["format"] = f"needs clang-format 14, which Debian 12 has; this is {version.strip()}"
        return
    run_on(tree, "format", ["clang-format", "--dry-run", "-Werror"], [p for p in tree.files if p.suffix in CPP],
           r"^(.+?):(\d+):\d+: error: (.*)$")


def shell(tree):
    """shell scripts pass shellcheck as POSIX sh"""
    scripts = [p for p in tree.files if p.suffix == ".sh" or tree.name(p) == ".ci/run"]
    run_on(tree, "shellcheck", ["shellcheck", "-s", "sh", "-f", "gcc"], scripts, r"^(.+?):(\d+):\d+: \w+: (.*)$")


def machine_paths(tree):
    """no file holds a path of the machine that it was written on"""
    for path in tree.files:
        if path.suffix in CODE | {".txt", ".md", ".json"}:
            for number, line in enumerate(tree.lines(path), 1):
                match = MACHINE_PATH.search(line)
                if match:
                    tree.fail("machine-paths", path, number, f"a path of one machine: {line.strip()[:100]}")


def links(tree):
    """every relative link of a Markdown file leads to a file; docs/README.md links all documents beside it"""
    for path in tree.files:
        if path.suffix != ".md":
            continue
        targets = set()
        for number, line in enumerate(tree.lines(path), 1):
            for target in LINK.findall(line):
                file = (path.parent / target.split("#")[0]).resolve() if not target.startswith("#") else path
                targets.add(file)
                if "://" not in target and not file.exists():
                    tree.fail("links", path, number, f"{target} leads nowhere")
        if tree.name(path) == "docs/README.md":
            for document in tree.below("docs/", {".md"}):
                if document != path and document not in targets:
                    tree.fail("links", path, 1, f"{document.name} is not linked")


RULES = {"arrows": arrows, "libtorch-rooms": libtorch_rooms, "sdk-and-libtorch": sdk_and_libtorch, "one-includer": one_includer,
         "plugin-includes": plugin_includes, "file-size": file_size, "main-size": main_size, "algorithm-name": algorithm_name,
         "sdk-includes": sdk_includes, "sdk-size": sdk_size, "sdk-licence": sdk_licence, "sdk-compiles": sdk_compiles, "opening-comment": opening_comment,
         "format": formatting, "shellcheck": shell, "machine-paths": machine_paths, "links": links}


def check(root, rules=None):
    tree = Tree(Path(root).resolve())
    for rule in rules or RULES:
        RULES[rule](tree)
    return tree


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("rules", nargs="*", metavar="RULE", help="one of: " + ", ".join(RULES))
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{name:18} {rule.__doc__}" for name, rule in RULES.items()))
        return 0
    unknown = [rule for rule in arguments.rules if rule not in RULES]
    if unknown:
        parser.error(f"no rule {unknown[0]}; the rules are {', '.join(RULES)}")
    tree = check(arguments.root, arguments.rules)
    for rule, why in tree.unchecked.items():
        print(f"check_tree: rule {rule} was not checked: it {why}")
    print("\n".join(tree.violations) if tree.violations else "check_tree: all other rules hold" if tree.unchecked else "check_tree: all rules hold")
    return 1 if tree.violations else 77 if tree.unchecked else 0


if __name__ == "__main__":
    sys.exit(main())
