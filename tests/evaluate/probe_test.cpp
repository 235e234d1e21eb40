#include "evaluate/probe.h"
#include "distributed/single_process.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <mutex>

#include "base/errors.h"
#include "evaluate/ridge.h"
#include "ranks.h"

namespace selfsup::evaluate {
namespace {

const distributed::SingleProcess alone;

// Rows of `classes` clusters around random centres, in order 0, 1, …, 0, 1, …
std::pair<at::Tensor, at::Tensor> clusters(int64_t count, int64_t dims, int64_t classes, double noise, uint64_t seed) {
  at::manual_seed(99);
  const at::Tensor centres = at::randn({classes, dims});
  at::manual_seed(seed);
  const at::Tensor labels = at::arange(count) % classes;
  return {centres.index_select(0, labels) + at::randn({count, dims}) * noise, labels};
}

// k nearest neighbours; `few_labels` for the linear probe, drawn that often.
config::ProbeConfig asked_for(int64_t k, double temperature, int64_t few_labels = 0, int64_t draws = 1) {
  config::ProbeConfig asked;
  asked.k = k;
  asked.temperature = temperature;
  asked.few_labels = few_labels;
  asked.draws = draws;
  asked.batch_size = 256;
  return asked;
}

// Of a hundred images and more, every tenth without a label; some are bad.
class Set : public data::Dataset {
 public:
  Set(int64_t size, int64_t bad) : Set(size, bad, bad) {}
  Set(int64_t size, int64_t first_bad, int64_t last_bad) : size_(size), first_bad_(first_bad), last_bad_(last_bad) {}
  using Dataset::load;
  int64_t size() const override { return size_; }
  int channels() const override { return 1; }
  bool has_labels() const override { return true; }
  int64_t label(int64_t i) const override { return i % 10 == 0 ? -1 : i % 3; }
  int64_t class_count() const override { return 3; }
  std::string describe(int64_t i) const override { return std::to_string(i); }
  void load(int64_t i, data::Image& out) const override {
    if (i >= first_bad_ && i <= last_bad_) throw data::BadImage("broken");
    ++loads;
    out.reshape(i >= larger_from ? 3 : 2, 2, 1);
    for (size_t k = 0; k < out.pixels.size(); ++k)
      out.pixels[k] = static_cast<uint8_t>(static_cast<size_t>(i) * (k * k + 1));
  }
  int64_t larger_from = 1000;
  mutable std::atomic<int64_t> loads{0};

 private:
  int64_t size_, first_bad_, last_bad_;
};

at::Tensor standardised(const at::Tensor& x) {
  return (x - x.mean(0, true)) / x.std(0, /*unbiased=*/false, /*keepdim=*/true);
}

}  // namespace

TEST_CASE("ridge solves its normal equations, with more rows than columns and with fewer") {
  for (const auto& [rows, dims] : {std::pair<int64_t, int64_t>{200, 12}, {20, 50}}) {
    INFO(rows << " x " << dims);
    const auto [x, labels] = clusters(rows, dims, 4, 1.5, 1);
    const auto [queries, query_labels] = clusters(400, dims, 4, 1.5, 2);
    const Ridge ridge(x, labels, 4);
    // The definition, solved directly in double.
    const at::Tensor raw = x.to(at::kDouble), z = standardised(raw);
    const at::Tensor y = at::one_hot(labels, 4).to(at::kDouble);
    const at::Tensor gram = z.t().mm(z) + at::eye(dims, at::kDouble) * ridge.penalty();
    const at::Tensor w = at::linalg_solve(gram, z.t().mm(y - y.mean(0, true)));
    const at::Tensor q = (queries.to(at::kDouble) - raw.mean(0, true)) / raw.std(0, false, true);
    CHECK(at::equal(ridge.predict(queries), (q.mm(w) + y.mean(0, true)).argmax(1)));
  }
}

TEST_CASE("the penalty has the smallest leave-one-out error") {
  const auto [x, labels] = clusters(30, 40, 3, 2.0, 3);
  const Ridge ridge(x, labels, 3);
  const at::Tensor z = standardised(x.to(at::kDouble)), y = at::one_hot(labels, 3).to(at::kDouble);
  const auto left_out_error = [&](double penalty) {
    const at::Tensor k = z.mm(z.t());
    const at::Tensor hat = at::linalg_solve(k + at::eye(30, at::kDouble) * penalty, k).t() + 1.0 / 30;
    const at::Tensor fit = hat.mm(y);
    return ((y - fit) / (1 - hat.diagonal()).unsqueeze(1)).square().sum().item<double>();
  };
  const double chosen = left_out_error(ridge.penalty());
  for (const double factor : {0.1, 0.3162277660168379, 3.162277660168379, 10.0})
    CHECK(chosen <= left_out_error(ridge.penalty() * factor) * (1 + 1e-9));
}

TEST_CASE("few labels are drawn evenly over the classes and by the key alone") {
  const at::Tensor labels = at::arange(1000) % 7;
  const auto rows = draw_labelled(labels, 7, 70, 5);
  std::vector<int> counts(7);
  for (int64_t row : rows) ++counts[static_cast<size_t>(labels[row].item<int64_t>())];
  for (int count : counts) CHECK(count == 10);
  CHECK(rows == draw_labelled(labels, 7, 70, 5));
  CHECK(rows != draw_labelled(labels, 7, 70, 6));
  CHECK(draw_labelled(labels.slice(0, 0, 5), 7, 70, 5).size() == 5);
}

TEST_CASE("judgement: separable features score high, noise at chance, a collapse shows in the gauges") {
  const config::ProbeConfig asked = asked_for(20, 0.07, 40, 5);
  const auto [bank, bank_labels] = clusters(800, 32, 4, 0.3, 4);
  const auto [queries, query_labels] = clusters(400, 32, 4, 0.3, 5);
  const Accuracies good = judge_features(bank, bank_labels, queries, query_labels, 4, asked, 0);
  CHECK(good.knn > 0.99);
  CHECK(good.linear > 0.99);
  at::manual_seed(6);
  const at::Tensor noise = at::randn({800, 32}), other = at::randn({400, 32});
  const Accuracies chance = judge_features(noise, bank_labels, other, query_labels, 4, asked, 0);
  CHECK(chance.knn < 0.4);
  CHECK(chance.linear < 0.4);
  const Gauges spread = gauges_of(other);
  CHECK(spread.feature_std == Approx(1).margin(0.05));
  CHECK(spread.effective_rank > 28);
  CHECK(spread.effective_rank <= 32);
  const at::Tensor line = at::ones({400, 32}) + other.slice(1, 0, 1) * 0.01;
  const Gauges collapsed = gauges_of(line);
  CHECK(collapsed.feature_std < 0.05);
  CHECK(collapsed.effective_rank < 1.5);
}

TEST_CASE("raw pixels are judged by no more than a small image holds") {
  at::manual_seed(7);
  // Classes differ in the brightness of one quarter.
  const auto images = [](int64_t count) {
    LabelledImages out{at::randint(0, 40, {count, 224, 224, 3}, at::kByte), at::arange(count) % 4, 4, {}};
    for (int64_t i = 0; i < count; ++i)
      out.pixels[i].slice(0, 112 * (i % 4 / 2), 112 * (i % 4 / 2) + 112).slice(1, 112 * (i % 2), 112 * (i % 2) + 112) +=
          200;
    return out;
  };
  const input::Preprocessor preprocess(Json::object(), 3, at::kCPU);
  const Probe probe(images(60), images(20), preprocess, asked_for(20, 0.07), 0, alone);
  const Accuracies raw = probe.evaluate_raw_pixels();
  CHECK(raw.knn == 1);
  CHECK(raw.linear == 1);
  int64_t dims = 0;
  const ProbeResult seen = probe.evaluate([&](const at::Tensor& x) {
    const at::Tensor features = x.flatten(1).slice(1, 0, 64);
    dims = features.size(1);
    return features;
  });
  CHECK(dims == 64);
  CHECK(seen.gauges.effective_rank > 1);
  CHECK_THROWS_WITH(probe.evaluate([](const at::Tensor& x) { return x.flatten(1).slice(1, 0, 64).log() * 0; }),
                    Catch::Matchers::Contains("features have values that are not finite"));
}

TEST_CASE("labelled images come in the order of the set, spread over it, with others for bad ones") {
  const Set set(100, 4);
  const distributed::SingleProcess group;
  const data::Pipeline pipeline;
  for (const int workers : {0, 2}) {
    const LabelledSet rows(set, pipeline, 50, workers, 0.1);
    const LabelledImages got = rows.load(Share(rows.size(), 7, group), group);
    REQUIRE(got.bad.files.size() == 1);
    CHECK(got.bad.files[0].path == "4");
    CHECK(got.bad.files[0].index == 4);
    std::vector<int64_t> want;
    for (int64_t i = 0; i < 100; i += 2)
      if (i % 10 != 0) want.push_back(i);
    REQUIRE(got.pixels.size(0) == static_cast<int64_t>(want.size()));
    CHECK(got.classes == 3);
    for (size_t row = 0; row < want.size(); ++row) {
      const auto r = static_cast<int64_t>(row);
      const int64_t shown = got.pixels[r][0][0][0].item<int64_t>();
      if (want[row] != 4) CHECK(shown == want[row]);
      CHECK(shown != 4);
      CHECK(got.describe(r) == std::to_string(shown) + ", image " + std::to_string(shown));
      CHECK(got.labels[r].item<int64_t>() == shown % 3);
    }
    // Some of them, in any order: the same, that in the place of the bad one too.
    const std::vector<int64_t> some = {30, 1, 0, 30};
    const LabelledImages again = rows.load(some);
    for (size_t i = 0; i < some.size(); ++i) {
      CHECK(at::equal(again.pixels[static_cast<int64_t>(i)], got.pixels[some[i]]));
      CHECK(again.labels[static_cast<int64_t>(i)].item<int64_t>() == got.labels[some[i]].item<int64_t>());
    }
    try {
      LabelledSet(set, pipeline, 50, workers, 0).load(Share(rows.size(), 7, group), group);
      FAIL("a bad image was allowed");
    } catch (const Error& error) {
      CHECK(error.exit() == Exit::data);
    }
  }
}

TEST_CASE("features that cannot be judged are told of by the image of the set, not by its row in the probe") {
  const Set bank_set(100, 1000), query_set(100, 1000);
  const data::Pipeline pipeline;
  const input::Preprocessor preprocess(Json::object(), 1, at::kCPU);
  config::ProbeConfig asked = asked_for(3, 0.1, 20, 2);
  asked.batch_size = 8;
  for (const int world : {1, 2}) {
    std::mutex checks;
    test::ThreadRanks(world).run([&](const distributed::Group& group) {
      const LabelledSet bank(bank_set, pipeline, 0, 0, 0), queries(query_set, pipeline, 50, 0, 0);
      const Share share(queries.size(), 8, group);
      const Probe probe(bank.load(Share(bank.size(), 8, group), group), queries.load(share, group), preprocess, asked,
                        0, group);
      // Of every batch the second image; rows of 50 labelled ones of a hundred, every other, are not their indices.
      std::string text;
      try {
        probe.evaluate([](const at::Tensor& x) {
          const at::Tensor features = x.flatten(1).clone();
          features[1].fill_(NAN);
          return features;
        });
      } catch (const Error& error) {
        text = error.what();
      }
      const LabelledImages own = queries.load(share.rows());
      const int64_t index = own.shown[1];
      const std::lock_guard lock(checks);
      CHECK(index == own.pixels[1][0][0][0].item<int64_t>());
      CHECK_THAT(text, Catch::Matchers::Contains("first for " + std::to_string(index) + ", image " +
                                                 std::to_string(index) + " of probe.test_dataset"));
    });
  }
}

TEST_CASE("ranks share rows in whole batches, equally many, and gather what they make of them") {
  for (const int world : {1, 2, 3, 5})
    for (const int64_t rows : {1, 2, 3, 7, 8, 9, 100})
      for (const int64_t batch : {1, 4, 1000}) {
        std::mutex checks;
        test::ThreadRanks(world).run([&](const distributed::Group& group) {
          const Share share(rows, batch, group);
          const std::vector<int64_t> own = share.rows();
          const at::Tensor mine =
              at::tensor(at::ArrayRef<int64_t>(own), at::kLong).unsqueeze(1) * at::ones({2}, at::kLong);
          const at::Tensor all = share.gather(mine);
          const std::lock_guard lock(checks);
          INFO(world << " ranks, " << rows << " rows in batches of " << batch);
          CHECK(at::equal(all.select(1, 1), at::arange(rows)));
          CHECK(static_cast<int64_t>(own.size()) <= share.batches() * std::min(batch, rows));
          CHECK(share.batches() == (((rows - 1) / std::min(batch, rows) + 1) - 1) / world + 1);
          for (const int64_t row : own) CHECK(row % std::min(batch, rows) == (row - own[0]) % std::min(batch, rows));
        });
      }
}

TEST_CASE("each rank of a probe reads its share of the images, and the result is that of one process, bit for bit") {
  const auto weight = [] {
    at::manual_seed(5);
    return at::randn({4, 6});
  }();
  const input::Preprocessor preprocess(Json::object(), 1, at::kCPU);
  config::ProbeConfig asked = asked_for(3, 0.1, 20, 2);
  asked.batch_size = 8;
  // Pixels are near the image's number, and differ: features tell more than the label.
  const auto judge = [&](const distributed::Group& group, int64_t& read) {
    const Set bank_set(150, 77), query_set(61, 11);
    const data::Pipeline pipeline;
    const LabelledSet bank(bank_set, pipeline, 0, 1, 0.1), queries(query_set, pipeline, 0, 0, 0.1);
    const Probe probe(bank.load(Share(bank.size(), 8, group), group),
                      queries.load(Share(queries.size(), 8, group), group), preprocess, asked, 0, group);
    read = bank_set.loads + query_set.loads;
    return probe.evaluate([&](const at::Tensor& x) { return x.flatten(1).mm(weight).tanh(); });
  };
  int64_t all = 0;
  const distributed::SingleProcess alone_here;
  const ProbeResult want = judge(alone_here, all);
  for (const int world : {2, 3}) {
    std::mutex checks;
    test::ThreadRanks(world).run([&](const distributed::Group& group) {
      int64_t read = 0;
      const ProbeResult got = judge(group, read);
      const std::lock_guard lock(checks);
      INFO(group.rank() << " of " << world);
      CHECK(read <= all / world + 2 * 8 + 2);  // a batch more of each set, and others for the bad ones
      if (group.rank() != 0) return;
      CHECK(got.knn == want.knn);
      CHECK(got.linear == want.linear);
      CHECK(got.gauges.feature_std == want.gauges.feature_std);
      CHECK(got.gauges.effective_rank == want.gauges.effective_rank);
      CHECK(got.neighbours.queries == want.neighbours.queries);
      CHECK(got.neighbours.nearest == want.neighbours.nearest);
    });
  }
}

TEST_CASE("bad images of a probe are counted over all ranks, and images of different sizes found on different ranks") {
  const data::Pipeline pipeline;
  const auto refused = [&](int64_t first_bad, int64_t last_bad, int64_t larger_from, Exit exit,
                           const std::string& text) {
    std::mutex checks;
    test::ThreadRanks(2).run([&](const distributed::Group& group) {
      Set set(100, first_bad, last_bad);
      set.larger_from = larger_from;
      const LabelledSet rows(set, pipeline, 0, 0, 0.05);
      Exit got = Exit::ok;
      std::string what;
      try {
        rows.load(Share(rows.size(), 45, group), group);
      } catch (const Error& error) {
        got = error.exit();
        what = error.what();
      }
      const std::lock_guard lock(checks);
      CHECK(got == exit);
      CHECK_THAT(what, Catch::Contains(text));
    });
  };
  // 90 rows, those of image 1 to 50 and 51 to 99: of four bad ones on each side four are allowed.
  refused(47, 54, 1000, Exit::data, "on all ranks together");
  refused(-1, -1, 51, Exit::usage, "differ in size");
}

TEST_CASE("the random baseline puts the model back bit for bit, even when the features fail") {
  model::ParameterStore store;
  model::Entry declared;
  declared.name = "weight";
  declared.init.kind = model::InitKind::normal;
  declared.init.b = 1;
  model::Entry& entry = store.declare(std::move(declared), {16, 8}, at::kFloat);
  store.initialise(1);
  entry.tensor.set_requires_grad(true);
  {
    at::NoGradGuard no_grad;
    entry.tensor.mul_(3);
  }
  const at::Tensor before = entry.tensor.detach().clone();
  const input::Preprocessor preprocess(Json::object(), 1, at::kCPU);
  const auto images = [](uint64_t seed) {
    at::manual_seed(seed);
    return LabelledImages{at::randint(0, 256, {60, 4, 4, 1}, at::kByte), at::arange(60) % 3, 3, {}};
  };
  const Probe probe(images(1), images(2), preprocess, asked_for(1, 1), 0, alone);
  at::Tensor seen;
  probe.evaluate_random_initialisation(
      [&](const at::Tensor& x) {
        seen = entry.tensor.detach().clone();
        return x.flatten(1).mm(entry.tensor);
      },
      store, 1);
  CHECK(at::equal(entry.tensor.detach(), before));
  CHECK(at::allclose(seen * 3, before));
  CHECK_THROWS(probe.evaluate_random_initialisation([](const at::Tensor& x) { return x; }, store, 1));
  CHECK(at::equal(entry.tensor.detach(), before));
}

TEST_CASE("preprocessing normalises as the original and comes back exactly") {
  const Json config =
      parse_json(R"({"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]})", "test", "test");
  const bool last = GENERATE(false, true);
  input::Preprocessor preprocess(config, 3, at::kCPU);
  if (last) preprocess.lay_channels_last();
  at::manual_seed(3);
  const at::Tensor pixels = at::randint(0, 256, {5, 7, 6, 3}, at::kByte);
  const at::Tensor got = preprocess.normalise(pixels);
  const at::Tensor mean = at::tensor({123.675, 116.28, 103.53}, at::kFloat).view({3, 1, 1});
  const at::Tensor std = at::tensor({58.395, 57.12, 57.375}, at::kFloat).view({3, 1, 1});
  CHECK(at::equal(got, (pixels.permute({0, 3, 1, 2}).to(at::kFloat) - mean) / std));
  CHECK(got.is_contiguous(last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous));
  CHECK(got.is_contiguous() != last);
  CHECK(at::equal(preprocess.denormalise(got), pixels));
  CHECK_THROWS_AS(preprocess.normalise(pixels.slice(3, 0, 1)), Error);
  CHECK_THROWS_WITH(input::Preprocessor(config, 1, at::kCPU), Catch::Contains("channels"));
}

}  // namespace selfsup::evaluate
