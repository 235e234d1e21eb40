#include "plugin/modules.h"

#include <link.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>

namespace selfsup::plugin {
namespace {

struct Code {
  uintptr_t begin, end;
  char plugin[64];
};
// Of fixed size, and only ever appended to: a signal handler reads it.
std::array<Code, 512> all_code;
std::atomic<size_t> code_count{0};
static_assert(std::atomic<size_t>::is_always_lock_free);

void add(uintptr_t begin, uintptr_t end, const char* plugin) {
  const size_t n = code_count;
  if (n == all_code.size()) return;
  all_code[n] = {begin, end, {}};
  std::strncpy(all_code[n].plugin, plugin, sizeof all_code[n].plugin - 1);
  code_count = n + 1;
}

// Modules are listed in the order in which they were mapped.
struct Walk {
  size_t seen = 0, before = 0;
  const char* plugin = nullptr;  // null: only counts
};

int step(dl_phdr_info* info, size_t, void* data) {
  auto& walk = *static_cast<Walk*>(data);
  if (walk.seen++ < walk.before || !walk.plugin) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X)) add(begin, begin + segment.p_memsz, walk.plugin);
  }
  return 0;
}

}  // namespace

NewModules::NewModules(const char* plugin) : plugin_(plugin), before_(0) {
  Walk walk;
  ::dl_iterate_phdr(step, &walk);
  before_ = walk.seen;
}

NewModules::~NewModules() {
  Walk walk{0, before_, plugin_};
  ::dl_iterate_phdr(step, &walk);
}

const char* plugin_at(uintptr_t address) noexcept {
  const size_t count = code_count;
  for (size_t i = 0; i < count; ++i)
    if (address >= all_code[i].begin && address < all_code[i].end) return all_code[i].plugin;
  return nullptr;
}

const char* plugin_on_stack(uintptr_t from) noexcept {
  constexpr size_t kMost = 64;  // pages
  const uintptr_t page = 4096;
  uintptr_t words[page / sizeof(uintptr_t)];
  from -= from % sizeof(uintptr_t);
  for (size_t i = 0; i < kMost; ++i) {
    const size_t bytes = page - from % page;
    const iovec to{words, bytes}, at{reinterpret_cast<void*>(from), bytes};
    // The kernel's copy fails where a read would crash: past the end of the stack.
    if (::process_vm_readv(::getpid(), &to, 1, &at, 1, 0) != static_cast<ssize_t>(bytes)) return nullptr;
    for (size_t word = 0; word < bytes / sizeof(uintptr_t); ++word)
      if (const char* plugin = plugin_at(words[word])) return plugin;
    from += bytes;
  }
  return nullptr;
}

}  // namespace selfsup::plugin
