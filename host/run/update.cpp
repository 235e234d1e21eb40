#include "run/update.h"

#include <fmt/format.h>

namespace selfsup::run {
namespace {

// The node of the optimizer, with the rate that fits the batch if that is asked for. Several ranks are told of their
// batch in any case.
Json scaled_optimizer(const config::RunConfig& config, int world, std::vector<std::string>& notes) {
  Json optimizer = config.optim_wrapper.get("optimizer");
  const int64_t batch = config.data.batch_size * world * config.accumulative_counts;
  const std::string images = fmt::format("{} images an optimizer step: {} a rank x {} ranks x {} accumulated", batch,
                                         config.data.batch_size, world, config.accumulative_counts);
  const double before = optimizer.get("lr").as_double();
  if (!config.base_batch_size) {
    if (world > 1)
      notes.push_back(
          fmt::format("{}; lr {} stays as it is (auto_scale_lr.base_batch_size does not say for which batch "
                      "it was chosen; the usual rule is new_lr = old_lr x new_gpus / old_gpus)",
                      images, before));
    return optimizer;
  }
  const int64_t base = *config.base_batch_size;
  const double after = before * static_cast<double>(batch) / static_cast<double>(base);
  if (config.auto_scale_lr) {
    notes.push_back(
        fmt::format("auto_scale_lr: lr {} x {} / {} = {} ({}, over base_batch_size; as new_lr = old_lr x "
                    "new_gpus / old_gpus where the batch of a GPU stays)",
                    before, batch, base, after, images));
    *optimizer.find("lr") = Json(after);
  } else if (world > 1) {
    notes.push_back(fmt::format("{}; lr {} is taken as it stands{}", images, before,
                                batch == base
                                    ? ", and its batch is base_batch_size"
                                    : fmt::format("; base_batch_size is {}: --auto-scale-lr would make lr {:.6g} "
                                                  "(new_lr = old_lr x new_gpus / old_gpus)",
                                                  base, after)));
  }
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
