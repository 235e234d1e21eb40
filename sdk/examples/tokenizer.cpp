// SPDX-License-Identifier: Apache-2.0
// Provides a tokenizer, of a kind that no host knows: a patch's token is the nearest of random directions, which lie in
// the checkpoint with everything else.
#include "tokenizer.h"

#include <ssp/cpp/plugin.hpp>

using namespace ssp;

namespace {

class RandomCodebook {
 public:
  static const char* schema() {
    return R"({
      "type": "object",
      "properties": {
        "type": {"type": "string"},
        "vocabulary": {"type": "integer", "minimum": 2, "default": 16},
        "patch_size": {"type": "integer", "minimum": 1, "default": 4}
      }
    })";
  }
  explicit RandomCodebook(const Scope& s)
      : codes_(s.frozen("codes", {s.get("vocabulary", 16), s.fact("channels").value_or(3) * pixels(s)},
                        Init::normal(0, 1))) {}
  int64_t vocabulary() const { return codes_.size(0); }
  Tensor tokens(const Tensor& images, int64_t patch, const Call& call) const {
    NoGrad guard(call);
    AutocastOff fp32(call);
    const Tensor patches = im2col(images, {patch, patch}, {patch, patch}).transpose(1, 2);  // [N, L, C patch patch]
    return matmul(patches - patches.mean(-1, true), codes_.t()).argmax(-1);
  }

 private:
  static int64_t pixels(const Scope& s) { return s.get("patch_size", 4) * s.get("patch_size", 4); }
  Tensor codes_;
};

using Functions = ComponentOf<RandomCodebook>;

int64_t vocabulary(ssp_component self) { return Functions::of(self).vocabulary(); }
ssp_status tokens(ssp_component self, ssp_call* call, ssp_tensor images, int64_t patch, ssp_tensor* out) {
  return guarded([&] {
    const Tensor x = Tensor::borrow(images);
    *out = Functions::of(self).tokens(x, patch, Call(call, x.size(0))).release();
  });
}
constexpr example_tokenizer table = {
    {sizeof(example_tokenizer), 0, Functions::schema, Functions::create, Functions::destroy}, vocabulary, tokens};

}  // namespace

SSP_PLUGIN(ComponentEntry{EXAMPLE_KIND_TOKENIZER, "RandomCodebook", &table});
