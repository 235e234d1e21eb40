// AVIF by libavif: of a sequence the first image.
#include <avif/avif.h>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <new>

#include "data/codecs/bytes.h"
#include "data/codecs/pixels.h"
#include "data/codecs/whole.h"

namespace selfsup::data {
namespace {

constexpr std::string_view kName = "AVIF";

// 0: top and bottom are exchanged, 1: left and right. The field's name changed with version 1.0.
int mirror_axis(const avifImage& image) {
#if AVIF_VERSION_MAJOR >= 1
  return image.imir.axis;
#else
  return image.imir.mode;
#endif
}

// dav1d, which libavif would choose, writes what it thinks of damaged files to the standard error, past the log, and
// libavif has no way to keep it from that. libaom is silent and gives the same pixels.
avifCodecChoice silent_decoder() {
  const bool there = avifCodecName(AVIF_CODEC_CHOICE_AOM, AVIF_CODEC_FLAG_CAN_DECODE) != nullptr;
  return there ? AVIF_CODEC_CHOICE_AOM : AVIF_CODEC_CHOICE_AUTO;
}

// EXIF's orientation that is the image's own turn, and the mirroring that comes after it. EXIF itself is not to be
// obeyed beside them.
int orientation(const avifImage& image) {
  const bool turns = (image.transformFlags & AVIF_TRANSFORM_IROT) != 0;
  const bool mirrors = (image.transformFlags & AVIF_TRANSFORM_IMIR) != 0;
  const int angle = turns ? image.irot.angle & 3 : 0;  // quarters to the left
  static constexpr int kTurned[] = {1, 8, 3, 6}, kTopWithBottom[] = {4, 5, 2, 7}, kLeftWithRight[] = {2, 7, 4, 5};
  return !mirrors ? kTurned[angle] : mirror_axis(image) == 0 ? kTopWithBottom[angle] : kLeftWithRight[angle];
}

class Avif : public Whole {
 public:
  Avif(std::span<const uint8_t> bytes, const Decoding& how)
      : Whole(how), decoder_(avifDecoderCreate(), avifDecoderDestroy) {
    if (!decoder_) throw std::bad_alloc();
    decoder_->maxThreads = 1;
    decoder_->codecChoice = silent_decoder();
    decoder_->ignoreExif = decoder_->ignoreXMP = AVIF_TRUE;
    decoder_->imageSizeLimit = static_cast<uint32_t>(std::min<int64_t>(how.max_pixels, AVIF_DEFAULT_IMAGE_SIZE_LIMIT));
    decoder_->imageDimensionLimit = kMaxImageSide;
    // What older encoders leave out.
    decoder_->strictFlags &= ~static_cast<avifStrictFlags>(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    judge(avifDecoderSetIOMemory(decoder_.get(), bytes.data(), bytes.size()));
    judge(avifDecoderParse(decoder_.get()));
    set_size(decoder_->image->height, decoder_->image->width, orientation(*decoder_->image));
  }

 private:
  void read(Image& out) override {
    judge(avifDecoderNextImage(decoder_.get()));
    const avifImage& image = *decoder_->image;
    if (image.height != static_cast<uint32_t>(height_) || image.width != static_cast<uint32_t>(width_))
      refuse_damaged(kName, "its pixels have another size than its header says");
    avifRGBImage rgb;
    avifRGBImageSetDefaults(&rgb, &image);
    const bool alpha = image.alphaPlane != nullptr;  // asked for, as without it libavif would lay the image on black
    rgb.depth = 8;
    rgb.format = alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    out.reshape(height_, width_, alpha ? 4 : 3);
    rgb.pixels = out.pixels.data();
    rgb.rowBytes = static_cast<uint32_t>(out.row_bytes());
    judge(avifImageYUVToRGB(&image, &rgb));
    if (alpha) drop_alpha(out);
  }

  void judge(avifResult result) const {
    if (result == AVIF_RESULT_OK) return;
    if (result == AVIF_RESULT_OUT_OF_MEMORY) throw std::bad_alloc();
    if (result == AVIF_RESULT_TRUNCATED_DATA) refuse_cut(kName, false);
    if (result == AVIF_RESULT_DECODE_COLOR_FAILED || result == AVIF_RESULT_DECODE_ALPHA_FAILED)
      refuse_damaged(kName, "its pixels cannot be decoded");
    const char* more = decoder_->diag.error;
    refuse_damaged(kName, fmt::format("{}{}{}", avifResultToString(result), more[0] != 0 ? ": " : "", more));
  }

  std::unique_ptr<avifDecoder, void (*)(avifDecoder*)> decoder_;
};

}  // namespace

Codec avif() {
  return {{kName},
          {"avif", "avifs"},
          [](std::span<const uint8_t> bytes) {
            const avifROData data{bytes.data(), bytes.size()};
            return has_at(bytes, 4, "ftyp") && avifPeekCompatibleFileType(&data) != AVIF_FALSE;
          },
          [](std::span<const uint8_t> bytes, const Decoding& how) -> std::unique_ptr<Undecoded> {
            return std::make_unique<Avif>(bytes, how);
          }};
}

}  // namespace selfsup::data
