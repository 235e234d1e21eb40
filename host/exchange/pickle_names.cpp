#include "exchange/pickle_names.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace selfsup::exchange {
namespace {

constexpr std::pair<std::string_view, std::string_view> dtypes[] = {
    {"torch.DoubleStorage", "F64"}, {"torch.FloatStorage", "F32"},
    {"torch.HalfStorage", "F16"},   {"torch.BFloat16Storage", "BF16"},
    {"torch.LongStorage", "I64"},   {"torch.IntStorage", "I32"},
    {"torch.ShortStorage", "I16"},  {"torch.CharStorage", "I8"},
    {"torch.ByteStorage", "U8"},    {"torch.BoolStorage", "BOOL"},
    {"torch.float64", "F64"},       {"torch.float32", "F32"},
    {"torch.float16", "F16"},       {"torch.bfloat16", "BF16"},
    {"torch.int64", "I64"},         {"torch.int32", "I32"},
    {"torch.int16", "I16"},         {"torch.int8", "I8"},
    {"torch.uint64", "U64"},        {"torch.uint32", "U32"},
    {"torch.uint16", "U16"},        {"torch.uint8", "U8"},
    {"torch.bool", "BOOL"}};

constexpr std::pair<std::string_view, PickleName> meanings[] = {
    {"collections.OrderedDict", PickleName::dictionary},
    {"collections.defaultdict", PickleName::dictionary},
    {"collections.Counter", PickleName::dictionary},
    {"torch._utils._rebuild_tensor", PickleName::tensor},
    {"torch._utils._rebuild_tensor_v2", PickleName::tensor},
    {"torch._utils._rebuild_tensor_v3", PickleName::typed_tensor},
    {"torch._utils._rebuild_parameter", PickleName::parameter},
    {"torch.storage.UntypedStorage", PickleName::storage},
    {"torch.UntypedStorage", PickleName::storage},
    {"torch.storage.TypedStorage", PickleName::storage}};

// What training programs leave beside the weights: settings, logs, random states.
constexpr std::string_view harmless[] = {"_codecs.encode",
                                         "argparse.Namespace",
                                         "builtins.bool",
                                         "builtins.bytearray",
                                         "builtins.bytes",
                                         "builtins.complex",
                                         "builtins.dict",
                                         "builtins.float",
                                         "builtins.frozenset",
                                         "builtins.int",
                                         "builtins.list",
                                         "builtins.object",
                                         "builtins.set",
                                         "builtins.slice",
                                         "builtins.str",
                                         "builtins.tuple",
                                         "__builtin__.bytearray",
                                         "__builtin__.complex",
                                         "__builtin__.dict",
                                         "__builtin__.list",
                                         "__builtin__.long",
                                         "__builtin__.object",
                                         "__builtin__.set",
                                         "__builtin__.unicode",
                                         "collections.deque",
                                         "copy_reg._reconstructor",
                                         "copyreg._reconstructor",
                                         "datetime.date",
                                         "datetime.datetime",
                                         "datetime.timedelta",
                                         "datetime.timezone",
                                         "pathlib.Path",
                                         "pathlib.PosixPath",
                                         "pathlib.PurePosixPath",
                                         "torch.Size",
                                         "torch.device",
                                         "torch.memory_format",
                                         "torch.strided",
                                         "yacs.config.CfgNode"};
// The same, of whole packages.
constexpr std::string_view harmless_packages[] = {"numpy.", "mmengine.", "mmcv.", "omegaconf."};

}  // namespace

std::optional<PickleName> meaning_of(std::string_view name) {
  for (const auto& [known, meaning] : meanings)
    if (known == name) return meaning;
  for (const auto& [known, dtype] : dtypes)
    if (known == name) return known.ends_with("Storage") ? PickleName::storage : PickleName::dtype;
  const bool package = std::any_of(std::begin(harmless_packages), std::end(harmless_packages),
                                   [&](std::string_view prefix) { return name.starts_with(prefix); });
  const bool torch_dtype = name.starts_with("torch.complex") || name.starts_with("torch.float8_") ||
                           name.starts_with("torch.qint") || name == "torch.quint8";
  if (package || torch_dtype || std::find(std::begin(harmless), std::end(harmless), name) != std::end(harmless))
    return PickleName::harmless;
  if (name.starts_with("torch.") && name.ends_with("Storage") && name.find('.', 6) == name.npos)
    return PickleName::storage;  // of a dtype that is not read here
  return std::nullopt;
}

std::string dtype_of(std::string_view name) {
  for (const auto& [known, dtype] : dtypes)
    if (known == name) return std::string(dtype);
  return "";
}

}  // namespace selfsup::exchange
