#include "report/metrics.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/errors.h"
#include "report/lines.h"

using namespace selfsup;
using namespace selfsup::report;

namespace {

class TempFile {
 public:
  TempFile() : path_((std::filesystem::temp_directory_path() / "selfsup-metrics-XXXXXX").string()) {
    const int fd = ::mkstemp(path_.data());
    if (fd >= 0) ::close(fd);
  }
  ~TempFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }
  std::string text() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void set(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

 private:
  std::string path_;
};

Json line(int64_t step) { return Json(Json::Object{{"loss", 0.5}, {"step", step}}); }

}  // namespace

TEST_CASE("metrics are appended a line at a time and are there at once") {
  const TempFile file;
  file.set("{\"step\": 1}\n");
  MetricsFile metrics(file.path());
  metrics.write(line(2));
  CHECK(file.text() == "{\"step\": 1}\n" + to_text(line(2)) + "\n");
  metrics.write(line(3));
  CHECK(file.text() == "{\"step\": 1}\n" + to_text(line(2)) + "\n" + to_text(line(3)) + "\n");
  CHECK(metrics.dropped() == 0);
  CHECK_THROWS_AS(MetricsFile(file.path() + "/x"), Error);
}

TEST_CASE("metrics are cut after a step, with what is torn") {
  const TempFile file;
  const auto cut = [&](const std::string& text, int64_t step, bool probe_too = true) {
    file.set(text);
    begin_metrics(file.path(), file.path(), step, probe_too);
    return file.text();
  };
  const std::string a = "{\"loss\": 1.0, \"step\": 10}\n", b = "{\"probe\": 1.0, \"step\": 10}\n",
                    c = "{\"step\": 20}\n";
  CHECK(cut(a + b + c, 20) == a + b + c);
  CHECK(cut(a + b + c, 19) == a + b);
  CHECK(cut(a + b + c, 10) == a + b);
  CHECK(cut(a + b + c, 0).empty());
  CHECK(cut(a + b + "{\"step\": 1", 20) == a + b);
  CHECK(cut(a + "no json\n" + b + c, 15) == a + "no json\n" + b);
  CHECK(cut("", 5).empty());
  CHECK(cut(a + b + c + a, 15) == a + b);
  const std::string probe = "{\"probe/knn\": 0.5, \"step\": 10}\n";
  CHECK(cut(a + probe + c, 10) == a);  // made anew
  CHECK(cut(a + probe + c, 10, false) == a + probe);
  CHECK(cut(a + probe + c, 11) == a + probe);
  const auto absent = file.path() + ".absent", inside = file.path() + "/x";
  begin_metrics(absent, absent, 3, true);
  CHECK_THROWS_AS(begin_metrics(inside, inside, 3, true), Error);

  // Into another file, the first one stays.
  file.set(a + b + c);
  const TempFile other;
  begin_metrics(file.path(), other.path(), 19, true);
  CHECK(other.text() == a + b);
  CHECK(file.text() == a + b + c);
  begin_metrics(absent, absent + "2", 3, true);
  CHECK_FALSE(std::filesystem::exists(absent + "2"));
}

TEST_CASE("whatever lies where metrics are to be is neither waited for nor taken into memory") {
  const TempFile file;
  const auto begin = [&] { begin_metrics(file.path(), file.path(), 3, true); };
  const auto exit_of = [](const auto& work) {
    try {
      work();
    } catch (const Error& error) {
      return error.exit();
    }
    return Exit::ok;
  };
  ::unlink(file.path().c_str());
  REQUIRE(::mkfifo(file.path().c_str(), 0600) == 0);
  CHECK(exit_of(begin) == Exit::usage);
  CHECK(exit_of([&] { MetricsFile{file.path()}; }) == Exit::usage);
  ::unlink(file.path().c_str());
  std::filesystem::create_symlink("/dev/zero", file.path());
  CHECK(exit_of(begin) == Exit::usage);
  CHECK(exit_of([&] { MetricsFile{file.path()}; }) == Exit::usage);
  ::unlink(file.path().c_str());
  const std::string a = "{\"step\": 2}\n", c = "{\"step\": 4}\n";
  file.set(a + std::string(Lines::kLongest + 5, 'x') + "\n" + c);  // no line that a run writes
  begin();
  CHECK(file.text() == a + std::string(Lines::kLongest + 5, 'x') + "\n");
  // One line of more than is taken into memory.
  const pid_t child = ::fork();
  if (child == 0) {
    file.set(a);
    std::filesystem::resize_file(file.path(), uint64_t{2} << 30);
    begin();
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    ::_exit(file.text() == a && used.ru_maxrss < (512 << 10) ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("a disk that takes no more drops lines whole and never stops the run") {
  const TempFile file;
  // A limit on the size of files cuts a write short and then fails it, as a full disk does.
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100, 100};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    MetricsFile metrics(file.path());
    for (int64_t step = 1; step <= 50; ++step) metrics.write(line(step));
    ::_exit(static_cast<int>(metrics.dropped()));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const std::string text = file.text();
  const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  CHECK(lines > 0);
  CHECK(lines < 50);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 50 - lines);
  CHECK(text.back() == '\n');
}
