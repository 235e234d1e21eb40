// A run of colour edits that treat each pixel by itself, done together, row by row. Knows no geometry.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "data/edits/edit.h"

namespace selfsup::data {

// What an edit must know of the whole image before it can treat a pixel.
struct Statistic {
  enum class Kind { none, grey, torchvision_grey, histogram };
  Kind kind = Kind::none;
  uint64_t pixels = 0, grey_sum = 0;
  std::array<std::array<uint64_t, 256>, 3> histogram{};

  void add(const uint8_t* row, int width, int channels);
};
Statistic::Kind needed_by(const Edit& edit);

// Thread-compatible: made anew for each image.
class ColourChain {
 public:
  explicit ColourChain(int channels) : channels_(channels) {}
  // statistic: of the image that the edits before this one leave; of the kind that is needed.
  void add(const Edit& edit, const Statistic& statistic);
  bool empty() const { return steps_.empty(); }
  void run(uint8_t* row, int width) const;  // in place

 private:
  using Table = std::array<std::array<uint8_t, 256>, 3>;
  struct Step {
    Edit edit;  // kind 0: a table
    Table table;
  };
  void add_table(const Table& table);

  int channels_;
  std::vector<Step> steps_;  // never two tables in a row: they are made one
};

}  // namespace selfsup::data
