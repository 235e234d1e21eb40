// What datasets of files take of memory and of time before an image is wanted.
#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "base/errors.h"
#include "data/datasets/idx.h"
#include "data/support/support.h"
#include "resolved.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using namespace test;

std::unique_ptr<Dataset> make(const Json& spec) {
  return make_dataset(selfsup::test::resolved(dataset_types(), spec, kDefaultDataset));
}

std::string reason(const std::function<void()>& read) {
  try {
    read();
  } catch (const BadImage& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a name without an ending promises nothing: only those of formats that are not read are looked at first") {
  const TempDir dir;
  write_text(dir / "list.txt", "no ending\nb.heic\nc.png\nd.txt\n");
  const auto set =
      make(Json::Object{{"type", "image_list"}, {"ann_file", dir / "list.txt"}, {"data_prefix", dir.path()}});
  REQUIRE(set->size() == 4);
  for (const int64_t i : {0, 1, 2, 3}) CHECK(set->looks_foreign(i) == (i == 1));
}

TEST_CASE("what an idx file may take is the machine's memory as its ranks share it") {
  const TempDir dir;
  Bytes file = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2};
  file.resize(file.size() + 8);
  write_file(dir / "x", file);
  const Json spec = Json::Object{{"type", "idx"}, {"images", dir / "x"}};
  CHECK(make(spec)->size() == 2);
  const Json resolved = selfsup::test::resolved(dataset_types(), spec, kDefaultDataset);
  Reading reading;
  reading.local_ranks = 1'000'000'000;
  CHECK_THROWS_WITH(make_dataset(resolved, reading), Contains(dir / "x") && Contains("shared by 1000000000 ranks"));
}

TEST_CASE("an image for which there is no memory is bad, and named by whoever reads it") {
  const TempDir dir;
  // A BMP of run lengths whose rows end at once: 20 KB, 64 million pixels.
  Bytes file = {'B', 'M', 0,    0,    0, 0, 0,    0,    0, 0, 62, 0, 0, 0, 40, 0,
                0,   0,   0x40, 0x1F, 0, 0, 0x40, 0x1F, 0, 0, 1,  0, 8, 0, 1};
  file.resize(62 + 40000);
  file[46] = 2;
  write_file(dir / "large.bmp", file);
  const auto set = make(Json::Object{{"data_root", dir.path()}});
  const auto load = [&] { set->load(0); };
  CHECK(reason(load).empty());
  CHECK(in_child([&] {
          const rlimit limit{64u << 20, 64u << 20};
          setrlimit(RLIMIT_DATA, &limit);
          ImageSource source;
          set->open(0, source);
          for (const std::string& said : {reason(load), reason([&] { source.decode(); })})
            if (said != "no memory to decode it") return 1;
          return 0;
        }) == 0);
}

}  // namespace selfsup::data
