#include "train/optimizers/optimizer_state.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace selfsup::train {

std::vector<at::Tensor> pick(const std::vector<at::Tensor>& from, const std::vector<size_t>& members) {
  std::vector<at::Tensor> out;
  out.reserve(members.size());
  for (size_t i : members) out.push_back(from[i]);
  return out;
}

std::vector<at::Tensor> gather_gradients(const std::vector<at::Tensor>& params, const std::vector<size_t>& members) {
  std::vector<at::Tensor> out;
  out.reserve(members.size());
  for (size_t i : members) out.push_back(params[i].grad());
  return out;
}

void judge_state(const StateDict& own, const StateDict& saved, bool partial) {
  const checkpoint::StrictReport report = compare(own, saved, /*check_dtype=*/true);
  if (report.unexpected.empty() && report.mismatched.empty() && (partial || report.missing.empty())) return;
  throw Error(Exit::checkpoint,
              fmt::format("the saved state of the optimizer is that of another optimizer or model. {}", report.text()));
}

}  // namespace selfsup::train
