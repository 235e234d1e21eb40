"""The kept operators of sdk/ops-1.txt are those that the C++ layer wraps, each with arguments that the list has.
kept_operators.py COMPILER SDK_FOLDER"""
import re
import subprocess
import sys

compiler, sdk = sys.argv[1:]
command = [compiler, "-std=c++17", "-E", "-P", "-x", "c++", f"-I{sdk}/include", "-include", "ssp/cpp/ops.hpp", "/dev/null"]
text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
pattern = r'name = "aten::" "(\w+)", \*overload = "(\w*)", \*args = "([^"]*)";\s*static constexpr bool optional = (\w+);'
wrapped, optional = {}, {}
for name, overload, arguments, is_optional in re.findall(pattern, text):
    (optional if is_optional == "true" else wrapped)[f"{name}.{overload}".rstrip(".")] = set(arguments.split(","))
assert len(wrapped) > 200, f"{len(wrapped)} wrappers found: has SSP_OP changed?"

kept, offered = {}, {}
for line in open(f"{sdk}/ops-1.txt", encoding="utf-8"):
    found = re.match(r"aten::([\w.]+)\((.*?)\) (kept|offered) ", line)
    if found:
        (kept if found[3] == "kept" else offered)[found[1]] = set(found[2].split(","))

problems = [f"{name} is kept, and the layer has no function for it" for name in kept.keys() - wrapped.keys()]
problems += [f"the layer needs {name}, which is not kept" for name in wrapped.keys() - kept.keys()]
problems += [f"the layer can use {name}, which is not offered" for name in optional.keys() - offered.keys()]
for name, arguments in {**wrapped, **optional}.items():
    extra = arguments - {**kept, **offered}.get(name, arguments)
    problems += [f"{name} has no argument {', '.join(sorted(extra))}"] if extra else []
sys.exit("\n".join(sorted(problems)) or None)
