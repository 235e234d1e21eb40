// SPDX-License-Identifier: Apache-2.0
// The note (ssp/entry.h) as an object of the plugin: the build's text around the list of what SSP_PLUGIN names. Knows
// no tables.
#pragma once
#include "ssp/entry.h"

namespace ssp {
inline namespace v0 {

// A component as SSP_PLUGIN lists it; table: of any kind, those that no host knows too.
struct ComponentEntry {
  const char *kind, *name;
  const void* table;
};

namespace detail {

// Counts what is written; with a place, writes it too.
class NoteText {
 public:
  explicit constexpr NoteText(char* out) : out_(out) {}
  constexpr void add(const char* text) {
    for (; *text; ++text) add(*text);
  }
  constexpr void add(char c) {
    if (out_) out_[size_] = c;
    ++size_;
  }
  // A kind or a name: letters, digits and . _ / + - only, so that its text is JSON as it stands.
  constexpr void add_word(const char* text) {
    add('"');
    for (const char* c = text; *c; ++c) {
      const bool good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '.' ||
                        *c == '_' || *c == '/' || *c == '+' || *c == '-';
      if (!good)
        throw "kinds and names are made of letters, digits and . _ / + -";  // does not compile, since constexpr
      add(*c);
    }
    add('"');
  }
  constexpr size_t size() const { return size_; }

 private:
  char* out_;
  size_t size_ = 0;
};

template <size_t N>
constexpr size_t write_note(char* out, const char* before, const ComponentEntry (&entries)[N], const char* after) {
  NoteText text(out);
  text.add(before);
  text.add('[');
  for (size_t i = 0; i < N; ++i) {
    text.add(i == 0 ? "[" : ",[");
    text.add_word(entries[i].kind);
    text.add(',');
    text.add_word(entries[i].name);
    text.add(']');
  }
  text.add(']');
  text.add(after);
  return text.size();
}

// As the linker lays out an ELF note.
template <size_t Size>
struct Note {
  static_assert(Size <= SSP_NOTE_MAX_BYTES, "the note has more bytes than are allowed");
  uint32_t name_size = sizeof(SSP_NOTE_OWNER), text_size = Size, type = SSP_NOTE_TYPE;
  char name[sizeof(SSP_NOTE_OWNER)] = SSP_NOTE_OWNER;
  char text[(Size + 3) / 4 * 4] = {};
};

template <size_t Size, size_t N>
constexpr Note<Size> make_note(const char* before, const ComponentEntry (&entries)[N], const char* after) {
  Note<Size> note;
  write_note(note.text, before, entries, after);
  return note;
}

}  // namespace detail
}  // namespace v0
}  // namespace ssp

// selfsup_add_plugin gives the text around the list. Without it (another build, which writes a note of its own; a check
// of syntax) there is none.
#if defined(SSP_NOTE_BEFORE) && defined(SSP_NOTE_AFTER)
#define SSP_DEFINE_NOTE(entries)                                                                          \
  __attribute__((section(".note.ssp"), used, aligned(4))) constexpr auto ssp_plugin_note =                \
      ssp::detail::make_note<ssp::detail::write_note(nullptr, SSP_NOTE_BEFORE, entries, SSP_NOTE_AFTER)>( \
          SSP_NOTE_BEFORE, entries, SSP_NOTE_AFTER);
#else
#define SSP_DEFINE_NOTE(entries)
#endif
