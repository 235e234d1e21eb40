// Pictures that cannot be used: replaced, counted, listed, and too many of them.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "base/errors.h"
#include "bridge/support/captured_log.h"
#include "data/loader/loader.h"
#include "data/support/loader.h"
#include "data/support/pipeline.h"
#include "data/support/support.h"
#include "resolved.h"

namespace selfsup::data {
namespace {

using Catch::Matchers::Contains;
using namespace test;

Json json(const std::string& text) { return parse_json(text, "test.json", "test"); }

}  // namespace

TEST_CASE("a bad picture is replaced by a function of epoch and index, and counted once") {
  const auto make = [](int64_t i, Image& out) {
    if (i % 10 == 3) throw BadImage("reason " + std::to_string(i));
    plain(i, out);
  };
  const MadeUp set(100, make);
  const Pipeline pipeline;
  LoaderOptions options{.batch_size = 7, .seed = 3, .max_bad_fraction = 0.1};
  std::vector<std::string> want;
  std::vector<int64_t> bad_in_order;
  for (int workers : {0, 1, 4}) {
    options.num_workers = workers;
    Loader loader(set, pipeline, options);
    CHECK(loader.bad().allowed == 10);
    std::vector<std::string> got = epoch_of(loader, 0);
    CHECK(loader.bad().files.size() == 10);
    for (const std::string& batch : epoch_of(loader, 1)) got.push_back(batch);
    std::vector<int64_t> indices;
    for (const BadFile& file : loader.bad().files) {
      indices.push_back(file.index);
      CHECK(file.index % 10 == 3);
      CHECK(file.path == "made up " + std::to_string(file.index));
      CHECK(file.reason == "reason " + std::to_string(file.index));
    }
    CHECK(std::set<int64_t>(indices.begin(), indices.end()).size() == 10);
    if (workers == 0)
      want = got, bad_in_order = indices;
    else
      CHECK((got == want && indices == bad_in_order));
  }
  // The sound pictures stand where they stand without the bad ones; a substitute is labelled as what it is.
  const MadeUp sound(100, plain);
  Loader with(set, pipeline, options), without(sound, pipeline, options);
  Batch a, b;
  with.start(0), without.start(0);
  int substitutes = 0;
  while (with.next(a)) {
    REQUIRE(without.next(b));
    for (size_t row = 0; row < a.sample_index.size(); ++row) {
      if (b.sample_index[row] % 10 == 3)
        ++substitutes;
      else
        CHECK(a.sample_index[row] == b.sample_index[row]);
      CHECK(a.views[0].pixels.get()[row * 4] == a.sample_index[row]);
    }
  }
  CHECK(substitutes == 10);
}

TEST_CASE("too many bad pictures end the run with data's exit code, at the same batch for any workers") {
  const auto bad_from = [](int64_t count) {
    return [count](int64_t i, Image& out) {
      if (i < count) throw BadImage("broken");
      plain(i, out);
    };
  };
  const Pipeline pipeline;
  const auto fails_at = [&](const Dataset& set, double fraction, int workers) {
    Loader loader(set, pipeline, {.batch_size = 5, .num_workers = workers, .seed = 1, .max_bad_fraction = fraction});
    Batch batch;
    loader.start(0);
    for (int64_t i = 0;; ++i) {
      try {
        if (!loader.next(batch)) return int64_t{-1};
      } catch (const Error& e) {
        CHECK(e.exit() == Exit::data);
        CHECK_THAT(e.what(), Contains("max_bad_fraction") && Contains("made up") && Contains("broken"));
        return i;
      }
    }
  };
  for (int64_t count : {0, 1, 3}) CHECK(fails_at(MadeUp(100, bad_from(count)), 0.001, 2) == -1);  // three are allowed
  const MadeUp four(100, bad_from(4));
  const int64_t at = fails_at(four, 0.001, 0);
  CHECK(at >= 0);
  for (int workers : {1, 4}) CHECK(fails_at(four, 0.001, workers) == at);
  CHECK(fails_at(MadeUp(100, bad_from(1)), 0, 2) >= 0);
  CHECK(fails_at(MadeUp(100, bad_from(20)), 0.2, 2) == -1);
  CHECK(fails_at(MadeUp(100, bad_from(21)), 0.2, 2) >= 0);
  CHECK(fails_at(MadeUp(4, bad_from(2)), 0.001, 1) == -1);
  CHECK(fails_at(MadeUp(4, bad_from(3)), 0.001, 1) >= 0);  // more than half of a small set
  CHECK(fails_at(MadeUp(10, bad_from(9)), 0.9, 1) == -1);
  CHECK(fails_at(MadeUp(10, bad_from(9)), 0.89, 1) >= 0);
}

TEST_CASE("so many may be bad as the share says in decimals") {
  CHECK(allowed_bad(0.29, 100) == 29);
  CHECK(allowed_bad(0.57, 100) == 57);
  CHECK(allowed_bad(0.001, 1'000'000) == 1000);
  CHECK(allowed_bad(0.1, 39) == 3);
  CHECK(allowed_bad(1, 1'000'000'000) == 1'000'000'000);
}

TEST_CASE("an image that cannot be opened is tried once, whatever place asks for it, and listed once") {
  std::atomic<int64_t> tries{0};
  const MadeUp set(300, [&](int64_t i, Image& out) {
    ++tries;
    if (i != 250) throw BadImage("broken");
    plain(i, out);
  });
  const Pipeline pipeline;
  for (const int workers : {0, 4}) {
    tries = 0;
    Loader loader(set, pipeline, {.batch_size = 100, .num_workers = workers, .max_bad_fraction = 1});
    Batch batch;
    loader.start(0, 0, false);
    while (loader.next(batch)) continue;
    CHECK(loader.bad().files.size() == 299);
    // 300 places take the one that is good; two workers may try the same image at the same time.
    CHECK(tries < 300 + 299 * std::max(workers, 1) + 1);
    tries = 0;
    loader.start(1, 0, false);
    while (loader.next(batch)) continue;
    CHECK(tries == 300);
  }
}

TEST_CASE("where one place finds nothing in the whole set, the others do not look") {
  std::atomic<int64_t> tries{0};
  const MadeUp set(200, [&](int64_t i, Image& out) {
    ++tries;
    plain(i, out);
  });
  const Pipeline pipeline(test::resolved(R"([{"type": "RandomCrop", "size": 3}])"));
  for (const int workers : {0, 3}) {
    tries = 0;
    Loader loader(set, pipeline, {.batch_size = 100, .num_workers = workers, .max_bad_fraction = 1});
    Batch batch;
    loader.start(0, 0, false);
    CHECK_THROWS_WITH(loader.next(batch), Contains("none of the 200 images of the set can be used"));
    CHECK(loader.bad().files.size() == 200);
    CHECK(tries <= 200 * (workers == 0 ? 1 : 3 * workers));  // not 100 places, of two batches, times 200
  }
}

TEST_CASE("what a draw makes of an image in one place says nothing of another") {
  const MadeUp set(60, [](int64_t i, Image& out) {
    const int side = i % 2 == 0 ? 4 : 6;
    out.reshape(side, side, 1);
    std::ranges::fill(out.pixels, static_cast<uint8_t>(i));
  });
  // Half of the draws want more than half of the images have.
  const Pipeline pipeline(test::resolved(R"([
    {"type": "RandomApply", "prob": 0.5, "transforms": [{"type": "RandomCrop", "size": 5}]},
    {"type": "Resize", "scale": 4}])"));
  std::vector<std::string> want;
  for (const int workers : {0, 1, 4}) {
    Loader loader(set, pipeline, {.batch_size = 20, .num_workers = workers, .max_bad_fraction = 1});
    std::vector<std::string> got = epoch_of(loader, 0);
    for (const std::string& batch : epoch_of(loader, 1)) got.push_back(batch);
    CHECK(loader.bad().files.size() > 10);
    if (workers == 0) want = got;
    CHECK(got == want);
  }
}

TEST_CASE("ten of the bad images that a loader finds are named, however many were known before") {
  const MadeUp set(100, [](int64_t i, Image& out) {
    if (i >= 20 && i < 35) throw BadImage("broken");
    plain(i, out);
  });
  const Pipeline pipeline;
  LoaderOptions options{.batch_size = 10, .shuffle = false, .max_bad_fraction = 0.9};
  for (int64_t i = 0; i < 12; ++i) options.known_bad.push_back({i, "made up " + std::to_string(i), "gone"});
  Loader loader(set, pipeline, options);
  const bridge::testing::CapturedLog log;
  epoch_of(loader, 0);
  const std::string text = log.text();
  int named = 0;
  for (size_t at = 0; (at = text.find(": broken; another image takes its place", at)) != text.npos; ++at) ++named;
  CHECK(named == 10);
  CHECK_THAT(text, Contains("made up 20: ") && !Contains("made up 1: ") &&
                       Contains("further images that cannot be used are counted, not named here"));
}

TEST_CASE("where all may be bad the one that is good takes every place, and none is an error") {
  const auto bad_but = [](int64_t good) {
    return [good](int64_t i, Image& out) {
      if (i != good) throw BadImage("broken");
      plain(i, out);
    };
  };
  const Pipeline pipeline;
  for (const int workers : {0, 3}) {
    const MadeUp one(200, bad_but(150));
    Loader loader(one, pipeline, {.batch_size = 50, .num_workers = workers, .max_bad_fraction = 1});
    CHECK(loader.bad().allowed == 200);
    Batch batch;
    loader.start(0);
    while (loader.next(batch))
      for (const int64_t index : batch.sample_index) CHECK(index == 150);
    CHECK(loader.bad().files.size() == 199);
    const MadeUp none(200, bad_but(-1));
    Loader hopeless(none, pipeline, {.batch_size = 50, .num_workers = workers, .max_bad_fraction = 1});
    hopeless.start(0);
    CHECK_THROWS_WITH(hopeless.next(batch),
                      Contains("none of the 200 images of the set can be used") && Contains("broken"));
  }
}

TEST_CASE("a loader that leaves the end to others goes on, after the first batch") {
  const auto make = [](int64_t i, Image& out) {
    if (i % 10 == 9) throw BadImage("broken");
    plain(i, out);
  };
  const MadeUp set(100, make);
  const Pipeline pipeline;
  LoaderOptions options{.batch_size = 10, .shuffle = false, .max_bad_fraction = 0.05, .ends_when_too_many = false};
  Loader loader(set, pipeline, options);
  Batch batch;
  loader.start(0);
  for (int i = 0; i < 5; ++i) {
    REQUIRE(loader.next(batch));
    CHECK_FALSE(loader.bad().too_many());
  }
  REQUIRE(loader.next(batch));
  CHECK(loader.bad().too_many());
  CHECK(batch.size == 10);
  CHECK_THAT(loader.bad().error().what(),
             Contains("6 of 100 images could not be used; max_bad_fraction 0.05 allows 5"));
  for (int i = 6; i < 10; ++i) CHECK(loader.next(batch));

  options.max_bad_fraction = 0;
  Loader strict(set, pipeline, options);
  strict.start(0);
  CHECK_THROWS_WITH(strict.next(batch), Contains("1 of 100"));
}

TEST_CASE("bad pictures that an earlier loader found count, each once") {
  const MadeUp set(100, [](int64_t i, Image& out) {
    if (i < 3) throw BadImage("broken");
    plain(i, out);
  });
  const Pipeline pipeline;
  for (const int64_t other : {2, 50}) {  // found again by this loader, or not
    INFO(other);
    Loader loader(
        set, pipeline,
        {.batch_size = 5, .max_bad_fraction = 0.001, .known_bad = {{0, "zero", "gone"}, {other, "other", "gone"}}});
    Batch batch;
    const auto all = [&] {
      loader.start(0);
      while (loader.next(batch)) continue;
    };
    if (other == 2) {
      all();
      CHECK(loader.bad().files.size() == 3);
      CHECK(loader.bad().files.front().reason == "gone");
    } else {
      CHECK_THROWS_WITH(all(), Contains("4 of 100"));
    }
  }
  LoaderOptions options{.batch_size = 5, .max_bad_fraction = 0.001, .ends_when_too_many = false};
  for (int64_t i = 0; i < 4; ++i) options.known_bad.push_back({i, "known", "gone"});
  CHECK_THROWS_WITH(Loader(set, pipeline, options), Contains("4 of 100") && Contains("known: gone"));
}

TEST_CASE("a folder with every kind of bad file trains on, and names each once") {
  const TempDir dir;
  const Bytes good = png(gradient(20, 20, 3)), photo = jpeg(gradient(30, 40, 3));
  for (int i = 0; i < 60; ++i) write_file(dir / ("good" + std::to_string(i) + ".png"), good);
  write_file(dir / "right-content-wrong-name.png", photo);
  write_file(dir / "inks.jpg", jpeg(gradient(30, 40, 4), {.colour = JpegColour::cmyk}));
  write_file(dir / "deep.png", png(gradient(30, 40, 3), {.bits = 16}));
  write_file(dir / "grey.jpg", jpeg(gradient(30, 40, 1), {.colour = JpegColour::grey}));
  const std::map<std::string, Bytes> bad = {
      {"bad-truncated.jpg", Bytes(photo.begin(), photo.begin() + static_cast<ptrdiff_t>(photo.size() / 2))},
      {"bad-zero.jpg", {}},
      {"bad-zeros.png", Bytes(500, 0)},
      {"bad-text.jpg", {'n', 'o'}},
      {"bad-huge.png", png_claiming(60000, 60000)},
      {"bad-\xff\n.png", {1, 2, 3}}};
  for (const auto& [name, bytes] : bad) write_file(dir / name, bytes);
  const auto set = make_dataset(selfsup::test::resolved(
      dataset_types(), json(R"({"data_root": )" + to_text(Json(dir.path())) + "}"), kDefaultDataset));
  const Pipeline pipeline(test::resolved(R"([{"type": "RandomResizedCrop", "size": 16}])"));
  Loader loader(*set, pipeline, {.batch_size = 16, .num_workers = 2, .max_bad_fraction = 0.1});
  for (uint64_t epoch = 0; epoch < 3; ++epoch) CHECK(epoch_of(loader, epoch).size() == 5);
  std::set<std::string> named;
  for (const BadFile& file : loader.bad().files) {
    CHECK_THAT(file.path, Contains("/bad-"));
    CHECK_FALSE(file.reason.empty());
    named.insert(file.path);
  }
  CHECK(named.size() == bad.size());
  CHECK(loader.bad().files.size() == bad.size());
  CHECK(named.count(dir / "bad-\\xff\\n.png") == 1);
}

TEST_CASE("a damaged file of another size does not give its size to a batch") {
  const TempDir dir;
  const Bytes good = jpeg(gradient(20, 20, 3)), other = jpeg(gradient(30, 40, 3));
  for (int i = 0; i < 9; ++i) write_file(dir / ("good" + std::to_string(i) + ".jpg"), good);
  for (int i = 0; i < 3; ++i)  // the header is sound
    write_file(dir / ("bad" + std::to_string(i) + ".jpg"), Bytes(other.begin(), other.end() - 20));
  const auto set = make_dataset(selfsup::test::resolved(
      dataset_types(), json(R"({"data_root": )" + to_text(Json(dir.path())) + "}"), kDefaultDataset));
  const Pipeline pipeline;  // nothing brings images to one size
  for (const int workers : {0, 2}) {
    Loader loader(*set, pipeline, {.batch_size = 4, .num_workers = workers, .max_bad_fraction = 0.5});
    // In some of the epochs a damaged file stands first in its batch.
    for (uint64_t epoch = 0; epoch < 10; ++epoch) CHECK(epoch_of(loader, epoch).size() == 3);
    CHECK(loader.bad().files.size() == 3);
  }
}

}  // namespace selfsup::data
