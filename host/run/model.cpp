#include "run/model.h"

#include <utility>

#include "model/memory_format.h"

namespace selfsup::run {
namespace {

bridge::Facts with_preprocessing(bridge::Facts facts, const input::Preprocessor& preprocess) {
  facts.mean = preprocess.mean();
  facts.std = preprocess.std();
  return facts;
}

}  // namespace

Model::Model(const plugin::Registry& registry, const config::RunConfig& config, bridge::Facts facts, uint64_t seed,
             at::Device device)
    : preprocess(config.data_preprocessor, *facts.channels, device, config.channels_last),
      algorithm(registry, config.model, with_preprocessing(std::move(facts), preprocess), store),
      task(algorithm) {
  if (config.channels_last) model::lay_channels_last(store);
  store.initialise(seed);
  store.to(device);
}

}  // namespace selfsup::run
