// The loss (NT-Xent, MMSelfSup's ContrastiveHead): the twin of a view is to be found among the views of all ranks.
#pragma once
#include "ssp/cpp/call.hpp"
#include "ssp/cpp/scope.hpp"

class Head {
 public:
  // Reads the node `head`.
  explicit Head(const ssp::Scope& scope);

  struct Result {
    ssp::Tensor loss, top1;  // of this rank's rows; their means over ranks are those of all rows
  };
  // z [2 n, D]: the projections of the first views, then of the second. Each row's twin against all other rows of all
  // ranks; only the own rows are computed. In fp32, whatever the run's precision.
  Result operator()(const ssp::Tensor& z, const ssp::Call& call) const;

 private:
  double temperature_;
  bool exact_;
};
