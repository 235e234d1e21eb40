#include "evaluate/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/errors.h"
#include "base/utf8.h"
#include "evaluate/font.h"

namespace selfsup::evaluate {
namespace {

struct Color {
  uint8_t r, g, b;
};
constexpr Color ground{250, 250, 248}, ink{38, 38, 42}, frame{205, 205, 202};
constexpr int text_scale = 2, line_height = (glyph_height + 2) * text_scale, advance = glyph_advance * text_scale;
constexpr int margin = 20, gap = 10;

int text_width(std::string_view text) {
  return text.empty() ? 0 : static_cast<int>(text.size()) * advance - text_scale;
}

// Bytes that continue a UTF-8 character are dropped: the font shows one "?" for what it lacks.
std::string single_bytes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!utf8_continues(c)) out += c;
  }
  return out;
}

// Breaks at spaces; a word that is wider than the line is broken anywhere.
std::vector<std::string> wrapped(const std::string& text, int width) {
  const size_t most = static_cast<size_t>(std::max(1, (width + text_scale) / advance));
  std::vector<std::string> lines;
  std::string line;
  const auto flush = [&] {
    if (!line.empty()) lines.push_back(line);
    line.clear();
  };
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t space = std::min(rest.find_first_of(" \n"), rest.size());
    std::string_view word = rest.substr(0, space);
    const bool newline = space < rest.size() && rest[space] == '\n';
    rest.remove_prefix(std::min(space + 1, rest.size()));
    if (!line.empty() && line.size() + 1 + word.size() > most) flush();
    for (; word.size() > most; word.remove_prefix(most)) lines.emplace_back(word.substr(0, most));
    if (!line.empty() && !word.empty()) line += ' ';
    line += word;
    if (newline) flush();
  }
  flush();
  return lines;
}

int longest_word(const std::string& text) {
  int longest = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    longest = std::max(longest, text_width(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
  return longest;
}

class Canvas {
 public:
  Canvas(int width, int height) {
    picture_.width = width;
    picture_.height = height;
    picture_.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
    fill(0, 0, width, height, ground);
  }
  Picture take() { return std::move(picture_); }

  void fill(int x, int y, int width, int height, Color c) {
    for (int row = y; row < y + height; ++row) {
      for (uint8_t *p = at(x, row), *end = p + 3 * width; p != end; p += 3) p[0] = c.r, p[1] = c.g, p[2] = c.b;
    }
  }
  void text(int x, int y, std::string_view text, Color c) {
    for (const char letter : text) {
      for (int gy = 0; gy < glyph_height; ++gy) {
        for (int gx = 0; gx < glyph_width; ++gx) {
          if (glyph_ink(letter, gx, gy)) fill(x + gx * text_scale, y + gy * text_scale, text_scale, text_scale, c);
        }
      }
      x += advance;
    }
  }
  void image(int x, int y, const ImageView& image, int scale) {
    const int width = image.width * scale, height = image.height * scale;
    fill(x - 1, y - 1, width + 2, height + 2, frame);
    for (int iy = 0; iy < image.height; ++iy) {
      const uint8_t* from = image.pixels + static_cast<size_t>(iy) * image.width * image.channels;
      uint8_t* to = at(x, y + iy * scale);
      for (int ix = 0; ix < image.width; ++ix, from += image.channels) {
        const Color c = image.channels == 1 ? Color{from[0], from[0], from[0]} : Color{from[0], from[1], from[2]};
        fill(x + ix * scale, y + iy * scale, scale, 1, c);
      }
      for (int copy = 1; copy < scale; ++copy)
        std::memcpy(at(x, y + iy * scale + copy), to, static_cast<size_t>(width) * 3);
    }
  }

 private:
  uint8_t* at(int x, int y) {
    return picture_.pixels.data() +
           (static_cast<size_t>(y) * static_cast<size_t>(picture_.width) + static_cast<size_t>(x)) * 3;
  }
  Picture picture_;
};

int scale_of(const ImageView& image, int min_side) {
  const int side = std::max(image.width, image.height);
  return std::max(1, (min_side + side - 1) / side);
}

void check(const Panel& panel) {
  if (panel.columns.empty() || panel.rows.empty()) throw Error(Exit::failed, "a picture needs columns and rows");
  for (const auto& row : panel.rows) {
    if (row.size() > panel.columns.size())
      throw Error(Exit::failed, "a picture's row has more images than there are columns");
    for (const ImageView& image : row) {
      if (image.pixels && (image.width < 1 || image.height < 1 || image.width > 16384 || image.height > 16384 ||
                           (image.channels != 1 && image.channels != 3))) {
        throw Error(Exit::failed, fmt::format("a picture cannot show an image of {} x {} with {} channels", image.width,
                                              image.height, image.channels));
      }
    }
  }
}

}  // namespace

Picture compose(const Panel& panel) {
  check(panel);
  const size_t columns = panel.columns.size();
  std::vector<std::string> labels;
  for (const std::string& label : panel.columns) labels.push_back(single_bytes(label));

  std::vector<int> widths(columns), heights;
  for (size_t c = 0; c < columns; ++c) widths[c] = longest_word(labels[c]);
  for (const auto& row : panel.rows) {
    int height = 0;
    for (size_t c = 0; c < row.size(); ++c) {
      if (!row[c].pixels) continue;
      const int scale = scale_of(row[c], panel.min_side);
      widths[c] = std::max(widths[c], row[c].width * scale);
      height = std::max(height, row[c].height * scale);
    }
    heights.push_back(height);
  }
  int width = 2 * margin - gap;
  for (const int w : widths) width += w + gap;

  std::vector<std::vector<std::string>> titles;
  size_t title_lines = 0;
  for (size_t c = 0; c < columns; ++c) {
    titles.push_back(wrapped(labels[c], widths[c]));
    title_lines = std::max(title_lines, titles.back().size());
  }
  const int title_height = static_cast<int>(title_lines) * line_height;
  int height = 2 * margin + title_height;
  for (const int h : heights) height += h + gap;
  height -= gap;

  Canvas canvas(width, height);
  for (size_t c = 0, x = margin; c < columns; x += static_cast<size_t>(widths[c] + gap), ++c) {
    // Labels stand on the images: the last line of each is level with the others.
    int y = margin + (static_cast<int>(title_lines - titles[c].size())) * line_height - text_scale;
    for (const std::string& line : titles[c]) {
      canvas.text(static_cast<int>(x) + (widths[c] - text_width(line)) / 2, y, line, ink);
      y += line_height;
    }
  }
  int y = margin + title_height;
  for (size_t r = 0; r < panel.rows.size(); ++r) {
    for (size_t c = 0, x = margin; c < panel.rows[r].size(); x += static_cast<size_t>(widths[c] + gap), ++c) {
      const ImageView& image = panel.rows[r][c];
      if (!image.pixels) continue;
      const int scale = scale_of(image, panel.min_side);
      canvas.image(static_cast<int>(x) + (widths[c] - image.width * scale) / 2,
                   y + (heights[r] - image.height * scale) / 2, image, scale);
    }
    y += heights[r] + gap;
  }
  return canvas.take();
}

}  // namespace selfsup::evaluate
