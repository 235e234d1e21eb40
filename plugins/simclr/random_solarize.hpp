// RandomSolarize, as MMSelfSup's: bright values are inverted.
#pragma once
#include "ssp/cpp/adapters.hpp"

class RandomSolarize {
 public:
  static constexpr uint32_t edits[] = {SSP_EDIT_SOLARIZE};
  static const char* schema();
  explicit RandomSolarize(const ssp::Scope& scope);
  void apply(ssp::Sample& sample) const;

 private:
  double threshold_, prob_;
};
