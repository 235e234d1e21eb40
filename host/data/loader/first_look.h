// Judges a set before any image is decoded: by what the names and first bytes of its files tell. Knows no batches.
#pragma once
#include <functional>
#include <vector>

#include "data/datasets/dataset.h"
#include "data/loader/bad_report.h"

namespace selfsup::data {

// The images that cannot be used among those looked at: every one whose name promises a format that is not read, until
// they are too many, and of the others 1,000 that are spread evenly over the set, or all of a smaller one. Error(data)
// when a run would come to its end for them: more are bad than max_bad_fraction allows, so many of the sample that
// chance does not explain it, or all. threads: that look. pause: called now and then; what it throws comes out.
std::vector<BadFile> first_look(const Dataset& dataset, double max_bad_fraction, int threads,
                                const std::function<void()>& pause = {});

}  // namespace selfsup::data
