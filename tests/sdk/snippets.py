"""Each C++ and C snippet of a document compiles as it stands, behind the two lines with which every plugin begins.
snippets.py C++_COMPILER C_COMPILER SDK_INCLUDE DOCUMENT"""
import re
import subprocess
import sys

cxx, cc, include, document = sys.argv[1:]
warnings = ["-Wall", "-Wextra", "-Wno-unused-function", "-Werror", "-fsyntax-only", f"-I{include}"]
languages = {
    "cpp": ([cxx, "-std=c++17", "-x", "c++"], "#include <ssp/cpp/plugin.hpp>\nusing namespace ssp;\n"),
    "c": ([cc, "-std=c11", "-x", "c"], '#include "ssp/abi.h"\n'),
}
text = open(document, encoding="utf-8").read()
compiled = {language: 0 for language in languages}
failed = False
for block in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
    if block[1] not in languages:
        continue
    command, prelude = languages[block[1]]
    line = text[: block.start(2)].count("\n") + 1
    source = ("" if "#include" in block[2] else prelude) + f'#line {line} "{document}"\n' + block[2]
    result = subprocess.run(command + warnings + ["-"], input=source, text=True, capture_output=True)
    compiled[block[1]] += 1
    if result.returncode:
        failed = True
        print(f"{document}:{line}: a snippet that does not compile\n{result.stderr}")
print(compiled)
sys.exit(failed or not compiled["cpp"])
