#include "data/datasets/folder_scan.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/errors.h"
#include "data/support/support.h"

namespace selfsup::data {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using namespace test;

using Paths = std::vector<std::string>;

FolderScan scan(const std::string& root, const std::string& work_dir = "") { return scan_folder(root, work_dir, {}); }

void write_run(const std::string& folder) {
  for (const char* name : {"/config.json", "/metrics.jsonl", "/run.log", "/reconstruction.png", "/old-1/views.png"})
    write_text(folder + name, "x");
}

}  // namespace

TEST_CASE("folders that are linked to one another are read once each") {
  const TempDir dir;
  const auto folder = [](int i) { return "f" + std::to_string(i); };
  for (int i = 0; i < 9; ++i) write_text(dir / folder(i) + "/a.png", "x");
  for (int i = 0; i < 9; ++i)
    for (int k = 0; k < 9; ++k)
      fs::create_directory_symlink(dir / folder(k), dir / folder(i) + "/to" + std::to_string(k));
  CHECK(in_child([&] {  // by every path there would be 986,409 of them
          const FolderScan found = scan(dir.path());
          return found.images.size() == 9 && found.images[3] == "f3/a.png" && found.repeated == 81 &&
                         found.first_repeated == "f0/to0"
                     ? 0
                     : 1;
        }) == 0);
}

TEST_CASE("of several links to a folder the first one stands for it") {
  const TempDir pool, dir;
  write_text(pool / "cat/1.png", "x");
  write_text(pool / "cat/deep/2.png", "x");
  fs::create_directory_symlink(pool / "cat", dir / "z");
  fs::create_directory_symlink(pool / "cat/deep", dir / "b");
  fs::create_directory_symlink(pool / "cat", dir / "c");
  write_text(dir / "own/3.png", "x");
  fs::create_symlink(dir / "own/3.png", dir / "again.png");  // a file by another name is another image
  const FolderScan found = scan(dir.path());
  CHECK(found.images == Paths{"again.png", "b/2.png", "c/1.png", "own/3.png"});
  CHECK(found.repeated == 2);
  CHECK(found.first_repeated == "c/deep");
}

TEST_CASE("work folders of runs are left out") {
  const TempDir dir;
  write_text(dir / "a.png", "x");
  write_run(dir / "runs/one");
  write_text(dir / "mine/deep/views.png", "x");
  write_text(dir / "not_a_run/run.log", "x");
  write_text(dir / "not_a_run/b.png", "x");
  const FolderScan found = scan(dir.path(), dir / "mine");
  CHECK(found.images == Paths{"a.png", "not_a_run/b.png"});
  CHECK(found.work_dirs == 2);
  CHECK(found.first_work_dir == "mine");
  CHECK(scan(dir.path(), dir / "nowhere").images == Paths{"a.png", "mine/deep/views.png", "not_a_run/b.png"});
  fs::create_directory_symlink(dir / "mine", dir / "link");
  CHECK(scan(dir.path(), dir / "mine").images == Paths{"a.png", "not_a_run/b.png"});

  SECTION("but for one that is asked for by name") {
    CHECK(scan(dir / "runs/one").images == Paths{"old-1/views.png", "reconstruction.png"});
  }
  SECTION("and the run's own is no set of images") {
    try {
      scan(dir / "mine", dir.path() + "/./mine");
      FAIL("no error");
    } catch (const Error& e) {
      CHECK(e.exit() == Exit::usage);
      CHECK_THAT(e.what(), Contains("own work folder") && Contains("--work-dir"));
    }
  }
}

TEST_CASE("a scan can be stopped") {
  const TempDir dir;
  for (int i = 0; i < 5; ++i) write_text(dir / "f" + std::to_string(i) + "/a.png", "x");
  struct Stop {};
  int asked = 0;
  CHECK_THROWS_AS(scan_folder(dir.path(), "",
                              [&] {
                                if (++asked == 3) throw Stop();
                              }),
                  Stop);
  CHECK(asked == 3);
}

TEST_CASE("a sub-folder that may not be read is an error, not a smaller set") {
  const TempDir dir;
  write_text(dir / "open/a.png", "x");
  write_text(dir / "closed/b.png", "x");
  REQUIRE(chmod((dir / "closed").c_str(), 0) == 0);
  REQUIRE(chmod(dir.path().c_str(), 0755) == 0);
  const int result = in_child([&] {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 2;
    try {
      scan(dir.path());
    } catch (const Error& e) {
      return std::string(e.what()).find("/closed") != std::string::npos && e.exit() == Exit::data ? 0 : 1;
    }
    return 1;
  });
  CHECK(result == 0);
  REQUIRE(chmod((dir / "closed").c_str(), 0755) == 0);
}

}  // namespace selfsup::data
