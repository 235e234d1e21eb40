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
    cut_metrics(file.path(), step, probe_too);
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
  cut_metrics(file.path() + ".absent", 3, true);
  CHECK_THROWS_AS(cut_metrics(file.path() + "/x", 3, true), Error);
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
