// Maps a plugin into the process and finds its entry. Knows what lies where in memory, nothing of components.
// loader.cpp alone includes Boost.DLL.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/note.h"

namespace selfsup::plugin {

// Where the segments of one mapped library lie.
class Image {
 public:
  struct Segment {
    uintptr_t begin, end;
    bool readable, executable;
  };
  explicit Image(std::vector<Segment> segments) : segments_(std::move(segments)) {}
  // All of [at, at + bytes) is in one readable segment.
  bool holds(const void* at, size_t bytes) const;
  bool is_code(uintptr_t at) const;

 private:
  std::vector<Segment> segments_;
};

struct Library {
  Image image;
  const void* symbol;  // inside the image, and not code
};

// Maps the bytes that open_plugin took, whatever the file at that path is by now, and runs the constructors; call it
// only after check_compatible. The library stays mapped for the life of the process, whatever happens later: live
// graphs and deleters may point into it. Error(plugin) with the loader's text.
Library load_library(const NoteFile& file, const char* symbol);

}  // namespace selfsup::plugin
