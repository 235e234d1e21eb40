// The labelled sets of a probe, and what is read of their images. Knows no features.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/datasets/dataset.h"
#include "data/loader/loader.h"
#include "data/transforms/pipeline.h"
#include "distributed/group.h"
#include "evaluate/share.h"

namespace selfsup::evaluate {

struct ProbeSets {
  std::unique_ptr<data::Dataset> bank, queries;
};
// Reads listings and labels, no image. Error(data) for what is not there, Error(usage) when the sets have no labels or
// not the same classes, which it names.
ProbeSets open_probe_sets(const config::ProbeConfig& asked, const data::Reading& reading = {});

struct LabelledImages {
  at::Tensor pixels;  // u8 [n,H,W,C] on the CPU
  at::Tensor labels;  // i64 [n] on the CPU; of a rank's share of the images: those of all
  int64_t classes = 0;
  data::BadReport bad;
  std::vector<int64_t> shown = {};     // of each of `pixels`, the index in its set
  const data::Dataset* set = nullptr;  // that they are of; outlives them

  std::string describe(int64_t row) const;  // of `pixels`, for messages
};

// At most `limit` labelled images of a set, spread evenly over it, through a deterministic pipeline: rows, which are
// read when they are asked for. Of a bad image another takes the place, the same whoever reads it.
class LabelledSet {
 public:
  // num_workers: threads that read. Set and pipeline outlive it. Error(data) when none is labelled.
  LabelledSet(const data::Dataset& set, const data::Pipeline& pipeline, int64_t limit, int num_workers,
              double max_bad_fraction);

  int64_t size() const { return chosen_.size(); }
  // Those rows, in that order. Error(data) when more of them are bad than the loader allows for all, Error(usage) when
  // the pipeline gives images of different sizes.
  LabelledImages load(const std::vector<int64_t>& rows) const;
  // This rank's rows, and the labels of all; called by every rank. Errors likewise, as if one rank had read all.
  LabelledImages load(const Share& share, const distributed::Group& group) const;

 private:
  const data::Dataset& set_;
  const data::Pipeline& pipeline_;
  int num_workers_;
  double max_bad_fraction_;
  std::vector<int64_t> indices_;  // in the set, of each row
  data::Subset chosen_;
};

}  // namespace selfsup::evaluate
