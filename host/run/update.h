// How a run changes its model: parameter groups, optimizer and loss scaling. Knows no algorithm and no data.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "distributed/group.h"
#include "model/store.h"
#include "run/settings.h"
#include "train/amp.h"
#include "train/optimizers/optimizer.h"

namespace selfsup::run {

struct Update {
  // notes: is told what auto_scale_lr has made of the rate.
  Update(const Settings& settings, model::ParameterStore& store, const distributed::Group& group, at::Device device,
         std::vector<std::string>& notes);

  train::AmpSettings amp;
  std::unique_ptr<train::Optimizer> optimizer;
  train::GradScaler scaler;
};

}  // namespace selfsup::run
