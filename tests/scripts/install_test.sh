#!/bin/sh
# `cmake --install` gives a tree that works after it was moved: the host runs, and plugins (the template, the README's, the document's,
# an example and one more) build against it with find_package and no LibTorch in sight. install_test.sh BUILD_FOLDER SOURCE_FOLDER
. "$(dirname "$0")/common.sh"
unset SELFSUP_TORCH_DIR

DESTDIR=$scratch/stage cmake --install "$1" --prefix /opt/selfsup >"$scratch/out" 2>&1 || fail "cmake --install: $(tail -n 5 "$scratch/out")"
prefix="$scratch/moved here"
mv "$scratch/stage/opt/selfsup" "$prefix"
for file in bin/selfsup-host lib/selfsup/libselfsup-core.so include/ssp/base.h share/cmake/SelfsupSDK/SelfsupSDKConfig.cmake \
  share/cmake/SelfsupSDK/SelfsupPlugin.cmake share/doc/selfsup/LICENSE share/selfsup/sdk/ABI.md share/selfsup/docs/writing-a-plugin.md \
  share/selfsup/scripts/dist_train.sh share/selfsup/scripts/slurm_train.sh share/selfsup/scripts/find_host.sh; do
  [ -e "$prefix/$file" ] || fail "$file is not installed"
done
for plugin in "$1"/lib/selfsup/plugins/*.so; do
  [ ! -e "$plugin" ] || [ -e "$prefix/lib/selfsup/plugins/${plugin##*/}" ] || fail "${plugin##*/} is not installed"
done
"$prefix/bin/selfsup-host" env >/dev/null || fail "the installed host does not run"
SELFSUP_TORCH_DIR=/nonexistent SELFSUP_HOST='' sh "$prefix/share/selfsup/scripts/dist_train.sh" "$prefix/share/selfsup/configs/shapes.json" 2 >"$scratch/out" 2>&1
grep -q "starting 2 of 2 ranks" "$scratch/out" || fail "the installed dist_train.sh does not start the installed host"
grep -rlF "$1" "$prefix/include" "$prefix/share" && fail "installed files name the build folder"
python3 - "$prefix/share/selfsup" <<'END' || fail "documents that lead nowhere"
import os, re, sys
dead = []
for folder, _, files in os.walk(sys.argv[1]):
    for file in (os.path.join(folder, f) for f in files if f.endswith(".md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", open(file, encoding="utf-8").read()):
            if "://" not in target and not os.path.exists(os.path.join(folder, target)):
                dead.append(f"{file}: {target}")
sys.exit("\n".join(dead) or None)
END

mkdir "$scratch/plugin"
cat >"$scratch/plugin/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(outside CXX)
find_package(SelfsupSDK REQUIRED)
selfsup_add_plugin(outside ID test.outside VERSION 1.2.3 PROVIDES ssp.transform/0:Outside NEEDS ssp.backbone/0:* SOURCES outside.cpp)
END
cat >"$scratch/plugin/outside.cpp" <<'END'
#include <stdexcept>
#include <string>

#include "ssp/entry.h"
static ssp_status init(const ssp_host*) {
  try {
    throw std::runtime_error("libstdc++ must come along");
  } catch (const std::exception& error) {
    return std::string(error.what()).empty() ? SSP_E_PLUGIN : SSP_OK;
  }
}
static void shutdown() {}
static ssp_status get_factory(ssp_str, ssp_str, const void**) { return SSP_E_UNSUPPORTED; }
extern "C" {
extern __attribute__((visibility("default"))) const ssp_plugin_entry ssp_plugin_v1;
const ssp_plugin_entry ssp_plugin_v1 = {sizeof(ssp_plugin_entry), SSP_ABI_MINOR, init, shutdown, get_factory};
}
END
mkdir "$scratch/in_c"
cat >"$scratch/in_c/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(in_c C)
find_package(SelfsupSDK REQUIRED)
selfsup_add_plugin(in_c ID test.in_c VERSION 1.2.3 PROVIDES ssp.transform/0:Outside SOURCES in_c.c)
END
cat >"$scratch/in_c/in_c.c" <<'END'
#include "ssp/entry.h"
static ssp_status init(const ssp_host* host) { return host ? SSP_OK : SSP_E_ARGUMENT; }
static void shut_down(void) {}
static ssp_status get_factory(ssp_str kind, ssp_str name, const void** table) {
  (void)kind, (void)name, (void)table;
  return SSP_E_UNSUPPORTED;
}
__attribute__((visibility("default")))
const ssp_plugin_entry ssp_plugin_v1 = {sizeof ssp_plugin_v1, SSP_ABI_MINOR, init, shut_down, get_factory};
END
cp -R "$prefix/share/selfsup/sdk/template" "$scratch/template"
mkdir "$scratch/readme"
block() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/d;p;}" "$2"; }
block cmake "$2/README.md" >"$scratch/readme/CMakeLists.txt"
block cpp "$2/README.md" >"$scratch/readme/denoiser.cpp"
mkdir "$scratch/documented"
block cmake "$prefix/share/selfsup/docs/writing-a-plugin.md" >"$scratch/documented/CMakeLists.txt"
cp "$prefix/share/selfsup/sdk/examples/momentum_contrast.cpp" "$scratch/documented/plugin.cpp"
for folder in template in_c readme documented plugin; do
  {
    cmake -G Ninja -S "$scratch/$folder" -B "$scratch/$folder/build" -DCMAKE_PREFIX_PATH="$prefix" &&
      cmake --build "$scratch/$folder/build"
  } >"$scratch/out" 2>&1 || fail "$folder does not build outside: $(tail -n 20 "$scratch/out")"
  plugin=$(echo "$scratch/$folder"/build/*.so)
  readelf -dW "$plugin" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux.*)$' &&
    fail "$plugin needs more than libc and libm"
  [ "$(nm -D --defined-only "$plugin" | awk '{ print $3 }')" = ssp_plugin_v1 ] || fail "$plugin exports more than ssp_plugin_v1"
  newest=$(readelf -VW "$plugin" | grep -oE 'GLIBC_2\.[0-9]+' | cut -d. -f2 | sort -n | tail -n 1)
  [ "${newest:-0}" -le 35 ] || fail "$plugin needs glibc 2.$newest, expected 2.35 or older"
done

"$prefix/bin/selfsup-host" inspect "$scratch/in_c/build/in_c.so" >"$scratch/out" 2>&1
grep -q test.in_c "$scratch/out" || fail "a plugin of a project in C has no note: $(cat "$scratch/out")"

# The template and the README's plugin train under the installed host: the loss falls.
cat >"$scratch/run.json" <<'END'
{
  "train_dataloader": { "dataset": { "type": "shapes", "size": 256, "image_size": 32 } },
  "train_cfg": { "max_iters": 40 },
  "default_hooks": { "logger": { "interval": 1 } },
  "randomness": { "seed": 0 }
}
END
for folder in template readme; do
  "$prefix/bin/selfsup-host" --plugin "$(echo "$scratch/$folder"/build/*.so)" "$scratch/run.json" --work-dir "$scratch/run-$folder" \
    >"$scratch/out" 2>&1 || fail "$folder does not train: $(tail -n 20 "$scratch/out")"
  python3 - "$scratch/run-$folder/metrics.jsonl" <<'END' || fail "the loss of $folder does not fall"
import json, sys
loss = [json.loads(line)["loss"] for line in open(sys.argv[1])]
sys.exit(not (len(loss) == 40 and loss[-1] < 0.8 * loss[0]))
END
done

# Where no host is at hand, the plugin is built without a digest, and stamped elsewhere.
{
  cmake -G Ninja -S "$scratch/in_c" -B "$scratch/in_c/bare" -DCMAKE_PREFIX_PATH="$prefix" -DSELFSUP_STAMP=OFF && cmake --build "$scratch/in_c/bare"
} >"$scratch/out" 2>&1 || fail "a plugin without a stamp does not build"
"$prefix/bin/selfsup-host" inspect "$scratch/in_c/bare/in_c.so" | grep -q '^ *digest *none' || fail "a plugin is stamped in spite of SELFSUP_STAMP=OFF"
"$prefix/bin/selfsup-host" stamp "$scratch/in_c/bare/in_c.so" || fail "stamp: exit $?"
cmp -s "$scratch/in_c/bare/in_c.so" "$scratch/in_c/build/in_c.so" || fail "a plugin stamped later is another than one stamped when built"
mkdir "$scratch/headers" && cp -R "$prefix/include" "$prefix/share" "$scratch/headers"
cmake -G Ninja -S "$scratch/in_c" -B "$scratch/in_c/headless" -DCMAKE_PREFIX_PATH="$scratch/headers" >"$scratch/out" 2>&1 && fail "an SDK without a host configures"
grep -q "SELFSUP_STAMP=OFF" "$scratch/out" || fail "an SDK without a host: not said what to do"

# The note, byte for byte, through the program headers' PT_NOTE segment; and its digest, as sdk/ABI.md defines it.
major=$(sed -n 's/^#define SSP_ABI_MAJOR //p' "$prefix/include/ssp/base.h")
minor=$(sed -n 's/^#define SSP_ABI_MINOR //p' "$prefix/include/ssp/base.h")
python3 - "$plugin" "[$major, $minor]" <<'END' || fail "the note"
import hashlib, json, struct, sys
data = open(sys.argv[1], "rb").read()
table, = struct.unpack_from("<Q", data, 32)
entry, count = struct.unpack_from("<HH", data, 54)
notes, loaded = [], []
for i in range(count):
    kind, _, offset, _, _, size, _, align = struct.unpack_from("<IIQQQQQQ", data, table + i * entry)
    end = offset + size
    if kind == 1:
        loaded.append((offset, size))
    while kind == 4 and offset + 12 <= end:
        name, text, number = struct.unpack_from("<III", data, offset)
        pad = lambda n: (n + align - 1) // align * align
        if data[offset + 12:offset + 12 + name] == b"SSP\0" and number == 1:
            notes.append(data[offset + 12 + pad(name):][:text])
        offset += 12 + pad(name) + pad(text)
assert len(notes) == 1, f"{len(notes)} notes"
expected = {"id": "test.outside", "version": "1.2.3", "sdk": json.loads(sys.argv[2]), "tier": "portable",
            "provides": [["ssp.transform/0", "Outside"]], "needs": [["ssp.backbone/0", "*"]], "machine": "x86_64", "isa": "",
            "torch": None, "cuda": None}
note = json.loads(notes[0])
digest = note.pop("digest")
assert note == expected, notes[0]
masked = bytearray(data)
masked[40:48], masked[58:64] = bytes(8), bytes(6)  # where the section table is
masked = masked.replace(digest.encode(), b"0" * 64)
sha = hashlib.sha256(masked[:64])
for offset, size in [(table, entry * count)] + loaded:
    sha.update(masked[offset:offset + size])
assert sha.hexdigest() == digest, digest
END
exit $failed
