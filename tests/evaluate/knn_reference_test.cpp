#include "evaluate/knn.h"
#include "tensors.h"

#include <catch2/catch.hpp>

namespace selfsup::evaluate {

TEST_CASE("weighted kNN equals the recorded neighbours, scores and predictions") {
  for (const auto& file : reference::family("knn", ".json")) {
    const Json config = read_json_file(file, "test");
    const test::Tensors t(reference::tensors_of(file));
    INFO(file);
    const int64_t classes = config.get("num_classes").as_int();
    const auto run = [&](int64_t k) {
      return knn(t.get("train_features"), t.get("train_labels"), t.get("test_features"), classes, k,
                 config.get("T").as_double());
    };
    const KnnResult got = run(config.get("k").as_int());
    CHECK(at::equal(got.neighbours, t.get("neighbour_index")));
    CHECK(test::max_difference(got.similarities, t.get("neighbour_similarity")) <= 2e-6);
    const at::Tensor want = t.get("scores");
    CHECK(((got.scores - want).abs() <= want.abs() * 2e-5 + 1e-12).all().item<bool>());
    CHECK(at::equal(got.predictions, t.get("predictions")));
    CHECK(accuracy(got.predictions, t.get("test_labels")) == t.get("accuracy").item<double>());
    const KnnResult nearest = run(1);
    CHECK(at::equal(nearest.predictions, t.get("predictions_k1")));
    CHECK(accuracy(nearest.predictions, t.get("test_labels")) == t.get("accuracy_k1").item<double>());
  }
}

}  // namespace selfsup::evaluate
