// ColorJitter, as MMSelfSup's and torchvision's: brightness, contrast, saturation and hue, in a new order each time.
#pragma once
#include "backend.hpp"
#include "ssp/cpp/adapters.hpp"

class ColorJitter {
 public:
  static constexpr uint32_t edits[] = {SSP_EDIT_BRIGHTNESS, SSP_EDIT_CONTRAST, SSP_EDIT_SATURATION, SSP_EDIT_HUE};
  static const char* schema();
  explicit ColorJitter(const ssp::Scope& scope);
  void apply(ssp::Sample& sample) const;

 private:
  struct Change {
    ssp_edit (*edit)(double);
    double low, high;  // its number is uniform in between
  };
  std::vector<Change> changes_;  // without those that would change nothing
  Backend backend_;
};
