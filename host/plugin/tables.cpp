#include "plugin/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "base/errors.h"
#include "ssp/algorithm.h"
#include "ssp/backbone.h"
#include "ssp/registry.h"
#include "ssp/transform.h"

namespace selfsup::plugin {
namespace {

struct Function {
  const char* name;
  size_t offset;
  bool required;
};

struct Layout {
  const char* kind;
  size_t smallest;       // in the first minor of this major
  uint32_t known_flags;  // of `caps`; bits 16-31 are free
  std::span<const Function> functions;
};

#define FUNCTION(table, field, required) \
  { #field, offsetof(table, field), required }
#define SIZE_UP_TO(table, field) (offsetof(table, field) + sizeof(table::field))

constexpr Function kEntry[] = {FUNCTION(ssp_plugin_entry, init, true), FUNCTION(ssp_plugin_entry, shutdown, true),
                               FUNCTION(ssp_plugin_entry, get_factory, true)};
constexpr Function kAlgorithm[] = {
    FUNCTION(ssp_algorithm, schema, true),        FUNCTION(ssp_algorithm, defaults, false),
    FUNCTION(ssp_algorithm, create, true),        FUNCTION(ssp_algorithm, destroy, true),
    FUNCTION(ssp_algorithm, training_step, true), FUNCTION(ssp_algorithm, features, false),
    FUNCTION(ssp_algorithm, reconstruct, false),  FUNCTION(ssp_algorithm, on_event, false),
    FUNCTION(ssp_algorithm, save_state, false),   FUNCTION(ssp_algorithm, load_state, false),
    FUNCTION(ssp_algorithm, names, false)};
constexpr Function kBackbone[] = {FUNCTION(ssp_backbone, schema, true),  FUNCTION(ssp_backbone, create, true),
                                  FUNCTION(ssp_backbone, destroy, true), FUNCTION(ssp_backbone, layers, true),
                                  FUNCTION(ssp_backbone, forward, true), FUNCTION(ssp_backbone, names, false)};
constexpr Function kTokens[] = {
    FUNCTION(ssp_backbone_tokens, schema, true),  FUNCTION(ssp_backbone_tokens, create, true),
    FUNCTION(ssp_backbone_tokens, destroy, true), FUNCTION(ssp_backbone_tokens, info, true),
    FUNCTION(ssp_backbone_tokens, embed, true),   FUNCTION(ssp_backbone_tokens, positions, true),
    FUNCTION(ssp_backbone_tokens, encode, true),  FUNCTION(ssp_backbone_tokens, names, false)};
constexpr Function kTransform[] = {FUNCTION(ssp_transform, schema, true), FUNCTION(ssp_transform, create, true),
                                   FUNCTION(ssp_transform, destroy, true), FUNCTION(ssp_transform, apply, true)};

constexpr Function kHead[] = {FUNCTION(ssp_table_head, schema, true), FUNCTION(ssp_table_head, create, true),
                              FUNCTION(ssp_table_head, destroy, true)};

constexpr Layout kLayouts[] = {{SSP_KIND_ALGORITHM, SIZE_UP_TO(ssp_algorithm, names),
                                SSP_CAP_CAPTURABLE | SSP_CAP_GRADIENTS | SSP_CAP_EPOCH_BEGIN, kAlgorithm},
                               {SSP_KIND_BACKBONE, SIZE_UP_TO(ssp_backbone, names), 0, kBackbone},
                               {SSP_KIND_BACKBONE_TOKENS, SIZE_UP_TO(ssp_backbone_tokens, names), 0, kTokens},
                               {SSP_KIND_TRANSFORM, SIZE_UP_TO(ssp_transform, apply), 0, kTransform}};

// Of a kind that this host does not know: whoever asks for it knows the rest, and its flags.
constexpr Layout kUnknown = {"", SIZE_UP_TO(ssp_table_head, destroy), 0xffffu, kHead};

#undef FUNCTION
#undef SIZE_UP_TO

constexpr const char* kRemedy = "build the plugin on the SDK's C++ layer, or correct the table";

[[noreturn]] void refuse(const std::string& who, const std::string& text) {
  throw Error(Exit::plugin, fmt::format("{}: {}; {}", who, text, kRemedy));
}

void check_place(const std::string& who, const std::string& what, const Image& image, const void* table) {
  if (!table) refuse(who, what + " is null");
  if (reinterpret_cast<uintptr_t>(table) % alignof(void*) != 0) refuse(who, what + " is not aligned");
  if (!image.holds(table, 2 * sizeof(uint32_t))) refuse(who, what + " lies outside the plugin's own memory");
}

// The table's struct_size.
uint32_t check_size(const std::string& who, const std::string& what, const Image& image, const void* table,
                    size_t smallest) {
  uint32_t size;
  std::memcpy(&size, table, sizeof size);
  if (size < smallest) {
    refuse(who,
           fmt::format("{} has struct_size {}, expected at least {} (SDK {}.0)", what, size, smallest, SSP_ABI_MAJOR));
  }
  if (!image.holds(table, size)) {
    refuse(who, fmt::format("{} has struct_size {}, which runs past the memory segment that it lies in (expected {})",
                            what, size, smallest));
  }
  return size;
}

// Those that a table of `size` bytes has; a plugin of an older minor lacks the newer ones.
void check_functions(const std::string& who, const std::string& what, const Image& image, const void* table,
                     uint32_t size, std::span<const Function> functions) {
  for (const Function& function : functions) {
    if (function.offset + sizeof(void*) > size) continue;
    uintptr_t address;
    std::memcpy(&address, static_cast<const char*>(table) + function.offset, sizeof address);
    if (address == 0) {
      if (!function.required) continue;
      refuse(who, fmt::format("{}.{} is null, expected a function", what, function.name));
    }
    if (!image.is_code(address)) {
      refuse(who,
             fmt::format("{}.{} is no code of the plugin's own file, expected a function of it", what, function.name));
    }
  }
}

}  // namespace

const ssp_plugin_entry* check_entry(const std::string& who, const Library& library) {
  const std::string what = "ssp_plugin_v1";
  check_place(who, what, library.image, library.symbol);
  const uint32_t size =
      check_size(who, what, library.image, library.symbol, offsetof(ssp_plugin_entry, get_factory) + sizeof(void*));
  const auto* entry = static_cast<const ssp_plugin_entry*>(library.symbol);
  if (entry->abi_minor != SSP_ABI_MINOR) {
    refuse(who, fmt::format("{} says SDK {}.{}, its note and this host say {}.{}", what, SSP_ABI_MAJOR,
                            entry->abi_minor, SSP_ABI_MAJOR, SSP_ABI_MINOR));
  }
  check_functions(who, what, library.image, entry, size, kEntry);
  return entry;
}

void check_table(const std::string& who, const Image& image, std::string_view kind, const void* table) {
  const auto known =
      std::find_if(std::begin(kLayouts), std::end(kLayouts), [&](const Layout& l) { return kind == l.kind; });
  const Layout& layout = known == std::end(kLayouts) ? kUnknown : *known;
  const std::string what = "the table";
  check_place(who, what, image, table);
  const uint32_t size = check_size(who, what, image, table, layout.smallest);
  uint32_t caps;
  std::memcpy(&caps, static_cast<const char*>(table) + sizeof(uint32_t), sizeof caps);
  if (caps & 0xffffu & ~layout.known_flags) {
    refuse(who, fmt::format("{} has caps {:#x}, this host knows {:#x} and may ignore bits 16-31 only", what, caps,
                            layout.known_flags));
  }
  check_functions(who, what, image, table, size, layout.functions);
  if (kind != SSP_KIND_ALGORITHM) return;
  const auto* algorithm = static_cast<const ssp_algorithm*>(table);
  constexpr uint32_t both = SSP_CAP_CAPTURABLE | SSP_CAP_GRADIENTS;
  if ((caps & both) == both) {
    refuse(who,
           fmt::format("{}'s caps hold SSP_CAP_CAPTURABLE and SSP_CAP_GRADIENTS, but no code of a plugin runs in a "
                       "captured step: one of them cannot be",
                       what));
  }
  if (!algorithm->save_state != !algorithm->load_state) {
    refuse(who, fmt::format("{0}.{1} is there without {0}.{2}: what one writes the other must read", what,
                            algorithm->save_state ? "save_state" : "load_state",
                            algorithm->save_state ? "load_state" : "save_state"));
  }
}

const std::vector<std::string>& known_kinds() {
  static const std::vector<std::string> kinds = [] {
    std::vector<std::string> names;
    for (const Layout& layout : kLayouts) names.emplace_back(layout.kind);
    return names;
  }();
  return kinds;
}

bool is_known_kind(std::string_view kind) {
  return std::find(known_kinds().begin(), known_kinds().end(), kind) != known_kinds().end();
}

}  // namespace selfsup::plugin
