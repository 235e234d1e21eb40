#include "plugin/loader.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>

#include <boost/dll/shared_library.hpp>
#include <filesystem>

#include "base/errors.h"
#include "plugin/crossing.h"
#include "plugin/modules.h"

namespace selfsup::plugin {
namespace {

struct Wanted {
  const void* dynamic;  // the library's dynamic section in memory: one per library
  std::vector<Image::Segment> segments;
};

int take_segments(dl_phdr_info* info, size_t, void* data) {
  auto& wanted = *static_cast<Wanted*>(data);
  const auto address = [info](const ElfW(Phdr) & s) { return static_cast<uintptr_t>(info->dlpi_addr + s.p_vaddr); };
  bool found = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& s = info->dlpi_phdr[i];
    found |= s.p_type == PT_DYNAMIC && address(s) == reinterpret_cast<uintptr_t>(wanted.dynamic);
  }
  if (!found) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& s = info->dlpi_phdr[i];
    if (s.p_type != PT_LOAD) continue;
    wanted.segments.push_back({address(s), address(s) + s.p_memsz, (s.p_flags & PF_R) != 0, (s.p_flags & PF_X) != 0});
  }
  return 1;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

}  // namespace

bool Image::holds(const void* at, size_t bytes) const {
  const auto begin = reinterpret_cast<uintptr_t>(at);
  for (const Segment& s : segments_) {
    if (s.readable && begin >= s.begin && begin < s.end) return bytes <= s.end - begin;
  }
  return false;
}

bool Image::is_code(uintptr_t at) const {
  for (const Segment& s : segments_) {
    if (s.executable && at >= s.begin && at < s.end) return true;
  }
  return false;
}

Library load_library(const NoteFile& file, const char* symbol) {
  namespace dll = boost::dll;
  // Boost has no name for RTLD_NODELETE, but passes the bit on.
  const auto mode =
      dll::load_mode::rtld_now | dll::load_mode::rtld_local | static_cast<dll::load_mode::type>(RTLD_NODELETE);
  // ld.so knows the library by this name, so the descriptor stays open as long as the library is mapped: for ever. By
  // the process's number, not by "self", so that a debugger finds the file too: the number that /proc has for it, which
  // in a container may be another than getpid's.
  Fd fd(::fcntl(file.bytes->fd(), F_DUPFD_CLOEXEC, 0));
  if (!fd) throw Error(Exit::plugin, fmt::format("{}: no file descriptor is left", describe(file)));
  const std::string name =
      fmt::format("/proc/{}/fd/{}", std::filesystem::read_symlink("/proc/self").string(), fd.get());
  const Crossing crossing(file.note.id.c_str(), "constructors");
  const NewModules modules(file.note.id.c_str());
  try {
    const dll::shared_library library(dll::fs::path(name), mode);
    fd.release();
    const link_map* map = nullptr;
    if (::dlinfo(library.native(), RTLD_DI_LINKMAP, &map) != 0) {
      throw Error(Exit::plugin, describe(file) + ": cannot be examined after loading");
    }
    Wanted wanted{map->l_ld, {}};
    ::dl_iterate_phdr(take_segments, &wanted);
    // dlsym also searches the libraries that this one needs, so the address is checked too.
    const Library result{Image(std::move(wanted.segments)), ::dlsym(library.native(), symbol)};
    if (!result.symbol || !result.image.holds(result.symbol, 1) ||
        result.image.is_code(reinterpret_cast<uintptr_t>(result.symbol))) {
      throw Error(Exit::plugin,
                  fmt::format("{}: expected a data object named {} in the file, found {}; export it (SSP_PLUGIN does)",
                              describe(file), symbol, result.symbol ? "one that is code or of another file" : "none"));
    }
    return result;
  } catch (const boost::system::system_error& error) {
    throw Error(Exit::plugin, fmt::format("{}: the system could not load it: {}; install what is missing, or link it "
                                          "into the plugin",
                                          describe(file), replaced(error.what(), name, file.path)));
  }
}

}  // namespace selfsup::plugin
