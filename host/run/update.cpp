#include "run/update.h"

#include <fmt/format.h>

namespace selfsup::run {
namespace {

// The node of the optimizer, with the rate that fits the batch if that is asked for.
Json scaled_optimizer(const config::RunConfig& config, int world, std::vector<std::string>& notes) {
  Json optimizer = config.optim_wrapper.get("optimizer");
  if (!config.auto_scale_lr) return optimizer;
  const int64_t batch = config.data.batch_size * world * config.accumulative_counts;
  const double before = optimizer.get("lr").as_double();
  const double after = before * static_cast<double>(batch) / static_cast<double>(*config.base_batch_size);
  notes.push_back(fmt::format(
      "auto_scale_lr: {} x {} / {} = {} (images of an optimizer step: {} a rank x {} ranks x {} "
      "accumulated, over base_batch_size)",
      before, batch, *config.base_batch_size, after, config.data.batch_size, world, config.accumulative_counts));
  *optimizer.find("lr") = Json(after);
  return optimizer;
}

std::unique_ptr<train::Optimizer> make_optimizer(const Json& node, const train::ParamRules& rules,
                                                 model::ParameterStore& store) {
  return train::make_optimizer(node, train::group_parameters(store.trained(), rules, node.get("lr").as_double(),
                                                             node.get("weight_decay").as_double()));
}

}  // namespace

Update::Update(const Settings& settings, model::ParameterStore& store, const distributed::Group& group,
               at::Device device, std::vector<std::string>& notes)
    : amp(train::amp_settings(settings.config.optim_wrapper, device.type())),
      optimizer(make_optimizer(scaled_optimizer(settings.config, group.world(), notes), settings.rules, store)),
      scaler(amp, device) {}

}  // namespace selfsup::run
