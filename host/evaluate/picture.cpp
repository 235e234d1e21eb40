#include "evaluate/picture.h"

#include <fmt/format.h>
#include <png.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/errors.h"
#include "base/utf8.h"
#include "data/edits/draw.h"
#include "data/edits/edit.h"
#include "evaluate/letters.h"

namespace selfsup::evaluate {
namespace {

constexpr Color kGround{250, 250, 250}, kInk{72, 79, 88};
constexpr int kMargin = 20, kBareGap = 10, kApart = 16, kFrame = 4;

void check(const ImageView& image) {
  constexpr int kMost = 16384;
  if (image.pixels && image.width > 0 && image.height > 0 && image.width <= kMost && image.height <= kMost &&
      (image.channels == 1 || image.channels == 3))
    return;
  throw Error(Exit::failed, fmt::format("a picture cannot show an image of {} x {} with {} channels", image.width,
                                        image.height, image.channels));
}

int text_width(std::string_view text) {
  size_t pixels = 0;
  for (const char c : text) pixels += letter_of(c).size();
  return static_cast<int>(pixels) / letter_height;
}

// A character that is not ASCII is one box, however many bytes it has.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (!utf8_continues(c)) out += c;
  return out;
}

std::string cut(std::string text, int width) {
  if (text_width(text) <= width) return text;
  while (!text.empty() && text_width(text + "...") > width) text.pop_back();
  return text.empty() ? text : text + "...";
}

// In lines of whole words, as long as there are lines left; the last one holds what is left.
std::vector<std::string> lines_of(std::string_view caption, int width) {
  constexpr size_t most = 3;
  std::vector<std::string> lines;
  const std::string text = plain(caption);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (lines.empty() || (lines.size() < most && text_width(lines.back() + " " + word) > width))
      lines.push_back(word);
    else
      lines.back() += " " + word;
    at = end + 1;
  }
  for (std::string& line : lines) line = cut(std::move(line), width);
  return lines;
}

// Where everything of a sheet goes.
struct Plan {
  explicit Plan(const Sheet& sheet);

  int gap = kBareGap;                           // between cells
  int factor = 1;                               // of all images
  std::vector<int> widths, heights;             // of columns and rows, captions left out
  std::vector<int> left, top;                   // where columns and rows begin
  std::vector<int> captions;                    // of each row: the room below its images
  std::vector<std::vector<std::string>> heads;  // of each column, in lines
  int width = 0, height = 0;
};

Plan::Plan(const Sheet& sheet) {
  int longest = 0;
  for (const auto& row : sheet.rows)
    for (const Cell& cell : row) {
      check(cell.image);
      longest = std::max({longest, cell.image.width, cell.image.height});
      if (cell.frame) gap = kBareGap + 2 * kFrame;
    }
  if (longest == 0) throw Error(Exit::failed, "a picture needs images");
  factor = std::max(1, (2 * sheet.side + longest) / (2 * longest));
  for (const auto& row : sheet.rows) {
    widths.resize(std::max(widths.size(), row.size()));
    heights.push_back(0);
    captions.push_back(0);
    for (size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], row[c].image.width * factor);
      heights.back() = std::max(heights.back(), row[c].image.height * factor);
      if (!row[c].caption.empty()) captions.back() = kFrame + letter_height;
    }
  }
  int at = kMargin;
  for (size_t c = 0; c < widths.size(); ++c) {
    if (c < sheet.columns.size() && sheet.columns[c].apart) at += kApart;
    left.push_back(at);
    at += widths[c] + gap;
  }
  width = at - gap + kMargin;
  size_t lines = 0;
  for (size_t c = 0; c < std::min(sheet.columns.size(), widths.size()); ++c) {
    heads.push_back(lines_of(sheet.columns[c].caption, widths[c] + gap));
    lines = std::max(lines, heads.back().size());
  }
  at = kMargin + (lines ? static_cast<int>(lines) * letter_height + gap / 2 : 0);
  for (size_t r = 0; r < heights.size(); ++r) {
    top.push_back(at);
    at += heights[r] + captions[r] + gap;
  }
  height = at - gap + kMargin;
}

class Canvas {
 public:
  Canvas(int width, int height) : picture_{width, height, {}} {
    picture_.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
    fill({0, 0, width, height}, kGround);
  }

  struct Area {
    int left, top, width, height;
  };
  void fill(const Area& area, const Color& color) {
    for (int y = area.top; y < area.top + area.height; ++y)
      for (int x = area.left; x < area.left + area.width; ++x) set(x, y, color);
  }

  void paint(const ImageView& image, int factor, int left, int top) {
    const size_t last = static_cast<size_t>(image.channels) - 1;  // 0 for grey: the one channel three times
    for (int y = 0; y < image.height * factor; ++y)
      for (int x = 0; x < image.width * factor; ++x) {
        const uint8_t* from = image.pixels + (static_cast<size_t>(y / factor) * static_cast<size_t>(image.width) +
                                              static_cast<size_t>(x / factor)) *
                                                 static_cast<size_t>(image.channels);
        set(left + x, top + y, {from[0], from[std::min<size_t>(1, last)], from[last]});
      }
  }

  // `text` in the middle of what begins at `left` and is `width` wide.
  void write(const std::string& text, int left, int width, int top) {
    int at = left + (width - text_width(text)) / 2;
    for (const char c : text) {
      const std::string_view letter = letter_of(c);
      const int letter_width = static_cast<int>(letter.size()) / letter_height;
      for (size_t i = 0; i < letter.size(); ++i)
        cover(at + static_cast<int>(i) % letter_width, top + static_cast<int>(i) / letter_width, letter[i] - '0');
      at += letter_width;
    }
  }

  Picture finish() { return std::move(picture_); }

 private:
  uint8_t* pixel(int x, int y) {
    return &picture_
                .pixels[3 * (static_cast<size_t>(y) * static_cast<size_t>(picture_.width) + static_cast<size_t>(x))];
  }
  void set(int x, int y, const Color& color) {
    uint8_t* to = pixel(x, y);
    to[0] = color.red, to[1] = color.green, to[2] = color.blue;
  }
  // Ink over `ninths` of a pixel of the ground.
  void cover(int x, int y, int ninths) {
    if (ninths == 0 || x < 0 || x >= picture_.width) return;
    const auto mix = [&](int ground, int ink) { return static_cast<uint8_t>(ground + (ink - ground) * ninths / 9); };
    set(x, y, {mix(kGround.red, kInk.red), mix(kGround.green, kInk.green), mix(kGround.blue, kInk.blue)});
  }

  Picture picture_;
};

}  // namespace

Picture compose(const Sheet& sheet) {
  const Plan plan(sheet);
  Canvas canvas(plan.width, plan.height);
  for (size_t c = 0; c < plan.heads.size(); ++c)
    for (size_t i = 0; i < plan.heads[c].size(); ++i)  // the last line stands right above the images
      canvas.write(plan.heads[c][i], plan.left[c], plan.widths[c],
                   plan.top.front() - plan.gap / 2 - letter_height * static_cast<int>(plan.heads[c].size() - i));
  for (size_t r = 0; r < sheet.rows.size(); ++r)
    for (size_t c = 0; c < sheet.rows[r].size(); ++c) {
      const Cell& cell = sheet.rows[r][c];
      const int width = cell.image.width * plan.factor, height = cell.image.height * plan.factor;
      const int left = plan.left[c] + (plan.widths[c] - width) / 2, top = plan.top[r] + (plan.heights[r] - height) / 2;
      if (cell.frame) canvas.fill({left - kFrame, top - kFrame, width + 2 * kFrame, height + 2 * kFrame}, *cell.frame);
      canvas.paint(cell.image, plan.factor, left, top);
      canvas.write(cut(plain(cell.caption), plan.widths[c] + plan.gap), plan.left[c], plan.widths[c],
                   plan.top[r] + plan.heights[r] + kFrame);
    }
  return canvas.finish();
}

data::Image reduced(const data::Image& image, double scale) {
  if (scale >= 1) return image;
  const auto side = [&](int whole) { return std::max(1, static_cast<int>(std::lround(whole * scale))); };
  const data::Edit edit = data::crop_resize({0, 0, image.height, image.width}, side(image.height), side(image.width),
                                            data::Interpolation::bilinear);
  data::Image out;
  data::draw(image, {&edit, 1}, out);
  return out;
}

void write_png(const std::string& path, const Picture& picture) {
  const std::string unfinished = path + ".tmp";
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.format = PNG_FORMAT_RGB;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  std::string why;
  if (png_image_write_to_file(&image, unfinished.c_str(), 0, picture.pixels.data(), 0, nullptr) == 0)
    why = image.message;
  else if (::rename(unfinished.c_str(), path.c_str()) != 0)
    why = std::strerror(errno);
  if (why.empty()) return;
  ::unlink(unfinished.c_str());
  throw Error(Exit::storage, fmt::format("cannot write the picture {}: {}", path, why));
}

}  // namespace selfsup::evaluate
