#!/usr/bin/env python3
"""Stand-ins for the CUDA libraries that PyTorch's wheel wants to see when Python imports it, for tests that use nothing but its CPU part.

  python3 cuda_stand_ins.py TORCH_LIB_FOLDER OUT_FOLDER

For each CUDA library that those of the folder need and that the wheel's neighbours do not have, OUT_FOLDER gets one with the names that are asked
of it, under the versions that are asked for. Calling one ends the process. Needs readelf and cc.
"""
import re
import subprocess
import sys
from pathlib import Path

WHEEL = ["libtorch_python.so", "libtorch_cuda.so", "libc10_cuda.so", "libtorch_nvshmem.so", "libtorch_cpu.so", "libtorch.so", "libc10.so", "libshm.so"]
CUDA = re.compile(r"lib((?:cu|nccl|nv)[a-z]*)")


def readelf(*words):
    return subprocess.run(["readelf", "-W", *words], capture_output=True, text=True, check=True).stdout


def needs(libraries):
    """The libraries that those need, and {symbol: version} of what they use and none of them defines."""
    needed, defined, asked = set(), set(), {}
    for path in libraries:
        needed |= set(re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("-d", path)))
        for fields in map(str.split, readelf("--dyn-syms", path).splitlines()):
            if len(fields) < 8 or not fields[0].endswith(":"):
                continue
            symbol, _, version = fields[7].replace("@@", "@").partition("@")
            if fields[6] != "UND":
                defined.add(symbol)
            elif fields[4] != "WEAK":
                asked[symbol] = version
    return needed, {symbol: version for symbol, version in asked.items() if symbol not in defined}


def write(library, versions, out):
    """versions: {version or "": its symbols}."""
    source, script = out / "source.s", out / "versions.map"
    symbols = [symbol for names in versions.values() for symbol in names]
    source.write_text("".join(f".globl {s}\n.type {s}, @function\n{s}: ud2\n" for s in symbols) + '.section .note.GNU-stack,"",@progbits\n')
    script.write_text("".join(f"{version} {{ global: {'; '.join(names)}; }};\n" for version, names in versions.items() if version))
    options = [f"-Wl,--version-script={script}"] if script.stat().st_size else []
    subprocess.run(["cc", "-shared", "-nostdlib", f"-Wl,-soname,{library}", *options, "-o", out / library, source], check=True)


def main():
    folder, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    needed, asked = needs([folder / name for name in WHEEL])
    there = {path.name for path in folder.parent.parent.rglob("*.so*")}
    homes = {library: {} for library in sorted(needed - there) if CUDA.match(library)}
    for symbol, version in asked.items():
        # A version is the library's name, or there is none that says whose the symbol is.
        home = version if version in homes else next((lib for lib in homes if symbol.lower().startswith(CUDA.match(lib)[1])), None)
        if home and version not in there:
            homes[home].setdefault(version, []).append(symbol)
    for library, versions in homes.items():
        write(library, versions, out)


main()
