#!/usr/bin/env python3
"""Plants one violation of each rule of scripts/check_tree.py in a copy of the tree, and wants it reported by name, there and only there."""
import importlib.util
import shutil
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
specification = importlib.util.spec_from_file_location("check_tree", ROOT / "scripts/check_tree.py")
check_tree = importlib.util.module_from_spec(specification)
sys.dont_write_bytecode = True
specification.loader.exec_module(check_tree)

HEADER = "// Owns a planted violation; must not know anything else.\n#pragma once\n"

# rule -> violations, each (file, text); the file is made, or the text appended to it.
PLANTED = {
    "arrows": [("host/base/planted.h", HEADER + '#include "config/planted.h"\n'),
               ("host/data/planted.h", HEADER + '#include "plugin/planted.h"\n'),
               ("host/checkpoint/planted.cpp", '#include "train/planted.h"\n'),
               ("host/cellar/planted.h", HEADER)] + [("host/base/planted" + suffix, HEADER + '#include "config/planted.h"\n')
                                                     for suffix in (".cc", ".cu", ".cuh", ".cxx", ".hh", ".hxx", ".inl", ".ipp")],
    "libtorch-rooms": [("host/data/planted.cpp", "#include <ATen/ATen.h>\n"), ("host/report/planted.cpp", "#include <torch/torch.h>\n"),
                       ("host/start/main.cpp", "#include <c10/util/Exception.h>\n")],
    "sdk-and-libtorch": [("host/train/planted.cpp", '#include <ATen/ATen.h>\n#include "ssp/base.h"\n')],
    "one-includer": [("host/plugin/planted.cpp", "#include <boost/dll.hpp>\n"), ("host/config/planted.cpp", "#include <json/json.h>\n"),
                     ("host/report/planted.cpp", "#include <spdlog/spdlog.h>\n"), ("host/train/planted.cpp", "#include <cuda_runtime.h>\n"),
                     ("host/distributed/planted.cpp", "#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>\n")],
    "plugin-includes": [("plugins/planted/planted.cpp", "#include <ATen/ATen.h>\n"),
                        ("plugins/planted/planted.cpp", '#include "base/errors.h"\n')],
    "file-size": [("host/data/planted.cpp", "// a line\n" * 401), ("scripts/planted.sh", "# a line\n" * 401)],
    "main-size": [("host/start/main.cpp", "// a line\n" * 150)],
    "algorithm-name": [("host/train/planted.cpp", "int mae_step = 0;\n"), ("host/model/planted.cpp", "// as SimCLR does\n"),
                       ("host/base/planted.cpp", "class MAEViTPart;\n"), ("sdk/include/ssp/planted.h", "/* for resnet50 */\n")],
    "sdk-includes": [("sdk/include/ssp/planted.h", "#include <string.h>\n"), ("sdk/include/ssp/planted.h", '#include "ssp/nowhere.h"\n')],
    "sdk-size": [("sdk/include/ssp/planted.h", "/* a line */\n" * 200)],
    "sdk-licence": [("sdk/include/ssp/planted.h", "/* Without a licence. */\n"), ("sdk/include/ssp/cpp/planted.hpp", HEADER),
                    ("sdk/template/planted.cpp", HEADER), ("sdk/template/CMakeLists.txt", "project(planted)\n")],
    "sdk-compiles": [("sdk/include/ssp/planted.h", "typedef ssp_status planted_needs_base;\n"),
                     ("sdk/include/ssp/planted.h", "typedef int private; typedef private class;\n")],
    "opening-comment": [("host/data/planted.h", "#pragma once\n// Too late.\n"), ("host/data/planted.h", "// x\n#pragma once\n"),
                        ("host/data/planted.hh", "#pragma once\n")],
    "format": [("host/data/planted.cpp", "int  planted( int a){return a ;}\n")],
    "shellcheck": [("scripts/planted.sh", "#!/bin/sh\nrm -r $1\n"), (".ci/run", "[[ -n planted ]]\n")],
    "links": [("docs/planted.md", "see [there](nowhere.md)\n"), ("docs/README.md", "[config](config.md)\n")],
    "machine-paths": [("docs/planted.md", "see /" + "work/planted\n"), ("host/data/planted.cpp", 'auto p = "/' + 'tmp/planted";\n')],
}


class Planted(unittest.TestCase):
    unchecked = {}

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.tree = Path(cls.scratch.name) / "tree"
        # A few files of each kind are enough to plant among; the whole tree is the other test's.
        for folder in ("host/base", "sdk/include", "scripts", ".ci"):
            shutil.copytree(ROOT / folder, cls.tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
        (cls.tree / "host/start").mkdir()
        shutil.copy(ROOT / "host/start/main.cpp", cls.tree / "host/start/main.cpp")
        for settings in (".clang-format", ".shellcheckrc"):
            shutil.copy(ROOT / settings, cls.tree / settings)
        (cls.tree / "docs").mkdir()
        for document in ("config.md", "exit-codes.md"):
            (cls.tree / "docs" / document).touch()

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_a_missing_tool_breaks_its_rule_and_another_version_is_said(self):
        with tempfile.TemporaryDirectory() as tools, unittest.mock.patch.dict("os.environ", PATH=tools):
            for rule, tool in (("format", "clang-format"), ("shellcheck", "shellcheck")):
                found = check_tree.check(self.tree, [rule]).violations
                self.assertEqual(len(found), 1, found)
                self.assertIn(f"[{rule}] {tool} is not installed", found[0])
            other = Path(tools) / "clang-format"
            other.write_text("#!/bin/sh\necho clang-format version 99.1.0\n")
            other.chmod(0o755)
            tree = check_tree.check(self.tree, ["format"])
            self.assertEqual(tree.violations, [])
            self.assertIn("99.1.0", tree.unchecked["format"])

    def test_every_rule_has_a_planted_violation(self):
        self.assertEqual(set(PLANTED), set(check_tree.RULES))

    def test_each_violation_is_caught_by_name(self):
        for rule, violations in PLANTED.items():
            clean = check_tree.check(self.tree, [rule])
            self.assertEqual(clean.violations, [], f"the tree as it is breaks {rule}")
            if rule in clean.unchecked:
                self.unchecked[rule] = clean.unchecked[rule]
                continue
            for file, text in violations:
                with self.subTest(rule=rule, file=file, text=text[:60]):
                    self.plant_and_check(rule, file, text)

    def plant_and_check(self, rule, file, text):
        path = self.tree / file
        before = path.read_text() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((before or "") + text)
        try:
            found = check_tree.check(self.tree, [rule]).violations
        finally:
            if before is None:
                path.unlink()
            else:
                path.write_text(before)
        self.assertTrue(found, "not caught")
        for line in found:
            self.assertIn(f"[{rule}]", line)
            self.assertTrue(line.startswith(file) or (rule == "sdk-compiles" and "planted" in line), line)


if __name__ == "__main__":
    passed = unittest.main(exit=False).result.wasSuccessful()
    for rule, why in Planted.unchecked.items():
        print(f"planted_test: rule {rule} was not checked: it {why}")
    sys.exit(1 if not passed else 77 if Planted.unchecked else 0)
