#include "run/model.h"

#include <fmt/format.h>

#include <utility>

#include "model/memory_format.h"
#include "train/weights.h"

namespace selfsup::run {
namespace {

bridge::Facts with_preprocessing(bridge::Facts facts, const input::Preprocessor& preprocess) {
  facts.mean = preprocess.mean();
  facts.std = preprocess.std();
  return facts;
}

}  // namespace

Model::Model(const plugin::Registry& registry, const config::RunConfig& config, bridge::Facts facts,
             std::optional<uint64_t> seed, at::Device device)
    : preprocess(config.data_preprocessor, *facts.channels, device),
      algorithm(registry, config.model, with_preprocessing(std::move(facts), preprocess), store),
      task(algorithm) {
  const model::Entry* narrow = device.is_cpu() ? model::too_narrow_for_channels_last(store) : nullptr;
  if (config.channels_last && narrow) {
    layout_note = fmt::format(
        "images and convolutions lie channel by channel: {} has {} outputs, and on the CPU channels-last "
        "convolutions need 16",
        narrow->name, narrow->tensor.size(0));
  } else if (config.channels_last) {
    model::lay_channels_last(store);
    preprocess.lay_channels_last();
  }
  if (seed) store.initialise(*seed);
  store.to(device);
}

std::string Model::load_weights(const std::string& path) {
  const exchange::Weights weights = exchange::open_weights(path);
  const auto names = [this](const std::string& format) { return algorithm.export_names(format); };
  return fmt::format("weights of {}: {}", path, train::load_weights(store, weights, names).text());
}

}  // namespace selfsup::run
