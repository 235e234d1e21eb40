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
#include "evaluate/probe_sets.h"
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
  // Images that could not be used, as far as they have been read.
  virtual std::vector<data::BadFile> bad_files() const { return {}; }
};

// The probe, if the configuration has one: sets are there then. References outlive the result. view: the shape of the
// first view that training sees. Error(usage) when the algorithm or the sets do not allow it.
std::unique_ptr<Evaluation> make_evaluation(const config::RunConfig& config, const std::optional<ProbeSets>& sets,
                                            bridge::Algorithm& algorithm, model::ParameterStore& model,
                                            const input::Preprocessor& preprocess, data::ImageShape view,
                                            uint64_t seed);

}  // namespace selfsup::evaluate
