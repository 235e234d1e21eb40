// RandomGaussianBlur, as MMSelfSup's (Pillow's blur) or with torchvision's kernel.
#pragma once
#include "backend.hpp"
#include "ssp/cpp/adapters.hpp"

class RandomGaussianBlur {
 public:
  static constexpr uint32_t edits[] = {SSP_EDIT_BLUR};
  static const char* schema();
  explicit RandomGaussianBlur(const ssp::Scope& scope);
  void apply(ssp::Sample& sample) const;

 private:
  double sigma_min_, sigma_max_, prob_;
  int kernel_size_;  // 0: Pillow's blur, which has none
};
