#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/errors.h"
#include "base/text.h"
#include "base/utf8.h"

using namespace selfsup;

namespace {

class LogFile {
 public:
  LogFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "selfsup-log-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()));
    folder_ = pattern;
  }
  ~LogFile() {
    close_log_file();
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/run.log"; }
  std::string text() const {
    std::ifstream in(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::string folder_;
};

Exit exit_of_opening(const std::string& path) {
  try {
    open_log_file(path);
  } catch (const Error& error) {
    return error.exit();
  }
  return Exit::ok;
}

}  // namespace

TEST_CASE("what comes from others is written as UTF-8 that no terminal obeys") {
  const LogFile file;
  open_log_file(file.path());
  log_info("the name is \xff\x1b[31m\r\nand \xc3\xa4");
  CHECK(valid_utf8(file.text()));
  CHECK_THAT(file.text(), Catch::EndsWith(" - selfsup - INFO - the name is \\xff\\x1b[31m\\x0d\nand \xc3\xa4\n"));
}

TEST_CASE("a complaint is no longer than a reader takes, a result as long as it is") {
  const LogFile file;
  open_log_file(file.path());
  const std::string huge = "begin " + std::string(100'000, 'x') + " end";
  log_error("first\n" + huge + "\nlast");
  CHECK(file.text().size() < 1500);
  for (const char* part : {"first\nbegin xxx", " … 99010 characters … ", "xxx end\nlast\n"})
    CHECK_THAT(file.text(), Catch::Contains(part));
  const size_t before = file.text().size();
  log_warning(std::string(100'000, '\n') + "last");
  CHECK(std::ranges::count(file.text().substr(before), '\n') == 201);
  CHECK_THAT(file.text(), Catch::EndsWith("and 99801 lines more\n"));
  log_info(huge);
  CHECK_THAT(file.text(), Catch::EndsWith(huge + "\n"));
}

TEST_CASE("a text is cut in the middle, between characters") {
  CHECK(elided("abcdef", 6) == "abcdef");
  CHECK(elided("abcdefg", 6) == "abc … 1 characters … efg");
  CHECK(elided("\xc3\xa4\xc3\xb6\xc3\xbc", 3) == "\xc3\xa4\xc3\xb6\xc3\xbc");
  CHECK(elided("\xc3\xa4\xc3\xb6\xc3\xbc", 2) == "\xc3\xa4 … 1 characters … \xc3\xbc");
  CHECK(elided("abc", 1) == "a … 2 characters … ");
  CHECK(elided("", 0).empty());
  CHECK(elided("abc", 0) == " … 3 characters … ");
}

TEST_CASE("a log is a regular file, and nothing else is waited for") {
  const LogFile file;
  REQUIRE(::mkfifo(file.path().c_str(), 0600) == 0);
  CHECK(exit_of_opening(file.path()) == Exit::usage);
  ::unlink(file.path().c_str());
  std::filesystem::create_symlink("/dev/zero", file.path());
  CHECK(exit_of_opening(file.path()) == Exit::usage);
  ::unlink(file.path().c_str());
  CHECK(exit_of_opening(file.path() + "/x") == Exit::storage);
  std::filesystem::create_symlink("target", file.path());  // its owner keeps it elsewhere
  CHECK(exit_of_opening(file.path()) == Exit::ok);
  log_info("here");
  CHECK_THAT(file.text(), Catch::EndsWith("here\n"));
  CHECK(dropped_log_lines() == 0);
}
