#include "run/data.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "bridge/components/transform.h"
#include "data/loader/view_shapes.h"
#include "run/facts.h"
#include "train/signals.h"

namespace selfsup::run {

data::Reading reading_of(const config::RunConfig& config, const launch::Ranks& ranks) {
  return {config.data.max_image_pixels, config.data.keep_truncated, config.work_dir, ranks.local_world, [] {
            if (const auto stop = train::requested_stop())
              throw Error(*stop, "stopped while the images were looked for");
          }};
}

Data open_data(const Prepared& prepared, const config::RunConfig& config) {
  Data data{
      data::make_dataset(config.data.dataset, reading_of(config, prepared.ranks)),
      data::Pipeline(config.data.pipeline,
                     bridge::transform_factory(*prepared.registry, stated_facts(prepared.config, prepared.ranks))),
      {}};
  const char* key = "train_dataloader.dataset.pipeline";
  if (!prepared.config.at_path(key)) key = "train_dataloader.pipeline";
  data.views =
      data::view_shapes(*data.dataset, data.pipeline, fmt::format("{}: {}", describe(config.data.pipeline.source), key),
                        config.data.max_bad_fraction);
  return data;
}

data::Loader make_loader(const Data& data, const config::DataConfig& config, const launch::Ranks& ranks, uint64_t seed,
                         std::vector<data::BadFile> known_bad, const device::Device& device) {
  const data::LoaderOptions options{.batch_size = config.batch_size,
                                    .num_workers = static_cast<int>(*config.num_workers),
                                    .drop_last = config.drop_last,
                                    .shuffle = config.shuffle,
                                    .seed = seed,
                                    .shard = {ranks.rank, ranks.world},
                                    .prefetch = static_cast<int>(config.prefetch),
                                    .max_bad_fraction = config.max_bad_fraction,
                                    .known_bad = std::move(known_bad),
                                    .ends_when_too_many = false};
  return data::Loader(*data.dataset, data.pipeline, options,
                      [&device, pageable = data::reusing(data::allocate_pageable)](size_t bytes) {
                        return device.cuda ? device::allocate_pinned(bytes) : pageable(bytes);
                      });
}

}  // namespace selfsup::run
