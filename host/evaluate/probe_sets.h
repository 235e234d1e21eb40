// The labelled sets of a probe, and their images in memory. Knows no features.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "config/run_config.h"
#include "data/datasets/dataset.h"
#include "data/loader/loader.h"
#include "data/transforms/pipeline.h"

namespace selfsup::evaluate {

struct ProbeSets {
  std::unique_ptr<data::Dataset> bank, queries;
};
// Reads listings and labels, no image. Error(data) for what is not there, Error(usage) when the sets have no labels or
// not the same classes, which it names.
ProbeSets open_probe_sets(const config::ProbeConfig& asked, const data::Reading& reading = {});

struct LabelledImages {
  at::Tensor pixels;  // u8 [N,H,W,C] on the CPU
  at::Tensor labels;  // i64 [N] on the CPU
  int64_t classes = 0;
  std::vector<data::BadFile> bad;
};

// At most `limit` labelled images of a set, spread evenly over it, through a deterministic pipeline, read by
// `num_workers` threads. Others take the place of bad ones; Error(data) when more are bad than the loader allows for
// that share, or none is labelled, Error(usage) when the pipeline gives images of different sizes.
LabelledImages load_labelled(const data::Dataset& dataset, const data::Pipeline& pipeline, int64_t limit,
                             int num_workers, double max_bad_fraction);

}  // namespace selfsup::evaluate
