// What a run shows beside its loss: how good its features are. Leaves the run as it is. Knows no loop and no file.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/components/algorithm.h"
#include "config/run_config.h"
#include "data/loader/loader.h"
#include "distributed/group.h"
#include "evaluate/picture.h"
#include "evaluate/probe.h"
#include "input/preprocess.h"
#include "model/store.h"
#include "report/log_line.h"

namespace selfsup::evaluate {

// Takes a line for the log and the numbers in it, by the names of metrics.jsonl; some lines have none.
using Report = std::function<void(const std::string& line, const report::Scalars& numbers)>;

// By itself: of a run that asks for none. `at` tells where the run stands.
class Evaluation {
 public:
  virtual ~Evaluation() = default;
  // Before training, so that what cannot be had is refused.
  virtual void rehearse(const bridge::Step& /*at*/) {}
  virtual void run(const bridge::Step& /*at*/, const Report&) {}
  // What the end of a run is judged by: to be called one after the other, while this lives.
  virtual std::vector<std::function<void()>> closing(const bridge::Step& /*at*/, const Report&) { return {}; }
  // What the features of the last run hold to be alike; nothing before.
  virtual std::optional<Captioned> neighbours() const { return std::nullopt; }
  // Images that could not be used, as far as they have been read.
  virtual std::vector<data::BadFile> bad_files() const { return {}; }
};

// What is judged.
struct Subject {
  bridge::Algorithm& algorithm;
  model::ParameterStore& model;
  const input::Preprocessor& preprocess;
  uint64_t seed;
  const distributed::Group& group;  // ranks that share the work; only the first one judges and reports
  JudgedBy by = JudgedBy::both;
};

// Error(usage) when the algorithm offers nothing to judge. References outlive the result.
using EvaluationMaker = std::function<std::unique_ptr<Evaluation>(const Subject&)>;

// Of the probe, if the configuration has one: its sets are opened now, the algorithm may come later. view: the shape of
// the first view that training sees. config outlives the result. Error as of open_probe_sets, and Error(usage) for sets
// of other channels.
EvaluationMaker open_evaluation(const config::RunConfig& config, const data::Reading& reading,
                                const data::ImageShape& view);

}  // namespace selfsup::evaluate
