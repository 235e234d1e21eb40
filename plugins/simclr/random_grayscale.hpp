// RandomGrayscale, as mmcv's and torchvision's: the grey of an image in all its channels.
#pragma once
#include "ssp/cpp/adapters.hpp"

class RandomGrayscale {
 public:
  static constexpr uint32_t edits[] = {SSP_EDIT_GREY};
  static const char* schema();
  explicit RandomGrayscale(const ssp::Scope& scope);
  void apply(ssp::Sample& sample) const;

 private:
  double prob_;
  ssp_edit grey_;
};
