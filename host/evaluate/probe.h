// How good features are, judged by labels that training never sees: weighted kNN, a linear probe with few labels, and
// gauges of collapse. Knows no algorithm but a function from images to features; changes nothing in the run.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "distributed/group.h"
#include "evaluate/gauges.h"
#include "evaluate/neighbours.h"
#include "evaluate/probe_sets.h"
#include "input/preprocess.h"
#include "model/store.h"

namespace selfsup::evaluate {

// What features are judged by; the other accuracy is 0 then.
enum class JudgedBy { both, knn, linear };

// On the queries, 0 .. 1.
struct Accuracies {
  double knn = 0, linear = 0;
};
struct ProbeResult : Accuracies {
  Gauges gauges;          // of the queries
  Neighbours neighbours;  // of some of them, to be shown
};

// The longest side of images that are judged as raw pixels; larger ones are averaged down to it, since the cost grows
// with the cube of what they hold.
inline constexpr int64_t raw_pixel_side = 32;
inline constexpr int64_t whitened_components = 128;

// With several ranks each has the images of its share of the rows, and computes their features; the first one judges
// them all, and what the others get is zero.
class Probe {
 public:
  // f32 [B,C,H,W] on the device -> [B,D], in eval mode.
  using Features = std::function<at::Tensor(const at::Tensor& images)>;

  // bank, queries: of each the pixels of this rank's share, in batches of asked.batch_size.
  Probe(LabelledImages bank, LabelledImages queries, const input::Preprocessor& preprocess,
        const config::ProbeConfig& asked, uint64_t seed, const distributed::Group& group, JudgedBy by = JudgedBy::both);

  std::vector<data::BadFile> bad_files() const;
  int64_t linear_labels() const;  // how many the linear probe learns from
  ProbeResult evaluate(const Features& features) const;
  Accuracies evaluate_raw_pixels() const;
  // Of their largest principal components in the bank, each scaled to one deviation.
  Accuracies evaluate_whitened_pixels() const;
  // The same model with the values that it starts from; the run's values are put back, bit for bit.
  Accuracies evaluate_random_initialisation(const Features& features, model::ParameterStore& model,
                                            uint64_t seed) const;

 private:
  at::Tensor extract(const LabelledImages& images, const Features& features) const;
  at::Tensor checked(const at::Tensor& got, const LabelledImages& images, int64_t start, int64_t stop) const;
  Accuracies judge(const at::Tensor& bank, const at::Tensor& queries) const;

  LabelledImages bank_, queries_;
  const input::Preprocessor& preprocess_;
  config::ProbeConfig asked_;
  uint64_t seed_;
  const distributed::Group& group_;
  JudgedBy by_;
};

// The accuracies of given features; bank and queries on one device. The linear probe learns from `few_labels` of the
// bank, 0: from all; its accuracy is the mean over that many draws of them.
Accuracies judge_features(const at::Tensor& bank, const at::Tensor& bank_labels, const at::Tensor& queries,
                          const at::Tensor& query_labels, int64_t classes, const config::ProbeConfig& asked,
                          uint64_t seed, JudgedBy by = JudgedBy::both);

}  // namespace selfsup::evaluate
