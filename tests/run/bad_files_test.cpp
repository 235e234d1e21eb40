#include "run/bad_files.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <mutex>
#include <sstream>

#include "base/errors.h"
#include "bridge/support/captured_log.h"
#include "distributed/single_process.h"
#include "ranks.h"

namespace selfsup::run {
namespace {

// A thousand, of which those from 40 on are bad, up to `end`.
class Images : public data::Dataset {
 public:
  explicit Images(int64_t end) : end_(end) {}
  int64_t size() const override { return 1000; }
  int channels() const override { return 1; }
  std::string describe(int64_t index) const override { return "image " + std::to_string(index); }
  void load(int64_t index, data::Image& out) const override {
    if (index >= 40 && index < end_) throw data::BadImage("broken");
    out.reshape(2, 2, 1);
  }

 private:
  int64_t end_;
};

const data::Pipeline pipeline;

data::LoaderOptions options(const distributed::Group& group, std::vector<data::BadFile> known) {
  return {.batch_size = 4,
          .shuffle = false,
          .shard = {group.rank(), group.world()},
          .max_bad_fraction = 1,
          .known_bad = std::move(known)};
}

void read(data::Loader& loader, int batches) {
  data::Batch batch;
  for (int i = 0; i < batches; ++i) loader.next(batch);
}

size_t count(const bridge::testing::CapturedLog& log, const std::string& text) {
  std::istringstream in(log.text());
  size_t found = 0;
  for (std::string line; std::getline(in, line);) found += line.find(text) != line.npos;
  return found;
}

}  // namespace

TEST_CASE("the list of bad images comes back as it was") {
  const std::vector<data::BadFile> files = {{7, "a b.jpg", "not an image"},
                                            {123456789012, "c\\td.png", ""},
                                            {8, "a\tname\n.png", "too dark:\r\nmean\tbelow \\"}};
  const std::string text = bad_files_text(files);
  CHECK(std::ranges::count(text, '\n') == 3);
  const auto back = parse_bad_files(text, "test");
  REQUIRE(back.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(back[i].index == files[i].index);
    CHECK(back[i].path == files[i].path);
    CHECK(back[i].reason == files[i].reason);
  }
  CHECK(parse_bad_files("", "test").empty());
  for (const char* broken : {"7", "7\n", "7\ta\n", "7\ta\n8\tb\tc\n", "x\ta\tb\n", "\ta\tb\n", "7\ta\tb"})
    CHECK_THROWS_AS(parse_bad_files(broken, "test"), Error);
}

TEST_CASE("the first rank warns of bad images that only others have met, each once, when the lists meet") {
  const bridge::testing::CapturedLog log;
  const Images images(48);
  const std::vector<data::BadFile> known = {{41, "image 41", "broken"}};
  std::mutex checks;
  test::ThreadRanks(2).run([&](const distributed::Group& group) {
    data::Loader loader(images, pipeline, options(group, known));
    BadFiles bad(loader, group);
    loader.start(0);
    const auto listed = [&] {
      double number = static_cast<double>(loader.bad().files.size());
      group.all_reduce({&number, 1}, distributed::Reduce::sum);
      return static_cast<int64_t>(number);
    };
    const auto told = [&](const std::string& text, size_t times) {
      group.any(false);  // said
      if (group.rank() == 0) {
        const std::lock_guard lock(checks);
        INFO(text);
        CHECK(count(log, text) == times);
      }
      group.any(false);  // counted
    };
    read(loader, 5);  // 0 to 39
    bad.hear_of(listed());
    told("rank 1: ", 0);
    read(loader, 1);  // 40, 42, 44, 46 and 41, 43, 45, 47
    bad.hear_of(listed());
    told("rank 1: image 43: broken", 1);
    told("rank 1: image 41", 0);  // known from the beginning
    told("rank 1: image 42", 0);  // its own
    told("rank 0: ", 0);
    bad.hear_of(listed());
    train::Kept kept;
    bad.keeper().save(kept);
    told("rank 1: image 43", 1);
    const std::vector<data::BadFile> all = bad.gather(loader.bad().files);
    const std::lock_guard lock(checks);
    CHECK(parse_bad_files(kept.blobs.at(bad_files_name), "test").size() == all.size());
    for (int64_t i = 40; i < 48; ++i) CHECK(std::ranges::count(all, i, &data::BadFile::index) == 1);
  });
}

TEST_CASE("of very many bad images the first rank names some") {
  const bridge::testing::CapturedLog log;
  const Images images(80);
  test::ThreadRanks(2).run([&](const distributed::Group& group) {
    data::Loader loader(images, pipeline, options(group, {}));
    BadFiles bad(loader, group);
    loader.start(0);
    read(loader, 10);
    bad.gather(loader.bad().files);
  });
  CHECK(count(log, "rank 1: image ") == 10);
  CHECK(count(log, "further images that other ranks cannot use") == 1);
}

TEST_CASE("one process gathers nothing, and warns of nothing again") {
  const bridge::testing::CapturedLog log;
  const Images images(42);
  const distributed::SingleProcess alone;
  data::Loader loader(images, pipeline, options(alone, {}));
  BadFiles bad(loader, alone);
  loader.start(0);
  read(loader, 11);
  bad.hear_of(static_cast<int64_t>(loader.bad().files.size()));
  CHECK(bad.gather(loader.bad().files).size() == 2);
  CHECK(count(log, "image 41: broken") == 1);
}

}  // namespace selfsup::run
