// The codecs that there are. To add one, write a file that defines its function, and name this twice here.
#include "data/codecs/codec.h"

namespace selfsup::data {

Codec jpeg(), png(), webp(), tiff(), gif(), avif(), bmp(), pnm();

const Registry<Codec>& codecs() {
  static const Registry<Codec> all({jpeg(), png(), webp(), tiff(), gif(), avif(), bmp(), pnm()});
  return all;
}

}  // namespace selfsup::data
