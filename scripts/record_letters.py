#!/usr/bin/env python3
"""Records the letters that captions of pictures are made of, as host/evaluate/letters.cpp.

  python3 scripts/record_letters.py >host/evaluate/letters.cpp && clang-format -i host/evaluate/letters.cpp

Needs Pillow, and DejaVu Sans (Debian's fonts-dejavu-core). A letter is a text of digits, row by row from the top: how much of each pixel
it covers, 0 to 9.
"""
from PIL import Image, ImageDraw, ImageFont

FONT, SIZE, HEIGHT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 14, 18

HEAD = '''// Written by scripts/record_letters.py: DejaVu Sans, drawn at 14 pixels. Fonts are (c) Bitstream (Bitstream Vera is a
// trademark of Bitstream, Inc.); DejaVu changes are in public domain.
#include "evaluate/letters.h"

namespace selfsup::evaluate {
namespace {

constexpr const char* kLetters[] = {'''
TAIL = '''};

}  // namespace

std::string_view letter_of(char c) { return kLetters[c >= ' ' && c <= '~' ? c - ' ' : '~' - ' ' + 1]; }

}  // namespace selfsup::evaluate'''


def letter(font, text):
    width = round(font.getlength(text))
    image = Image.new("L", (width, HEIGHT))
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font)
    return "".join(str(round(value * 9 / 255)) for value in image.tobytes())


def box():
    """Stands for characters that are not here."""
    width = 9
    rows = [[0] * width for _ in range(HEIGHT)]
    for y in range(3, 15):
        for x in range(1, width - 1):
            if y in (3, 14) or x in (1, width - 2):
                rows[y][x] = 6
    return "".join(str(value) for row in rows for value in row)


font = ImageFont.truetype(FONT, SIZE)
print(HEAD)
for code in range(ord(" "), ord("~") + 1):
    print(f'"{letter(font, chr(code))}",')
print(f'"{box()}",')
print(TAIL)
