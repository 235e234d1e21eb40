// Masked autoencoder (He et al. 2021): hide most patches of an image, encode the others, rebuild the hidden pixels.
#pragma once
#include "decoder.hpp"
#include "patches.hpp"
#include "ssp/cpp/backbone.hpp"
#include "ssp/cpp/batch.hpp"

class Mae {
 public:
  static constexpr uint32_t caps = SSP_CAP_CAPTURABLE;
  static const char* schema();
  static std::string defaults(const ssp::Facts& facts);

  explicit Mae(const ssp::Scope& scope);
  ssp::Outputs training_step(const ssp::Batch& batch, const ssp::Call& call) const;
  // "mean" [B, D]: mean of the patch tokens; "cls" [B, D]; "pool" [B, 4 D]: patch tokens pooled to 2 x 2.
  ssp::Outputs features(const ssp::Tensor& images, const ssp::Call& call, const ssp::Names& layers) const;
  // Columns of the picture; patches get the mean and deviation that they truly have where norm_pix is on, and the
  // column says so.
  ssp::Outputs reconstruct(const ssp::Batch& batch, const ssp::Call& call) const;
  // "mmselfsup": all of them, the backbone's too.
  ssp::NamePairs names(std::string_view format) const;

 private:
  // Each image's patches in an order of its own, i64 [B, L]; the first keep_ of it are visible.
  ssp::Tensor shuffled(const ssp::Tensor& images, const ssp::Call& call) const;
  // patches: those of the images, [B, L, patch pixels].
  ssp::Tensor encode_visible(const ssp::Tensor& images, const ssp::Tensor& patches, const ssp::Tensor& order,
                             const ssp::Call& call) const;
  void check_images(const ssp::Tensor& images) const;

  ssp::TokensBackbone encoder_;
  int64_t height_, width_;  // of the images
  Patches patches_;
  Decoder decoder_;
  int64_t keep_;  // visible patches of an image
  bool norm_pix_;
  bool patchwise_;  // the encoder's embedding
  std::vector<std::string> tensor_names_;
};
