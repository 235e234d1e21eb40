// The sheet of nearest neighbours: what features hold to be alike. Knows no algorithm.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "evaluate/picture.h"
#include "evaluate/probe_sets.h"

namespace selfsup::evaluate {

// Some queries, spread over the classes, and what of the bank is nearest to each, nearest first.
struct Neighbours {
  std::vector<int64_t> queries;               // rows of the queries
  std::vector<std::vector<int64_t>> nearest;  // rows of the bank, of each query
};

// Features [M,D] and [N,D], on one device; labels i64 [N] of the queries, on the CPU. Neighbours by cosine.
Neighbours find_neighbours(const at::Tensor& bank, const at::Tensor& queries, const at::Tensor& query_labels,
                           int64_t classes);

// A row a query: its image, and its neighbours, each in a frame that says whether it has the query's label. names: by
// label, below the images; may be empty.
Picture neighbours_sheet(const Neighbours& found, const LabelledImages& bank, const LabelledImages& queries,
                         const std::vector<std::string>& names);

// For people: how many of the sheet's neighbours have their query's label.
std::string neighbours_caption(const Neighbours& found, const LabelledImages& bank, const LabelledImages& queries);

}  // namespace selfsup::evaluate
