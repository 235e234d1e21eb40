// WebP by libwebp.
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>
#include <new>

#include "data/codecs/bytes.h"
#include "data/codecs/orientation.h"
#include "data/codecs/whole.h"

namespace selfsup::data {
namespace {

constexpr std::string_view kName = "WebP";

// The first frame, and where it lies on the canvas.
struct Frame : WebPIterator {
  explicit Frame(const WebPDemuxer* demuxer) : WebPIterator{} {
    if (WebPDemuxGetFrame(demuxer, 1, this) == 0) refuse_damaged(kName, "it holds no frame");
  }
  ~Frame() { WebPDemuxReleaseIterator(this); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
};

int orientation(const WebPDemuxer* demuxer) {
  WebPChunkIterator chunk{};
  int found = 1;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) != 0) {
    std::span<const uint8_t> block(chunk.chunk.bytes, chunk.chunk.size);
    if (has_at(block, 0, "Exif")) block = part(block, 6);  // as a JPEG has it
    found = exif_orientation(block);
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return found;
}

class Webp : public Whole {
 public:
  Webp(std::span<const uint8_t> bytes, const Decoding& how) : Whole(how) {
    const WebPData data{bytes.data(), bytes.size()};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    demuxer_.reset(WebPDemuxPartial(&data, &state));
    if (state == WEBP_DEMUX_PARSING_HEADER || state == WEBP_DEMUX_PARSED_HEADER) refuse_cut(kName, false);
    if (state != WEBP_DEMUX_DONE || !demuxer_) refuse_damaged(kName, "its parts do not fit together");
    set_size(WebPDemuxGetI(demuxer_.get(), WEBP_FF_CANVAS_HEIGHT), WebPDemuxGetI(demuxer_.get(), WEBP_FF_CANVAS_WIDTH),
             orientation(demuxer_.get()));
    const Frame frame(demuxer_.get());
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(frame.fragment.bytes, frame.fragment.size, &features) != VP8_STATUS_OK)
      refuse_damaged(kName, "its first frame has no header");
    // Of one that loses nothing, a colour may take no bits at all.
    constexpr int kLossy = 1;
    if (features.format == kLossy && blocks_of(frame.height, frame.width) > uint64_t{frame.fragment.size} * 8)
      refuse_claim(kName, frame.height, frame.width, frame.fragment.size);
    // A canvas with a smaller frame on it belongs to an animation, whose other frames are in the file.
    if ((frame.width != width_ || frame.height != height_) && blocks_of(height_, width_) > uint64_t{bytes.size()} * 8)
      refuse_claim(kName, height_, width_, bytes.size());
  }

 private:
  // Each of which takes a bit at least where pixels are lost.
  static uint64_t blocks_of(int height, int width) {
    constexpr int kSide = 16;
    return static_cast<uint64_t>((height + kSide - 1) / kSide) * static_cast<uint64_t>((width + kSide - 1) / kSide);
  }

  void read(Image& out) override {
    const Frame frame(demuxer_.get());
    out.reshape(height_, width_, 3);
    if (frame.width != width_ || frame.height != height_) std::fill(out.pixels.begin(), out.pixels.end(), uint8_t{0});
    if (frame.x_offset < 0 || frame.y_offset < 0 || frame.x_offset + frame.width > width_ ||
        frame.y_offset + frame.height > height_)
      refuse_damaged(kName, "its first frame is not on its canvas");
    WebPDecoderConfig config;
    if (WebPInitDecoderConfig(&config) == 0) refuse_damaged(kName, "another version of libwebp");
    uint8_t* first = out.row(frame.y_offset) + size_t{3} * static_cast<size_t>(frame.x_offset);
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = {first, static_cast<int>(out.row_bytes()),
                            static_cast<size_t>(out.pixels.data() + out.pixels.size() - first)};
    const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
    if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
    if (status != VP8_STATUS_OK) refuse_damaged(kName, "its pixels cannot be decoded");
  }

  std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)> demuxer_{nullptr, WebPDemuxDelete};
};

}  // namespace

Codec webp() {
  return {{kName},
          {"webp"},
          [](std::span<const uint8_t> bytes) { return has_at(bytes, 0, "RIFF") && has_at(bytes, 8, "WEBPVP8"); },
          [](std::span<const uint8_t> bytes, const Decoding& how) -> std::unique_ptr<Undecoded> {
            return std::make_unique<Webp>(bytes, how);
          }};
}

}  // namespace selfsup::data
