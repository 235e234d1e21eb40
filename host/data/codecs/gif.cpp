// GIF by giflib: the first frame, on the screen that the file asks for.
#include <gif_lib.h>

#include <algorithm>
#include <memory>
#include <new>

#include "data/codecs/bytes.h"
#include "data/codecs/pixels.h"
#include "data/codecs/whole.h"

namespace selfsup::data {
namespace {

constexpr std::string_view kName = "GIF";

// Behind the end of a file that was cut there is one zero after another for who reads bytes singly: as the length of a
// block it ends the blocks, so pixels that are all there need nothing more. Within a block zeros would be pixels that
// nobody has written: there the end is told, unless a file that was cut is to be kept.
struct Source {
  std::span<const uint8_t> rest;
  bool fills = false;  // zeros within a block too
  bool ended = false;
};

int on_read(GifFileType* file, GifByteType* to, int size) {
  Source& source = *static_cast<Source*>(file->UserData);
  const std::span<const uint8_t> here = part(source.rest, 0, static_cast<uint64_t>(size));
  std::fill(std::copy(here.begin(), here.end(), to), to + size, GifByteType{0});
  source.rest = source.rest.subspan(here.size());
  source.ended = source.ended || here.size() < static_cast<size_t>(size);
  return size == 1 || source.fills ? size : static_cast<int>(here.size());
}

struct Close {
  void operator()(GifFileType* file) const { DGifCloseFile(file, nullptr); }
};

class Gif : public Whole {
 public:
  Gif(std::span<const uint8_t> bytes, const Decoding& how) : Whole(how), source_{bytes, how.keep_truncated} {
    int error = 0;
    file_.reset(DGifOpen(&source_, on_read, &error));
    if (!file_) fail(error);
    find_frame();
    const GifImageDesc& frame = file_->Image;
    set_size(std::max(file_->SHeight, frame.Top + frame.Height), std::max(file_->SWidth, frame.Left + frame.Width));
    constexpr uint64_t kLongest = 4096, kLeastBits = 3;  // pixels of a code, and its bits
    const uint64_t most = bytes.size() * 8 / kLeastBits * kLongest;
    if (static_cast<uint64_t>(frame.Width) * static_cast<uint64_t>(frame.Height) > most)
      refuse_claim(kName, frame.Height, frame.Width, bytes.size());
    // The screen costs memory as a frame does: it may be as large as a frame of so many bytes, which no screen that
    // anything is drawn on exceeds.
    if (static_cast<uint64_t>(width_) * static_cast<uint64_t>(height_) > most)
      refuse_claim(kName, height_, width_, bytes.size());
  }

 private:
  void find_frame() {
    for (;;) {
      GifRecordType type = UNDEFINED_RECORD_TYPE;
      if (DGifGetRecordType(file_.get(), &type) == GIF_ERROR) fail(file_->Error);
      if (type == TERMINATE_RECORD_TYPE) refuse_damaged(kName, "it holds no frame");
      if (type == IMAGE_DESC_RECORD_TYPE) break;
      if (type == EXTENSION_RECORD_TYPE) pass_extension();
    }
    if (DGifGetImageDesc(file_.get()) == GIF_ERROR) fail(file_->Error);
    if (source_.ended) refuse_cut(kName, false);
    if (file_->Image.Width < 1 || file_->Image.Height < 1) refuse_damaged(kName, "its first frame has no pixels");
  }

  void pass_extension() {
    int code = 0;
    GifByteType* block = nullptr;
    int status = DGifGetExtension(file_.get(), &code, &block);
    while (status != GIF_ERROR && block != nullptr) {
      GraphicsControlBlock control{};
      if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) != GIF_ERROR &&
          control.TransparentColor != NO_TRANSPARENT_COLOR)
        background_ = static_cast<uint8_t>(control.TransparentColor);
      status = DGifGetExtensionNext(file_.get(), &block);
    }
    if (status == GIF_ERROR) fail(file_->Error);
  }

  void read(Image& out) override {
    out.reshape(height_, width_, 1);
    std::fill(out.pixels.begin(), out.pixels.end(), background_);
    read_rows(out);
    const ColorMapObject* colours = file_->Image.ColorMap != nullptr ? file_->Image.ColorMap : file_->SColorMap;
    Palette palette = grey_ramp();
    for (int i = 0; colours != nullptr && i < std::min(colours->ColorCount, 256); ++i)
      palette[static_cast<size_t>(i)] = {colours->Colors[i].Red, colours->Colors[i].Green, colours->Colors[i].Blue};
    expand_palette(palette, how_.channels, out);
  }

  void read_rows(Image& out) {
    struct Pass {
      int from, step;
    };
    static constexpr Pass kAll[] = {{0, 1}}, kInterlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    const GifImageDesc& frame = file_->Image;
    for (const Pass& pass : frame.Interlace ? std::span<const Pass>(kInterlaced) : std::span<const Pass>(kAll))
      for (int y = pass.from; y < frame.Height; y += pass.step)
        if (DGifGetLine(file_.get(), out.row(frame.Top + y) + frame.Left, frame.Width) == GIF_ERROR) {
          if (source_.ended && how_.keep_truncated) return;
          fail(file_->Error);
        }
  }

  [[noreturn]] void fail(int error) const {
    if (error == D_GIF_ERR_NOT_ENOUGH_MEM) throw std::bad_alloc();
    if (source_.ended) refuse_cut(kName, file_ && file_->ImageCount > 0);
    const char* text = GifErrorString(error);
    refuse_damaged(kName, text != nullptr ? text : "no reason given");
  }

  Source source_;
  std::unique_ptr<GifFileType, Close> file_;
  uint8_t background_ = 0;  // the transparent colour, if there is one
};

}  // namespace

Codec gif() {
  return {{kName},
          {"gif"},
          [](std::span<const uint8_t> bytes) { return has_at(bytes, 0, "GIF87a") || has_at(bytes, 0, "GIF89a"); },
          [](std::span<const uint8_t> bytes, const Decoding& how) -> std::unique_ptr<Undecoded> {
            return std::make_unique<Gif>(bytes, how);
          }};
}

}  // namespace selfsup::data
