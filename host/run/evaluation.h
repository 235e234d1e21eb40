// What a run shows beside its loss: the probe's accuracies and a picture of reconstructions. Leaves the run as it is.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "bridge/algorithm.h"
#include "config/run_config.h"
#include "data/loader.h"
#include "model/store.h"
#include "train/preprocess.h"
#include "train/probe.h"

namespace selfsup::run {

class Evaluation {
 public:
  // References outlive this object. view: the shape of the first view that training sees.
  Evaluation(const config::RunConfig& config, bridge::Algorithm& algorithm, model::ParameterStore& model,
             const train::Preprocessor& preprocess, data::ImageShape view, at::Device device, uint64_t seed);

  bool has_probe() const { return probe_.has_value(); }
  // kNN and linear accuracy of the features as they are now.
  train::ProbeResult probe();
  // The same of raw pixels and of the random initialisation, made once.
  void probe_baselines();
  // A table of what probe() gave last, with the baselines if they were made; ends with a sentence on how to read it.
  std::string table() const;

  // reconstruction.png in `folder`, if the algorithm can; returns its path or "".
  std::string draw(const data::Dataset& dataset, const std::string& folder);

 private:
  train::Probe::Features features();

  const config::RunConfig& config_;
  bridge::Algorithm& algorithm_;
  model::ParameterStore& model_;
  const train::Preprocessor& preprocess_;
  data::ImageShape view_;
  at::Device device_;
  uint64_t seed_;
  std::optional<train::Probe> probe_;
  std::optional<train::ProbeResult> last_, raw_, initial_;
};

}  // namespace selfsup::run
