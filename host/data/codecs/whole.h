// What the formats share of which everything is decoded, whatever part is wanted. Knows no format.
#pragma once
#include <string>
#include <string_view>

#include "data/codecs/codec.h"

namespace selfsup::data {

class Whole : public Undecoded {
 public:
  ImageShape shape() const override;
  Box decode(const Box& box, Image& out) override;

 protected:
  explicit Whole(const Decoding& how) : how_(how) {}
  // As the header tells, once: BadImage when a side is 0 or the picture too large.
  void set_size(int64_t height, int64_t width, int orientation = 1);
  // All of the picture as it is stored, in grey or RGB.
  virtual void read(Image& out) = 0;

  const Decoding how_;
  int height_ = 0, width_ = 0;

 private:
  int orientation_ = 1;
};

inline constexpr std::string_view kHowToKeep = " (truncated: keep takes what is there)";

// BadImage, in the words that all formats use.
[[noreturn]] void refuse_damaged(std::string_view format, std::string_view what);
// can_keep: Decoding::keep_truncated would have helped.
[[noreturn]] void refuse_cut(std::string_view format, bool can_keep);
// When so many bytes cannot hold what the header claims.
[[noreturn]] void refuse_claim(std::string_view format, int64_t height, int64_t width, uint64_t bytes);

}  // namespace selfsup::data
