#include "plugin/support/plugins.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "plugin/note.h"

namespace selfsup::plugin::test {

std::string fixture(const std::string& name) { return SELFSUP_FIXTURE_PLUGINS "/fixture_" + name + ".so"; }

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "selfsup-plugin-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.flush());
}

void write_plugin(const std::string& path, const std::string& bytes) {
  write_bytes(path, bytes);
  try {
    stamp(path);
  } catch (const Error&) {  // it will be refused for that
  }
}

namespace {
constexpr const char* kNoteBegin = "{\"id\":\"test.fixture\"";
// First byte of the note and its length, the spaces at its end included.
std::pair<size_t, size_t> note_place(const std::string& bytes) {
  const size_t begin = bytes.find(kNoteBegin);
  REQUIRE(begin != std::string::npos);
  return {begin, bytes.find_first_not_of(' ', bytes.find('}', begin) + 1) - begin};
}
}  // namespace

std::string with_note(std::string bytes, const std::string& note) {
  const auto [begin, length] = note_place(bytes);
  REQUIRE(note.size() <= length);
  return bytes.replace(begin, length, note + std::string(length - note.size(), ' '));
}

std::string replace_in_note(std::string bytes, const std::string& from, const std::string& to) {
  const auto [begin, length] = note_place(bytes);
  std::string note = bytes.substr(begin, length);
  const size_t at = note.find(from);
  REQUIRE(at != std::string::npos);
  note.replace(at, from.size(), to);
  note.resize(std::max(note.find_last_not_of(' ') + 1, size_t{1}));
  return with_note(std::move(bytes), note);
}

std::string note_text(const std::string& id, const std::string& provides, const std::string& needs) {
  return "{\"id\":\"" + id + "\",\"version\":\"1.2.3\",\"sdk\":[" + std::to_string(SSP_ABI_MAJOR) + "," +
         std::to_string(SSP_ABI_MINOR) + "],\"tier\":\"portable\",\"provides\":" + provides + ",\"needs\":" + needs +
         ",\"machine\":\"" SELFSUP_TEST_MACHINE "\",\"isa\":\"\",\"torch\":null,\"cuda\":null,\"digest\":\"" +
         std::string(64, '0') + "\"}";
}

std::string replace_all(std::string bytes, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  size_t count = 0;
  for (size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + to.size())) {
    bytes.replace(at, from.size(), to);
    ++count;
  }
  REQUIRE(count > 0);
  return bytes;
}

Marker::Marker() : path_(folder_ / "marker") { ::setenv("SELFSUP_TEST_MARKER", path_.c_str(), 1); }
Marker::~Marker() { ::unsetenv("SELFSUP_TEST_MARKER"); }
std::string Marker::text() const { return read_bytes(path_); }

Outcome in_child(const std::function<int()>& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    // Catch's own handlers would report a failed test.
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, SIG_DFL);
    ::alarm(20);
    try {
      ::_exit(body());
    } catch (...) {
      ::_exit(250);
    }
  }
  ::close(ends[1]);
  Outcome outcome;
  char buffer[4096];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) outcome.err.append(buffer, static_cast<size_t>(n));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

namespace {
std::string last_text;
}  // namespace

const ssp_host* host() {
  static const ssp_host table = {sizeof(ssp_host), SSP_ABI_MINOR,
                                 [](const ssp_host*, const char*) -> const void* { return nullptr; },
                                 [](const ssp_host*, ssp_str text) { last_text.assign(text.data, text.size); },
                                 [](const ssp_host*) {
                                   return ssp_str{last_text.data(), last_text.size()};
                                 }};
  return &table;
}

std::string error_of(const std::function<void()>& body, Exit exit) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.exit() == exit);
    return error.what();
  }
  return "";
}

}  // namespace selfsup::plugin::test
