#include "run/model.h"

#include <fmt/format.h>

#include <utility>

#include "base/errors.h"
#include "model/memory_format.h"
#include "train/weights.h"

namespace selfsup::run {
namespace {

bridge::Facts with_preprocessing(bridge::Facts facts, const input::Preprocessor& preprocess) {
  facts.mean = preprocess.mean();
  facts.std = preprocess.std();
  return facts;
}

train::Sides sides_of(const bridge::Facts& facts) {
  if (facts.view_sizes.size() < 2) return {};
  return {facts.view_sizes[0], facts.view_sizes[1]};
}

}  // namespace

Model::Model(const plugin::Registry& registry, const config::RunConfig& config, bridge::Facts facts,
             std::optional<uint64_t> seed, at::Device device,
             const std::function<void(model::ParameterStore& store)>& declared)
    : images(sides_of(facts)),
      preprocess(config.data_preprocessor, *facts.channels, device),
      algorithm(registry, config.model, with_preprocessing(std::move(facts), preprocess), store),
      task(algorithm) {
  declared(store);
  if (!seed) return;
  store.allocate();
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
  store.initialise(*seed);
  store.to(device);
}

std::string Model::load_weights(const std::string& path) { return load_weights({"", "", path, ""}); }

std::string Model::load_weights(const config::Pretrained& part) try {
  exchange::Weights weights = exchange::open_weights(part.checkpoint);
  std::erase_if(weights.tensors, [&](const auto& tensor) { return !tensor.name.starts_with(part.prefix); });
  if (weights.tensors.empty() && !part.prefix.empty())
    throw Error(Exit::usage, fmt::format("no name in {} begins with the prefix \"{}\"", part.checkpoint, part.prefix));
  const auto names = [this](const std::string& format) { return algorithm.export_names(format); };
  return fmt::format("weights of {}: {}", part.checkpoint,
                     train::load_weights(store, weights, names, images, part.component).text());
} catch (const Error& error) {
  throw Error(error.exit(), part.key.empty() ? error.what() : fmt::format("{}: {}", part.key, error.what()));
}

}  // namespace selfsup::run
