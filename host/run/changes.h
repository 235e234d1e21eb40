// What differs between a run and the checkpoint that it goes on from. Knows no tensors.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/manifest.h"

namespace selfsup::run {

// One line a difference in what decides the course of the run: "train_dataloader.batch_size: 256 -> 128". Keys that
// decide nothing about the values (work folder, resume, workers, intervals of log and saves, the probe) do not count.
// Of the manifests' extra["facts"] all but "num_workers" count: what is known of the data, the device and the machine.
std::vector<std::string> changes(const checkpoint::Manifest& before, const checkpoint::Manifest& now);

}  // namespace selfsup::run
