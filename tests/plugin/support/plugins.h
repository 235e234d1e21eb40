// What the tests of the plugin room share: fixture files, damaged copies of them, child processes, a host for init.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "base/errors.h"
#include "ssp/entry.h"

namespace selfsup::plugin::test {

std::string fixture(const std::string& name);  // "good" -> …/fixture_good.so

// A folder that is removed with its contents.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::string read_bytes(const std::string& path);
void write_bytes(const std::string& path, const std::string& bytes);
void write_plugin(const std::string& path, const std::string& bytes);  // with the digest that it should have, if it can

// The fixture's bytes with one key of its note replaced, as replace_in_note(bytes, "\"sdk\":[0,1]", "\"sdk\":[9,0]").
std::string replace_in_note(std::string bytes, const std::string& from, const std::string& to);
// With another note altogether, at most as long as the old one.
std::string with_note(std::string bytes, const std::string& note);
// A note like the good one's.
std::string note_text(const std::string& id, const std::string& provides, const std::string& needs);
// Replaces every occurrence; equal lengths.
std::string replace_all(std::string bytes, const std::string& from, const std::string& to);

// The file that fixtures write to when their code runs, for as long as the object lives.
class Marker {
 public:
  Marker();
  ~Marker();
  std::string text() const;  // "" when no code of a plugin ran

 private:
  TempFolder folder_;
  std::string path_;
};

struct Outcome {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string err;  // what it wrote to stderr
};

// Runs `body` in a child, which exits with what it returns, 250 after an exception. Ends it after 20 s.
Outcome in_child(const std::function<int()>& body);

// The host that plugins get: no extensions, a text store.
const ssp_host* host();

// The text of the Error that `body` throws, "" if none; it must have this exit code.
std::string error_of(const std::function<void()>& body, Exit exit = Exit::plugin);

}  // namespace selfsup::plugin::test
