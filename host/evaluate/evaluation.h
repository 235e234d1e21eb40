// What a run shows beside its loss: the probe's accuracies and a picture of reconstructions. Leaves the run as it is.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/components/algorithm.h"
#include "config/run_config.h"
#include "data/loader/loader.h"
#include "evaluate/probe.h"
#include "input/preprocess.h"
#include "model/store.h"

namespace selfsup::evaluate {

// The labelled sets of a probe.
struct ProbeSets {
  std::unique_ptr<data::Dataset> bank, queries;
};
// Reads listings and labels, no picture. Error(data) for what is not there, Error(usage) when the sets have no labels
// or not the same classes.
ProbeSets open_probe_sets(const config::ProbeConfig& asked);

// `count` pictures spread over the set, or all that it has, each a different one and none that is bad.
std::vector<data::Sample> some_pictures(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t count);

class Evaluation {
 public:
  // References outlive this object. sets: there if the configuration has a probe. view: the shape of the first view
  // that training sees.
  Evaluation(const config::RunConfig& config, const ProbeSets& sets, bridge::Algorithm& algorithm,
             model::ParameterStore& model, const input::Preprocessor& preprocess, data::ImageShape view, uint64_t seed);

  // Asks for one picture's features, so that what cannot be had is refused before training. Nothing without a probe.
  void rehearse();

  // Pictures of the probe's sets that could not be used, as far as they have been read.
  std::vector<data::BadFile> bad_files() const;

  // kNN and linear accuracy of the features as they are now. The first probe reads the pictures.
  ProbeResult probe();
  // The same of the baselines.
  void probe_raw_pixels();
  void probe_random_initialisation();
  // A table of what probe() gave last, with the baselines if they were made; ends with a sentence on how to read it.
  std::string table() const;

  // reconstruction.png in `folder`, if the algorithm can. Returns for the log its path and what its columns show, or
  // "".
  std::string draw(const data::Dataset& dataset, const std::string& folder);

 private:
  const Probe& loaded_probe();
  Probe::Features features();

  const config::RunConfig& config_;
  const ProbeSets& sets_;
  bridge::Algorithm& algorithm_;
  model::ParameterStore& model_;
  const input::Preprocessor& preprocess_;
  data::ImageShape view_;
  uint64_t seed_;
  std::optional<Probe> probe_;  // once it has been needed
  std::optional<ProbeResult> last_, raw_, initial_;
};

}  // namespace selfsup::evaluate
